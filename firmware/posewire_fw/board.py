"""The board as board.json describes it: which part is on which pin, and how to open it.

A part whose pins are missing from board.json is not there: the functions here return None for it.
"""

import json

import machine
from micropython import const

from posewire_fw import log

BOARD_FILE = "board.json"

# Of the I2S driver, in bytes of internal memory: 128 ms of 32-bit stereo words, 128 ms of 16-bit mono at 16 kHz.
MIC_BUFFER = const(16384)
# Half of that where memory is short.
MIC_BUFFER_SMALL = const(8192)
SPEAKER_BUFFER = const(4096)

UART_BUFFER = const(2048)


class Board:
    def __init__(self, data):
        info = data.get("board", {})
        self.name = info.get("name", "unknown")
        # What it is for: "motion", "voice" or "full". What the parts of that need: {part: [heap, chip's memory]}.
        self.profile = info.get("profile", "full")
        self.needs = data.get("needs", {})
        self.features = info.get("features", [])
        self.pins = data.get("pins", {})
        self._inverted = data.get("inverted", ())
        self.uart_baud = data.get("uart", {}).get("baud", 921600)
        self.imu = data.get("imu", {})
        self.led_count = data.get("led", {}).get("count", 1)
        self.led_width = data.get("led", {}).get("width", 0)
        self._codec = data.get("codec")
        self._i2c = None
        self.mic_buffer = MIC_BUFFER
        # Where one I2S port serves both, the microphone and the speaker take turns.
        self.half_duplex = "half_duplex" in self.features

    def has(self, *names):
        for name in names:
            if self.pins.get(name) is None:
                return False
        return True

    def pin(self, name, *args):
        return machine.Pin(self.pins[name], *args)

    def inverted(self, name):
        """Whether what hangs on a pin is on when the pin is low."""
        return name in self._inverted

    def output_pin(self, name):
        return self.pin(name, machine.Pin.OUT)

    def button_pin(self):
        return self.pin("button", machine.Pin.IN, machine.Pin.PULL_UP) if self.has("button") else None

    def has_microphone(self):
        return self.has("mic_sck", "mic_ws", "mic_sd")

    def has_speaker(self):
        return self.has("spk_sck", "spk_ws", "spk_sd")

    def open_microphone(self, rate):
        """I2S in, 32-bit words, left channel."""
        return machine.I2S(
            0,
            sck=self.pin("mic_sck"),
            ws=self.pin("mic_ws"),
            sd=self.pin("mic_sd"),
            mode=machine.I2S.RX,
            bits=32,
            format=machine.I2S.MONO,
            rate=rate,
            ibuf=self.mic_buffer,
        )

    def open_speaker(self, rate):
        """I2S out, 16-bit mono."""
        return machine.I2S(
            0 if self.half_duplex else 1,
            sck=self.pin("spk_sck"),
            ws=self.pin("spk_ws"),
            sd=self.pin("spk_sd"),
            mode=machine.I2S.TX,
            bits=16,
            format=machine.I2S.MONO,
            rate=rate,
            ibuf=SPEAKER_BUFFER,
        )

    def open_i2c(self):
        """The bus of the motion sensor; the same object each time."""
        if not self.has("i2c_scl", "i2c_sda"):
            return None
        if self._i2c is None:
            self._i2c = machine.I2C(0, scl=self.pin("i2c_scl"), sda=self.pin("i2c_sda"), freq=400000)
        return self._i2c

    def open_codec(self):
        """The audio codec, not yet started; None where the board has none."""
        if self._codec is None or not self.has("codec_scl", "codec_sda"):
            return None
        from posewire_fw.es8311 import Es8311

        return Es8311(self._codec_bus(), self._codec.get("address", 0x18), self._codec.get("setup", ()))

    def _codec_bus(self):
        pins = self.pins
        if pins["codec_scl"] == pins.get("i2c_scl") and pins["codec_sda"] == pins.get("i2c_sda"):
            return self.open_i2c()
        # Some chips have only the first bus.
        bus = 1 if self.has("i2c_scl", "i2c_sda") else 0
        return machine.I2C(bus, scl=self.pin("codec_scl"), sda=self.pin("codec_sda"), freq=400000)

    def amplifier(self, on):
        """Switch the amplifier, where the board has a pin for it."""
        if self.has("amplifier"):
            self.output_pin("amplifier").value(1 if on else 0)

    def open_uart(self, baud=None):
        if not self.has("uart_tx", "uart_rx"):
            return None
        tx, rx = self.pin("uart_tx"), self.pin("uart_rx")
        return machine.UART(1, baudrate=baud or self.uart_baud, tx=tx, rx=rx, rxbuf=UART_BUFFER, timeout=0)


def load(path=BOARD_FILE):
    """Read board.json; without a readable one the board comes up bare (network only) and says so."""
    try:
        with open(path) as file:
            data = json.load(file)
    except (OSError, ValueError) as exc:
        log.error("board", "no usable %s (%s): no parts", path, exc)
        data = {}
    return Board(data)
