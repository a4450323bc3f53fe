"""Starts the application in the order of the chip: what takes the chip's own memory first, then what fills the heap."""

import gc

import machine
import network

# Above this a chip has no clock; MicroPython starts below it.
_CLOCKS_MHZ = (240, 160)


def run():
    """Prepare the chip, then run the application."""
    run_faster()
    start_wifi()
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


def start_wifi():
    """Let Wi-Fi take its memory, 42 KB of an ESP32, while there is some: what the heap has taken stays taken."""
    if not wanted():
        return
    try:
        network.WLAN(network.STA_IF).active(True)
    except (OSError, RuntimeError) as exc:
        # Joining a network tries it again, and says what is wrong.
        print("start: no Wi-Fi: %s" % exc)


def wanted():
    """Whether the board uses Wi-Fi: "wifi": null in the settings says that something else brings the network up."""
    import json

    try:
        with open("config.json") as file:
            return json.load(file).get("wifi", ()) is not None
    except (OSError, ValueError, AttributeError, UnicodeError):
        return True
