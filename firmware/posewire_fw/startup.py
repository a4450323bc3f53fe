"""Starts the application in the order of the chip: what takes the chip's own memory first, then what fills the heap."""

import gc
import json

import machine
import network
from micropython import const

# Above this a chip has no clock; MicroPython starts below it.
_CLOCKS_MHZ = (240, 160)
# Of the chip's own memory, what the heap is to leave for sockets, machine code and DMA, and for TLS where it is used.
# `posewire deploy` writes what the board's profile needs ("keep" in board.json); this is for a board without.
_KEEP = const(41000)
_KEEP_TLS = const(50000)


def run():
    """Prepare the chip, then run the application."""
    run_faster()
    settings = read()
    if settings.get("wifi", ()) is not None:
        start_wifi()
    grow_heap(settings)
    del settings
    gc.collect()
    from posewire_fw.unload import unload_modules

    unload_modules("startup", "_version")
    from posewire_fw.app import run as run_app

    run_app()


def run_faster():
    """Set the highest clock that the chip has."""
    for megahertz in _CLOCKS_MHZ:
        try:
            machine.freq(megahertz * 1000000)
            return
        except (ValueError, AttributeError, TypeError):
            continue


def read():
    """The settings as they are in the file; the application reads them more carefully."""
    return _read("config.json")


def _read(name):
    try:
        with open(name) as file:
            found = json.load(file)
        return found if isinstance(found, dict) else {}
    except (OSError, ValueError, UnicodeError):
        return {}


def start_wifi():
    """Let Wi-Fi take its memory, 42 KB of an ESP32, while there is some: what the heap has taken stays taken."""
    try:
        network.WLAN(network.STA_IF).active(True)
    except (OSError, RuntimeError) as exc:
        # Joining a network tries it again, and says what is wrong.
        print("start: no Wi-Fi: %s" % exc)


def grow_heap(settings):
    """On a chip whose heap grows out of its own memory, let it grow by what is not needed there, once and now."""
    from posewire_fw import growing

    if not growing.is_small():
        return
    host = settings.get("host")
    url = host.get("url", "") if isinstance(host, dict) else ""
    with_tls = isinstance(url, str) and url.startswith("wss:")
    board = _read("board.json")
    keep = board.get("keep")
    if not isinstance(keep, list) or len(keep) != 2:
        keep = (_KEEP, _KEEP_TLS)
    growing.grow(keep[1 if with_tls else 0], board.get("pins"))
