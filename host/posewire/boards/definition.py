"""The definition of a board: the tables of a board.toml as dataclasses, and the part of them that the board reads."""

from dataclasses import dataclass, field, replace
from typing import Any, Final

from posewire.boards.chip_memory import ChipMemory, chip_memory
from posewire.boards.chips import CHIPS, Chip

CLASSES: Final = {
    "A": "voice in both directions at once: a microphone and an amplifier, each on an I2S port of its own",
    "B": "voice by turns: a codec chip, or a chip with one I2S port, so the board either listens or speaks",
    "C": "speaks, but does not hear: its microphone chip needs a master clock that MicroPython's I2S does not give",
    "motion": "motion only: no sound",
}
FEATURES: Final = {
    "neopixel": "the LED is a WS2812 (or several in a row); without it, a plain LED, lit by a high level",
    "half_duplex": "microphone and speaker share one I2S port: they take turns",
}
CODECS: Final = ("es8311",)
IMUS: Final = ("mpu6050", "mpu6886", "qmi8658", "lsm6ds", "bmi270")


@dataclass(frozen=True)
class Identity:
    """Table ``[board]``. ``class`` in the file is ``grade`` here.

    ``inverted``: the pins whose part is on while they are low. ``profile``: what it is for unless its owner chooses.
    """

    name: str
    title: str
    chip: str
    grade: str
    sources: list[str]
    features: list[str] = field(default_factory=list)
    inverted: list[str] = field(default_factory=list)
    tried_on_hardware: bool = False
    notes: str = ""
    profile: str = "full"


@dataclass(frozen=True)
class Image:
    """Table ``[image]``: the MicroPython image by its name on micropython.org/download, and where it goes in flash."""

    name: str
    offset: int
    variant: str = ""

    @property
    def full_name(self) -> str:
        """Name and variant as in the names of image files, such as ``ESP32_GENERIC_S3-SPIRAM_OCT``."""
        return f"{self.name}-{self.variant}" if self.variant else self.name


@dataclass(frozen=True)
class Codec:
    """Table ``[codec]``: an audio codec on I2C. ``setup``: [address, register, value] to write first, at power-on."""

    chip: str
    address: int = 0x18
    setup: list[list[int]] = field(default_factory=list)


@dataclass(frozen=True)
class Imu:
    """Table ``[imu]``: a motion sensor on the board itself. ``address`` 0: where its kind usually is."""

    chip: str
    address: int = 0


@dataclass(frozen=True)
class Led:
    """Table ``[led]``: WS2812 LEDs in a row, the first of which shows the board's state. ``width``: of a matrix."""

    count: int = 1
    width: int = 0


@dataclass(frozen=True)
class Uart:
    """Table ``[uart]``."""

    baud: int = 921600


@dataclass(frozen=True)
class Display:
    """Table ``[display]``: what is there, for user code; the firmware draws nothing itself."""

    chip: str
    width: int
    height: int


@dataclass(frozen=True)
class BoardDefinition:
    """One board. All checks have passed."""

    board: Identity
    image: Image
    pins: dict[str, int]
    codec: Codec | None = None
    imu: Imu | None = None
    led: Led | None = None
    uart: Uart | None = None
    display: Display | None = None

    @property
    def chip(self) -> Chip:
        """The facts about its chip."""
        return CHIPS[self.board.chip]

    def with_profile(self, profile: str) -> "BoardDefinition":
        """The same board for another purpose."""
        return replace(self, board=replace(self.board, profile=profile))

    @property
    def memory(self) -> ChipMemory:
        """The memory that its chip has under its image."""
        return chip_memory(f"{self.board.chip}-psram" if "SPIRAM" in self.image.variant else self.board.chip)

    def device_tables(self) -> dict[str, Any]:
        """The part that the firmware reads: the content of board.json. The rest would only take memory there."""
        identity = self.board
        tables: dict[str, Any] = {
            "board": {
                "name": identity.name,
                "chip": identity.chip,
                "profile": identity.profile,
                "features": identity.features,
            },
            "pins": self.pins,
        }
        if identity.inverted:
            tables["inverted"] = identity.inverted
        if self.codec is not None:
            tables["codec"] = {"chip": self.codec.chip, "address": self.codec.address, "setup": self.codec.setup}
        if self.imu is not None:
            tables["imu"] = {"chip": self.imu.chip, "address": self.imu.address}
        if self.led is not None:
            tables["led"] = {"count": self.led.count, "width": self.led.width}
        if self.uart is not None:
            tables["uart"] = {"baud": self.uart.baud}
        return tables


TABLES: Final = {
    "board": Identity,
    "image": Image,
    "codec": Codec,
    "imu": Imu,
    "led": Led,
    "uart": Uart,
    "display": Display,
}
