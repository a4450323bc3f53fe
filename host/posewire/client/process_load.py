"""The load that this process puts on the machine."""

import os
import time
from pathlib import Path

_STATM = Path("/proc/self/statm")


class ProcessLoad:
    """The processor time of this process since the last measurement, and its memory."""

    def __init__(self) -> None:
        self._cpu, self._at = time.process_time(), time.monotonic()

    def measure(self) -> dict[str, float | None]:
        """Return ``cpu``: cores in use since the last call (0.5: half of one), and ``memory_mb``; None: not known."""
        cpu, at = time.process_time(), time.monotonic()
        used = (cpu - self._cpu) / (at - self._at) if at > self._at else 0.0
        self._cpu, self._at = cpu, at
        return {"cpu": used, "memory_mb": _resident()}


def _resident() -> float | None:
    try:
        pages = int(_STATM.read_text().split()[1])
    except (OSError, ValueError, IndexError):
        return None  # no Linux
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6
