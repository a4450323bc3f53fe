"""Crashes for want of memory that leave none to say so: the board restarts all the same. Runs on MicroPython only."""

import machine
import micropython
import posewire_slots

from posewire_fw import app


class Restart(BaseException):
    pass


RESTART = Restart()
NO_MEMORY = MemoryError()


class Full:
    """An application whose heap is full."""

    def __init__(self):
        micropython.heap_lock()
        raise NO_MEMORY


def restart():
    raise RESTART


def test_a_crash_that_cannot_be_told_ends_in_a_restart():
    whole, reset = app.App, machine.reset
    app.App, machine.reset = Full, restart
    restarted = False
    try:
        app.run()
    except Restart:
        restarted = True
    finally:
        micropython.heap_unlock()
        app.App, machine.reset = whole, reset
    assert restarted


def full():
    micropython.heap_lock()
    raise NO_MEMORY


def test_an_application_that_has_no_memory_to_be_imported_is_tried_again():
    reset = machine.reset
    machine.reset = restart
    restarted = False
    try:
        posewire_slots.run(full)
    except Restart:
        restarted = True
    finally:
        micropython.heap_unlock()
        machine.reset = reset
    assert restarted
