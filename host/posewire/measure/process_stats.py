"""The memory, CPU time and open files of this process, from ``/proc`` where there is one."""

import os
import time
from pathlib import Path

try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]


def resident_bytes() -> int:
    """Return the resident memory now; where there is no ``/proc``, its highest so far (0 on Windows)."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0 if resource is None else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def cpu_seconds() -> float:
    """Return the CPU time used since the start."""
    return time.process_time()


def open_files() -> int:
    """Return the number of open file descriptors; 0 where they cannot be counted."""
    try:
        return sum(1 for _ in Path("/proc/self/fd").iterdir())
    except OSError:
        return 0


class ProcessLoad:
    """The processor time of this process since the last measurement, and its memory."""

    def __init__(self) -> None:
        self._cpu, self._at = cpu_seconds(), time.monotonic()

    def measure(self) -> dict[str, float]:
        """Return ``cpu``: cores in use since the last measurement (0.5: half of one), and ``memory_mb``."""
        cpu, at = cpu_seconds(), time.monotonic()
        used = (cpu - self._cpu) / (at - self._at) if at > self._at else 0.0
        self._cpu, self._at = cpu, at
        return {"cpu": used, "memory_mb": resident_bytes() / 1e6}
