"""The tools of the reference board (docs/wire.md section 2.3), each next to the part that it works on."""

from micropython import const

from posewire_fw import log, memory
from posewire_fw.tools import integer

_IDENTIFY_MS = const(3000)
_BEEP_MS = const(400)


def register(app):
    """Declare the tools that this board's parts allow."""
    tools = app.tools
    led = app.led
    speaker = app.speaker

    def status():
        result = {
            "led": {"red": led.color[0], "green": led.color[1], "blue": led.color[2]},
            "network": {"type": "wifi", "rssi": app.wifi.rssi()},
            "heap_free": memory.heap_free(),
            "uptime_ms": app.clock.uptime_ms(),
        }
        if speaker is not None:
            result["audio_speaker"] = {"volume": speaker.volume}
        return result

    def identify():
        led.identify(_IDENTIFY_MS)
        listening = app.mic is not None and app.mic.running()
        if speaker is not None and not (app.board.half_duplex and listening):
            speaker.beep(_BEEP_MS)

    tools.tool(
        "self.get_device_status",
        "The board's present state: speaker volume, LED colour, signal strength, free memory, uptime.",
        {},
        status,
    )
    if speaker is not None:
        tools.tool(
            "self.audio_speaker.set_volume",
            "Set the speaker's volume in percent.",
            {"volume": integer(0, 100, "percent")},
            speaker.set_volume,
        )
        tools.value("audio_speaker", "volume", "volume in percent", "number", lambda: speaker.volume)
    if app.board.has("led"):
        tools.tool(
            "self.led.set_color",
            "Set the LED's colour.",
            {"red": integer(0, 255), "green": integer(0, 255), "blue": integer(0, 255)},
            led.set_color,
        )
        tools.tool("self.led.turn_on", "Switch the LED on, in its last colour.", {}, led.turn_on)
        tools.tool("self.led.turn_off", "Switch the LED off.", {}, led.turn_off)
        tools.value("led", "on", "whether the LED is lit", "boolean", lambda: led.color != (0, 0, 0))
    if app.imu is not None:
        tools.tool(
            "self.imu.calibrate",
            "Measure what the gyroscope shows at rest, and take it off from then on. Lay the board down first.",
            {},
            app.imu.bias.measure,
        )
    tools.tool("self.identify", "Blink the LED and beep, to find the board.", {}, identify)
    tools.tool("self.log.read", "The last lines of the board's log.", {}, log.tail)
    tools.tool("self.restart", "Restart the board.", {}, app.reboot)
