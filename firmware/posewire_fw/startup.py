"""Starts the application in the order of the chip: what takes the chip's own memory first, then what fills the heap."""

import gc
import json

import machine
import network
from micropython import const

# Above this a chip has no clock; MicroPython starts below it.
_CLOCKS_MHZ = (240, 160)
# The heap of a plain ESP32 grows once, by the largest free block of the chip's own memory but by no more than its own
# size. What is held back while it does so stays the chip's: for sockets, machine code, DMA, and for TLS where it is
# used. Measured on an emulated chip: docs/performance.md.
_GROWTH = const(55296)
_GROWTH_TLS = const(46080)
_FIRST_HEAP_MAX = const(60000)


def run():
    """Prepare the chip, then run the application."""
    run_faster()
    settings = read()
    if settings.get("wifi", ()) is not None:
        start_wifi()
    hold_back(settings)
    del settings
    gc.collect()
    from posewire_fw.unload import unload_modules

    unload_modules("startup")
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
    try:
        with open("config.json") as file:
            settings = json.load(file)
        return settings if isinstance(settings, dict) else {}
    except (OSError, ValueError, UnicodeError):
        return {}


def start_wifi():
    """Let Wi-Fi take its memory, 42 KB of an ESP32, while there is some: what the heap has taken stays taken."""
    try:
        network.WLAN(network.STA_IF).active(True)
    except (OSError, RuntimeError) as exc:
        # Joining a network tries it again, and says what is wrong.
        print("start: no Wi-Fi: %s" % exc)


def hold_back(settings):
    """On a chip with little memory, hold what the heap is not to take; memory.release() gives it back."""
    from posewire_fw import memory

    if not memory.is_small() or gc.mem_alloc() + memory.heap_free() > _FIRST_HEAP_MAX:
        return
    host = settings.get("host")
    url = host.get("url", "") if isinstance(host, dict) else ""
    growth = _GROWTH_TLS if isinstance(url, str) and url.startswith("wss:") else _GROWTH
    memory.hold(memory.growth() - growth)
