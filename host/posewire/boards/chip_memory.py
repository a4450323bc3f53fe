"""The memory of each chip under MicroPython, and its uses: the table chip_memory.toml."""

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from posewire.errors import BoardError

_TABLE = Path(__file__).with_name("chip_memory.toml")


@dataclass(frozen=True)
class ChipMemory:
    """The memory of one kind of chip, in bytes, as it is when boot.py begins.

    ``measured``: False where the numbers are estimates. ``heap``: what MicroPython's heap begins with, with its tables;
    ``heap_in_use``: what is allocated then. ``data``, ``shared``, ``code``: the IDF's regions, (size, free) of each:
    for data, for data and machine code, for machine code only. ``psram``: free bytes of PSRAM; ``ulp``: what is kept
    for programs of the ULP. ``costs``: what things take of it, by name, as the table explains.
    """

    name: str
    title: str
    measured: bool
    heap: int
    heap_in_use: int
    data: tuple[tuple[int, int], ...]
    shared: tuple[tuple[int, int], ...]
    code: tuple[tuple[int, int], ...]
    psram: int
    ulp: int
    costs: dict[str, int]

    @property
    def first_heap(self) -> int:
        """The blocks of the heap that MicroPython begins with, in bytes; the rest of it are its tables."""
        return (self.heap - 1) * 8 // 524 * 64

    @property
    def wifi(self) -> int:
        """The bytes that a joined network takes of the IDF: driver, lwIP, one connection to an access point."""
        return sum(self.costs[name] for name in ("network", "station", "active", "connect"))

    @property
    def idf_free(self) -> int:
        """The bytes that the IDF has free for data."""
        return sum(free for _, free in (*self.data, *self.shared)) + self.psram


@cache
def chip_memories() -> dict[str, ChipMemory]:
    """The table, by the names of the chips."""
    with _TABLE.open("rb") as file:
        tables: dict[str, dict[str, Any]] = tomllib.load(file)
    return {name: ChipMemory(name=name, **_complete(tables, name)) for name in tables}


def chip_memory(name: str) -> ChipMemory:
    """The memory of a chip such as ``esp32`` or ``esp32s3-psram``. Raises BoardError that lists the ones there are."""
    memories = chip_memories()
    if name not in memories:
        raise BoardError(f"no chip {name!r}; there are: {', '.join(memories)}")
    return memories[name]


def _complete(tables: dict[str, dict[str, Any]], name: str) -> dict[str, Any]:
    """A chip is as the one that it names with ``like``, but for what it says itself."""
    own = dict(tables[name])
    base = _complete(tables, own.pop("like")) if "like" in own else {}
    values = {**base, **own, "costs": {**base.get("costs", {}), **own.get("costs", {})}}
    for regions in ("data", "shared", "code"):
        values[regions] = tuple((size, free) for size, free in values[regions])
    return values
