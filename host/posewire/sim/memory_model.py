"""The memory of the chip that a simulated board has, as far as its interpreter can be made to keep to it."""

import sys
from typing import Any, NamedTuple

from posewire.boards.chip_memory import ChipMemory, chip_memory
from posewire.boards.definition import BoardDefinition
from posewire.errors import BoardError, SimulatorError
from posewire.sim.interpreter import Interpreter
from posewire.sim.process import HARDWARE_HEAP, PLAIN_HARDWARE_HEAP

DEFAULT_CHIP = "esp32"
# For who is not interested in memory.
ROOMY_CHIP = "esp32s3-psram"
# With less no program can start.
LEAST_HEAP = 16 * 1024
# Where the interpreter cannot be given a heap that grows as the chip's does: an ESP32's with all that Wi-Fi leaves.
_PLAIN_HEAP = 144 * 1024
# An older interpreter collects in another way.
_OLDEST = (1, 25, 0)


def memory_of(definition: BoardDefinition, chip: str | None) -> ChipMemory:
    """Return the memory of a chip by its name; without one that of a board, which is the default's for ``sim``.

    Raises:
        SimulatorError: there is no such chip.
    """
    if chip is None:
        return chip_memory(DEFAULT_CHIP) if definition.board.name == "sim" else definition.memory
    try:
        return chip_memory(chip)
    except BoardError as error:
        raise SimulatorError(str(error)) from None


class MemoryModel(NamedTuple):
    """``heap``: bytes of MicroPython heap, all at once and no more; None: it begins small and grows, as on the chip."""

    chip: ChipMemory
    interpreter: Interpreter
    heap: int | None

    @property
    def possible(self) -> bool:
        """Whether the interpreter can be looked into, which only Linux lets the simulated hardware do."""
        found = self.interpreter
        return found.viper and found.version >= _OLDEST and sys.platform == "linux"

    def name(self) -> str:
        """``chip``: the heap grows as on the chip; ``fixed``: of the size that was asked for; ``plain``: no model."""
        if not self.possible:
            return "plain"
        return "chip" if self.heap is None else "fixed"

    def settings(self) -> dict[str, Any] | None:
        """Return the chip's memory for the simulated hardware; None: there is no model of it."""
        if not self.possible:
            return None
        chip = self.chip
        return {
            "heap": chip.heap if self.heap is None else self.heap,
            "heap_in_use": 0 if self.heap is not None else chip.heap_in_use,
            "grows": self.heap is None,
            "data": chip.data,
            "shared": chip.shared,
            "code": chip.code,
            "psram": chip.psram,
            "costs": chip.costs,
            "ulp": chip.ulp,
        }

    def process_heap(self) -> tuple[int, int]:
        """Return the bytes of heap for the firmware and the simulated hardware, in the interpreter's own measure."""
        scale = self.interpreter.word_bits // 32
        if not self.possible:
            return (self.heap or _PLAIN_HEAP * scale), PLAIN_HARDWARE_HEAP
        # All that it can ever grow to.
        firmware = self.heap or self.chip.heap + self.chip.idf_free
        return firmware * scale, HARDWARE_HEAP * scale
