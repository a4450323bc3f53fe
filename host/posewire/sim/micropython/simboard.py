"""Power on: the line to Python first, then what a board does: boot.py, then main.py."""

import gc
import time

import simbus

# Machine code needs a compiler for this processor. Without one the viper decorators have been replaced.
if simbus.settings.get("bytecode"):
    import simviper  # noqa: F401

# All of the hardware is there before the firmware: what it takes of the heap is not the firmware's.
import socket  # noqa: E402, F401

import esp32  # noqa: E402, F401
import machine  # noqa: E402, F401
import neopixel  # noqa: E402, F401
import network  # noqa: E402, F401

machine.I2C(0)  # its chips as well
if not simbus.settings.get("clock_set", True):
    time.set_clock(0)

_EVENTS = ("state", "stt", "tool", "emotion", "sentence", "connected", "disconnected", "alert", "pairing")


class _Status:
    """Answers Python's question for the firmware's own counters, from the event loop."""

    def __init__(self, snapshot):
        self._snapshot = snapshot
        self._wanted = False
        simbus.on(simbus.SNAPSHOT, self._ask)
        simbus.tick_with(self)

    def _ask(self, port, a, b, c, length):
        self._wanted = True

    def tick(self):
        if self._wanted:
            self._wanted = False
            # What is free when everything that nobody needs is gone.
            gc.collect()
            free = gc.mem_free()
            status = self._snapshot()
            status["heap_free"] = free
            simbus.send_json(simbus.STATUS, status)
            # Leave the heap as it was found: the firmware measures what it allocates.
            gc.collect()


def _forward(name):
    return lambda value: simbus.send_json(simbus.EVENT, [name, value])


def _listen():
    try:
        from posewire_fw import app
    except Exception:
        # Another program than this firmware, or a firmware that is broken: main.py will say so.
        return
    for name in _EVENTS:
        app.on(name, _forward(name))
    _Status(app.snapshot)
    simbus.on(simbus.OFF, lambda *numbers: app.current().session.leave())


simbus.start()
gc.collect()
# The chip's heap begins with 64 KB (twice that here, as objects are twice as large) and grows only when a collection
# did not help. A large heap from the start would be strewn with garbage, and small things that stay, from end to end.
gc.threshold(131072)
simbus.send(simbus.READY, 0, gc.mem_alloc(), time.ticks_us())
try:
    import boot  # noqa: F401
except ImportError:
    pass
_listen()
import main  # noqa: E402, F401
