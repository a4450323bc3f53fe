"""The differences between the chips: where their image goes, which pins there are, how many I2S ports."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Chip:
    """One kind of ESP32.

    ``esptool``: its name in esptool's output. ``offset``: where a MicroPython image goes in flash. ``pins``: how many
    GPIO numbers there are. ``absent``: numbers among them that no pin has. ``flash_pins``: taken by the flash in every
    module. ``inputs``: pins that cannot drive. ``mpy``: the architecture of its native code, as mpy-cross calls it.
    """

    name: str
    esptool: str
    offset: int
    pins: int
    absent: tuple[int, ...]
    flash_pins: range
    inputs: range
    i2s_ports: int
    i2c_ports: int
    mpy: str


CHIPS = {
    chip.name: chip
    for chip in (
        Chip("esp32", "ESP32", 0x1000, 40, (20, 24, 28, 29, 30, 31), range(6, 12), range(34, 40), 2, 2, "xtensawin"),
        Chip("esp32s2", "ESP32-S2", 0x1000, 47, (22, 23, 24, 25), range(27, 33), range(46, 47), 1, 2, "xtensawin"),
        Chip("esp32s3", "ESP32-S3", 0x0, 49, (22, 23, 24, 25), range(27, 33), range(0), 2, 2, "xtensawin"),
        Chip("esp32c3", "ESP32-C3", 0x0, 22, (), range(12, 18), range(0), 1, 1, "rv32imc"),
        Chip("esp32c6", "ESP32-C6", 0x0, 31, (), range(24, 31), range(0), 1, 1, "rv32imc"),
    )
}

# Octal PSRAM (image variant SPIRAM_OCT) takes these of an ESP32-S3 besides.
OCTAL_PINS = range(33, 38)
