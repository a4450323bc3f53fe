"""Makes what everything else rests on: board, link, Wi-Fi, tools, button, console. Needed at the start only."""

from micropython import const

from posewire_fw import board, growing, log
from posewire_fw.led import open_led
from posewire_fw.link import Link
from posewire_fw.tools import Tools
from posewire_fw.uplink import Uplink
from posewire_fw.wifi import Wifi

# The longest message received and sent, and what is read at once; the same of a chip that has little memory: there a
# piece of an update has 2200 bytes, a page of tools/list 1300.
_MESSAGE = const(4096)
_CHUNK = const(1460)
_RECEIVE_SMALL = const(2560)
_SEND_SMALL = const(1664)
_CHUNK_SMALL = const(1008)


def build(app):
    """Make them as attributes of the application."""
    settings = app.config
    hardware = app.board = board.load()
    app.small = growing.is_small()
    app.led = open_led(hardware)
    app.events.on("state", app.led.set_state)
    silence = settings["host"]["silence"] * 1000
    app.uplink = Uplink(app.clock)
    if app.small:
        app.link = Link(app.uplink, 0, 0, silence_ms=silence, chunk=0)
        app.link.receiver.message = growing.keeper(_RECEIVE_SMALL)
        log.ring = growing.lasting_buffer(len(log.ring))
        app.link.receiver.chunk = growing.lasting_buffer(_CHUNK_SMALL)
        app.link.builder.buffer = growing.lasting_buffer(app.link.builder.PAYLOAD + _SEND_SMALL)
        app.link.receiver.control = growing.lasting_buffer(len(app.link.receiver.control))
        app.link.pong = growing.lasting_buffer(len(app.link.pong))
        app.link.builder.keys.block = growing.lasting_buffer(len(app.link.builder.keys.block))
    else:
        app.link = Link(app.uplink, _MESSAGE, _MESSAGE, silence_ms=silence, chunk=_CHUNK)
    app.wifi = Wifi(settings["wifi"])
    app.tools = Tools(hardware.name, app.on_tool_call)
    app.tools.longest = _SEND_SMALL if app.small else _MESSAGE
    pin = hardware.button_pin()
    if pin is not None:
        from posewire_fw.button import Button

        app.button = Button(pin)
    from posewire_fw.console import Console

    app.console = Console(app.make_improv)
