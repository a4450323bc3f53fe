"""board.toml: a typed loader that says what is wrong in words that the author of the file can act on."""

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields, replace
from functools import partial
from pathlib import Path
from types import UnionType
from typing import Any, Final, get_args, get_origin

from posewire.boards.chip_memory import ChipMemory, chip_memory
from posewire.boards.chips import CHIPS, OCTAL_PINS, Chip
from posewire.boards.profiles import PROFILES
from posewire.config import read_toml
from posewire.errors import BoardError, ConfigError

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

# Pins that the firmware itself uses; others are for tools of one's own.
_OUTPUTS = ("led", "mic_sck", "mic_ws", "spk_sck", "spk_ws", "spk_sd", "amplifier", "i2c_scl", "codec_scl", "uart_tx")
_GROUPS = (
    ("mic_sck", "mic_ws", "mic_sd"),
    ("spk_sck", "spk_ws", "spk_sd"),
    ("i2c_scl", "i2c_sda"),
    ("codec_scl", "codec_sda"),
    ("uart_tx", "uart_rx"),
)
# What may be on one pin together: the two directions of one I2S port, and two devices on one bus.
_SHARED = tuple(
    frozenset(pair)
    for pair in (("mic_sck", "spk_sck"), ("mic_ws", "spk_ws"), ("i2c_scl", "codec_scl"), ("i2c_sda", "codec_sda"))
)
_ADDRESSES = range(0x08, 0x78)


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


_TABLES: Final = {
    "board": Identity,
    "image": Image,
    "codec": Codec,
    "imu": Imu,
    "led": Led,
    "uart": Uart,
    "display": Display,
}


def load_board(folder: Path) -> BoardDefinition:
    """Read and check the board.toml of a folder.

    Raises:
        BoardError: it cannot be read, is not TOML, or describes no board that there can be. One line for each finding.
    """
    path = folder / "board.toml"
    try:
        data = read_toml(path)
    except ConfigError as error:
        raise BoardError(str(error)) from None
    try:
        return parse_board(data)
    except BoardError as error:
        raise BoardError(f"{path}:\n{error}") from None


def parse_board(data: Mapping[str, Any]) -> BoardDefinition:
    """Check the tables of a board.toml.

    Raises:
        BoardError: one line for each finding.
    """
    findings: list[str] = []
    tables = _tables(data, findings)
    if findings:
        raise BoardError("\n".join(findings))
    board = BoardDefinition(**tables)
    _check_identity(board, findings)
    if board.board.chip in CHIPS:
        _check_image(board, findings)
        _check_pins(board, findings)
        _check_inverted(board, findings)
        _check_sound(board, findings)
    _check_parts(board, findings)
    if findings:
        raise BoardError("\n".join(findings))
    return board


