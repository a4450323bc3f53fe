"""The programs of a simulated board as its interpreter takes them: source, bytecode, or compiled as deployed."""

from pathlib import Path
from typing import NamedTuple

from posewire.boards.chips import Chip
from posewire.install.bundle import can_compile
from posewire.sim.firmware.bytecode import copy_as_bytecode
from posewire.sim.firmware.compiled import compile_user_tools, copy_compiled, sizes_of_native_code
from posewire.sim.interpreter import Interpreter
from posewire.sim.paths import HARDWARE


class Programs(NamedTuple):
    """``firmware`` and ``hardware`` (simulated) are folders. ``native_code``: bytes of each function, by .mpy file."""

    firmware: Path
    hardware: Path
    native_code: dict[str, list[int]]


def programs_for(
    interpreter: Interpreter, firmware: Path, chip: Chip, profile: str, *, folder: Path, flash: Path
) -> Programs:
    """Return a board's programs; where the interpreter does not run the source, they are made in ``folder``.

    A user_tools.py in ``flash`` is compiled where deploy would compile it.

    Raises:
        InstallError: a file of the firmware does not compile.
    """
    if not interpreter.viper:
        return Programs(
            copy_as_bytecode(firmware, folder / "firmware"), copy_as_bytecode(HARDWARE, folder / "hardware"), {}
        )
    if not (interpreter.mpy and can_compile()):
        return Programs(firmware, HARDWARE, {})
    if profile != "full":
        compile_user_tools(flash, interpreter.mpy)
    return Programs(
        copy_compiled(firmware, folder / "firmware", interpreter.mpy, profile),
        HARDWARE,
        sizes_of_native_code(firmware, chip.mpy, profile),
    )
