"""All parts around one simulated board, and what the board's records do to them."""

import json
import threading
import time
from collections.abc import Mapping
from pathlib import Path

from posewire.sim.parts.bus import Bus, Kind, Record
from posewire.sim.parts.button import Button
from posewire.sim.parts.camera import Camera
from posewire.sim.parts.imu import Imu
from posewire.sim.parts.led import Led
from posewire.sim.parts.microphone import Microphone
from posewire.sim.parts.network import Network
from posewire.sim.parts.outputs import Outputs
from posewire.sim.parts.speaker import Speaker
from posewire.sim.parts.wifi import Wifi


class Hardware:
    """The parts of a board whose definition names ``pins``; ``microphone`` is the file that the board hears from."""

    def __init__(self, pins: Mapping[str, int], microphone: Path) -> None:
        self.network = Network()
        self.wifi = Wifi(self.network)
        self.mic = Microphone(microphone)
        self.speaker = Speaker()
        self.button = Button(pins.get("button"))
        self.led = Led()
        self.outputs = Outputs(dict(pins))
        self.imu = Imu()
        self.camera = Camera()
        self._led_pin = pins.get("led")

    def attach(self, bus: Bus) -> None:
        """The board has been switched on: it finds every part as it is."""
        for part in (self.wifi, self.mic, self.button, self.imu, self.camera):
            part.attach(bus)
        bus.send(Kind.PARTS)

    def handle(self, bus: Bus, record: Record) -> None:
        """Let a record of the board act on the part that it is about; one that is about no part does nothing."""
        match record.kind:
            case Kind.PIN_OUT if record.port == self._led_pin:
                self.led.level(record.a)
            case Kind.PIN_OUT:
                self.outputs.driven(record.port, float(record.a))
            case Kind.LED if record.port == self._led_pin:
                self.led.pixels(record.payload)
            case Kind.LED:
                self.outputs.lit(record.port, record.payload)
            case Kind.PWM:
                self.outputs.driven(record.port, record.a / 65535, record.b)
            case Kind.I2S_OPEN if record.c & 4:
                self.speaker.opened(record.a, record.c & 3)
            case Kind.I2S_DATA:
                self.speaker.written(bus.moment(record.b), record.payload)
            case Kind.I2S_CLOSE:
                self.speaker.closed(bus.moment(record.b))
            case Kind.WLAN:
                self.wifi.status = record.a
            case Kind.AP:
                self.wifi.announced(*json.loads(record.payload))
            case Kind.UART_OPEN:
                self.camera.uart_opened(record.port, record.a)
            case Kind.RESOLVE:
                answer = threading.Timer(self.network.dns_delay, self._answer_name, (bus, record))
                answer.daemon = True
                answer.start()
            case Kind.STARVED:
                self.network.starve(bool(record.a))

    def power_off(self) -> None:
        """The board has lost its power."""
        self.network.starve(False)
        self.speaker.closed(time.monotonic())
        self.led.power_off()
        self.outputs.power_off()
        self.camera.uart_opened(0, 0)

    def close(self) -> None:
        """Stop what plays, and close the network."""
        self.imu.stop()
        self.camera.stop()
        self.network.close()

    def _answer_name(self, bus: Bus, record: Record) -> None:
        found = self.network.resolve(record.payload.decode("utf-8", "replace"), record.a)
        port, ip = found if found is not None else (-1, "")
        bus.send(Kind.RESOLVED, 0, port, payload=ip.encode())
