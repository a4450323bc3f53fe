"""The MicroPython on a board, and the check that this firmware runs on it."""

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
    """A MicroPython: its version, its text for the board, and the native code that it takes (empty: none)."""

    version: tuple[int, ...]
    machine: str
    mpy_version: tuple[int, int]
    architecture: str

    @property
    def takes_mpy(self) -> bool:
        """Whether it loads the files of mpy-cross; otherwise it gets source."""
        return self.mpy_version == MPY_VERSION and bool(self.architecture)

    def describe(self) -> str:
        """Return a description in one line."""
        version = ".".join(str(part) for part in self.version[:3])
        code = f", native code {self.architecture}" if self.architecture else ""
        return f"MicroPython {version} on {self.machine}{code}"


def parse_interpreter(version: list[int], mpy: int, machine: str) -> Interpreter:
    """Make one from ``sys.implementation``: ``version``, ``_mpy`` (0 where there is none), ``_machine``."""
    index = mpy >> 10
    name = _ARCHITECTURES[index] if index < len(_ARCHITECTURES) else ""
    return Interpreter(tuple(version[:3]), machine, (mpy & 0xFF, mpy >> 8 & 3), name)


def check_interpreter(interpreter: Interpreter, board: BoardDefinition | None) -> None:
    """Check that the firmware runs there, and that the board has the chip of the named one.

    Raises:
        InstallError: the version is too old, or the chip is another one.
    """
    if interpreter.version[:2] < OLDEST:
        raise InstallError(
            f"the board has {interpreter.describe()}: the firmware needs {OLDEST[0]}.{OLDEST[1]} or newer. "
            "Flash a newer one: posewire flash --board NAME"
        )
    chip = chip_of(interpreter.machine)
    if board is not None and chip and chip != board.board.chip:
        raise InstallError(
            f"{board.board.name} has an {board.chip.esptool}, but the port has {interpreter.machine}: "
            "check the name of the board and the port"
        )


def chip_of(machine: str) -> str:
    """Return the chip, as in board.toml, in a text such as "Generic ESP32S3 module with ESP32S3"; empty if none."""
    found = _CHIP.findall(machine.upper().replace("-", ""))
    return found[-1].lower() if found else ""
