"""What a board's firmware counts, and the memory of its chip, as the board has last told it."""

import json
import struct
from typing import Any

_MEMORY_FIELDS = ("heap_size", "heap_free", "heap_free_min", "idf_free", "idf_free_min")


class Counters:
    """They are set in a thread of the board. ``last``: the firmware's own counters. ``told``: how often they came."""

    def __init__(self) -> None:
        self.last: dict[str, Any] = {}
        self.told = 0
        self._memory: dict[str, int] = {}

    def take_status(self, payload: bytes) -> None:
        """Take the firmware's counters, as JSON."""
        self.last = json.loads(payload)
        self.told += 1

    def take_memory(self, payload: bytes) -> None:
        """Take the chip's memory: five numbers of 32 bits, in bytes."""
        self._memory = dict(zip(_MEMORY_FIELDS, struct.unpack("<5I", payload), strict=True))

    def report(self) -> dict[str, Any]:
        """Return them for the report of a run."""
        last, memory = self.last, self._memory
        nothing = {"audio": 0, "pose": 0, "text": 0}
        return {
            "heap_size": memory.get("heap_size"),
            "idf_free": memory.get("idf_free"),
            "idf_free_min": memory.get("idf_free_min"),
            "sent": last.get("sent", nothing),
            "received": last.get("received", nothing),
            "dropped": last.get("dropped", {}),
            "heap_free_min": memory.get("heap_free_min", last.get("heap_free_min")),
            "alloc_per_frame": last.get("alloc_per_frame"),
            "reconnects": last.get("reconnects", 0),
            "firmware": last,
        }
