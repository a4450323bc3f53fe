"""Contradictions in the definition of a board: with its chip, among its pins, between its class and its parts."""

from posewire.boards.chips import CHIPS, OCTAL_PINS
from posewire.boards.definition import CLASSES, CODECS, FEATURES, IMUS, BoardDefinition
from posewire.boards.profiles import PROFILES

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


def find_contradictions(board: BoardDefinition) -> list[str]:
    """Return a line for each contradiction, with its table; of an unknown chip only those that need no chip."""
    findings: list[str] = []
    _check_identity(board, findings)
    if board.board.chip in CHIPS:
        _check_image(board, findings)
        _check_pins(board, findings)
        _check_inverted(board, findings)
        _check_sound(board, findings)
    _check_parts(board, findings)
    return findings


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