# Not read_table of posewire.config: that stops at the first finding, and whoever describes a board wants all of them.
def _tables(data: Mapping[str, Any], findings: list[str]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for name, content in data.items():
        if name == "pins" and isinstance(content, dict):
            result["pins"] = _pins(content, findings)
        elif name in _TABLES and isinstance(content, dict):
            result[name] = _table(name, _TABLES[name], content, findings)
        else:
            findings.append(f"[{name}] is not a table of a board: there are {', '.join([*_TABLES, 'pins'])}")
    findings.extend(f"[{name}] is missing" for name in ("board", "image", "pins") if name not in data)
    return result


def _pins(content: Mapping[str, Any], findings: list[str]) -> dict[str, int]:
    pins: dict[str, int] = {}
    for name, number in content.items():
        if isinstance(number, int) and not isinstance(number, bool):
            pins[name] = number
        else:
            findings.append(
                f"[pins] {name} must be a GPIO number, is {number!r}; leave out what the board does not have"
            )
    return pins


def _table(name: str, kind: type[Any], content: Mapping[str, Any], findings: list[str]) -> Any:
    # "class" is a word of Python's own.
    values = {"grade" if key == "class" else key: value for key, value in content.items()}
    say = partial(_label, name)
    known = {item.name: item for item in fields(kind)}
    before = len(findings)
    findings.extend(f"{say(key)} is unknown" for key in values if key not in known)
    for key, item in known.items():
        if key in values:
            if not _is_a(values[key], item.type):
                findings.append(f"{say(key)} must be {_words(item.type)}, is {values[key]!r}")
        elif item.default is MISSING and item.default_factory is MISSING:
            findings.append(f"{say(key)} is missing")
    return kind(**values) if len(findings) == before else None


def _label(table: str, key: str) -> str:
    return f"[{table}] {'class' if key == 'grade' else key}"


def _is_a(value: Any, kind: Any) -> bool:
    if isinstance(kind, UnionType):
        return any(_is_a(value, option) for option in get_args(kind))
    if get_origin(kind) is list:
        return isinstance(value, list) and all(_is_a(item, get_args(kind)[0]) for item in value)
    return isinstance(value, kind) and not (kind is int and isinstance(value, bool))


def _words(kind: Any) -> str:
    if get_origin(kind) is list:
        inner = get_args(kind)[0]
        return "a list of [address, register, value]" if get_origin(inner) is list else "a list of texts"
    return {str: "a text", int: "a whole number", bool: "true or false"}[kind]


def _check_identity(board: BoardDefinition, findings: list[str]) -> None:
    identity = board.board
    if identity.chip not in CHIPS:
        findings.append(f"[board] chip must be one of {', '.join(CHIPS)}, is {identity.chip!r}")
    if identity.grade not in CLASSES:
        findings.append(f"[board] class must be one of {', '.join(CLASSES)}, is {identity.grade!r}")
    findings.extend(f"[board] features: {name!r} is unknown" for name in identity.features if name not in FEATURES)
    if identity.profile not in PROFILES:
        findings.append(f"[board] profile must be one of {', '.join(PROFILES)}, is {identity.profile!r}")
    if not identity.sources:
        findings.append("[board] sources is empty: say where the pins are from")


def _check_image(board: BoardDefinition, findings: list[str]) -> None:
    if board.image.offset != board.chip.offset:
        findings.append(
            f"[image] offset: MicroPython starts at {board.chip.offset:#x} on {board.board.chip}, "
            f"not at {board.image.offset:#x}"
        )


def _check_pins(board: BoardDefinition, findings: list[str]) -> None:
    chip = board.chip
    used: dict[int, str] = {}
    for name, number in board.pins.items():
        if not 0 <= number < chip.pins or number in chip.absent:
            findings.append(f"[pins] {name}: {chip.name} has no GPIO {number}")
        elif number in chip.flash_pins:
            findings.append(f"[pins] {name}: GPIO {number} belongs to the flash on {chip.name}")
        elif number in OCTAL_PINS and chip.name == "esp32s3" and "OCT" in board.image.variant:
            findings.append(f"[pins] {name}: GPIO {number} belongs to the octal PSRAM")
        elif number in chip.inputs and name in _OUTPUTS:
            findings.append(f"[pins] {name}: GPIO {number} of {chip.name} is an input only")
        other = used.setdefault(number, name)
        if other != name and frozenset((other, name)) not in _SHARED:
            findings.append(f"[pins] {name}: GPIO {number} is {other} already")
    for group in _GROUPS:
        there = [name for name in group if name in board.pins]
        if there and len(there) < len(group):
            missing = [name for name in group if name not in there]
            findings.append(f"[pins] {', '.join(there)} without {', '.join(missing)}")


def _check_inverted(board: BoardDefinition, findings: list[str]) -> None:
    plain_led = "neopixel" not in board.board.features
    for name in board.board.inverted:
        if name not in board.pins:
            findings.append(f"[board] inverted: there is no pin {name}")
        elif not (name.startswith("relay") or (name == "led" and plain_led)):
            findings.append(f"[board] inverted: {name} is neither a relay nor a plain LED")


def _check_sound(board: BoardDefinition, findings: list[str]) -> None:
    mic, speaker = "mic_sck" in board.pins, "spk_sck" in board.pins
    turns = "half_duplex" in board.board.features
    grade = board.board.grade
    say = f"[board] class {grade}"
    if mic and speaker and not turns:
        if board.pins["mic_sck"] == board.pins["spk_sck"]:
            findings.append("[board] features: microphone and speaker share their clock, so it is half_duplex")
        elif board.chip.i2s_ports == 1:
            findings.append(f"[board] features: {board.chip.name} has one I2S port, so it is half_duplex")
    if grade == "A" and (not (mic and speaker) or turns):
        findings.append(f"{say}: has a microphone and a speaker, and is not half_duplex")
    if grade == "B" and not (mic and speaker and turns):
        findings.append(f"{say}: has a microphone and a speaker, and is half_duplex")
    if grade == "C" and (mic or not speaker):
        findings.append(f"{say}: has a speaker and no microphone that works")
    if grade == "motion" and (mic or speaker):
        findings.append(f"{say}: has neither a microphone nor a speaker")


def _check_parts(board: BoardDefinition, findings: list[str]) -> None:
    if board.codec is not None:
        _check_choice("codec", board.codec.chip, CODECS, findings)
        _check_address("codec", board.codec.address, findings)
        if "codec_sda" not in board.pins:
            findings.append("[codec] needs [pins] codec_scl and codec_sda")
        shared = board.pins.get("codec_sda") == board.pins.get("i2c_sda", board.pins.get("codec_sda"))
        if board.chip.i2c_ports == 1 and not shared:
            findings.append(f"[pins] {board.chip.name} has one I2C port: codec_scl, codec_sda are i2c_scl, i2c_sda")
        findings.extend(
            f"[codec] setup: {entry} is not [address, register, value]"
            for entry in board.codec.setup
            if len(entry) != 3 or entry[0] not in _ADDRESSES or not all(0 <= value <= 255 for value in entry)
        )
    if board.imu is not None:
        _check_choice("imu", board.imu.chip, IMUS, findings)
        if board.imu.address:
            _check_address("imu", board.imu.address, findings)
        if "i2c_sda" not in board.pins:
            findings.append("[imu] needs [pins] i2c_scl and i2c_sda")
    if board.led is not None:
        if "neopixel" not in board.board.features or "led" not in board.pins:
            findings.append("[led] is about WS2812: it needs the feature neopixel and [pins] led")
        if board.led.count < 1 or board.led.width < 0 or (board.led.width and board.led.count % board.led.width):
            findings.append(f"[led] {board.led.count} LEDs are not rows of {board.led.width}")
    if board.uart is not None and not 1200 <= board.uart.baud <= 5_000_000:
        findings.append(f"[uart] baud must be 1200 to 5000000, is {board.uart.baud}")


def _check_choice(table: str, value: str, choices: tuple[str, ...], findings: list[str]) -> None:
    if value not in choices:
        findings.append(f"[{table}] chip must be one of {', '.join(choices)}, is {value!r}: there is no driver for it")


def _check_address(table: str, value: int, findings: list[str]) -> None:
    if value not in _ADDRESSES:
        findings.append(f"[{table}] address must be {_ADDRESSES[0]:#x} to {_ADDRESSES[-1]:#x}, is {value:#x}")
