"""Addresses of simulated boards on this machine: each process gets one of its own, the same again and again."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from posewire.sim.board import DEVICE_ID

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

_MOST = 200


@contextmanager
def reserved_device_id(folder: Path | None = None) -> Iterator[str]:
    """Give the first address that no other process of this user has; it is free again when this process ends.

    A host takes the newer of two connections with one address for the same board, and closes the older. ``folder``
    replaces that of the locks. Where nothing can be locked, every process gets the first address.
    """
    prefix, _, first = DEVICE_ID.rpartition(":")
    folder = folder or Path(tempfile.gettempdir()) / f"posewire-sim-{getattr(os, 'getuid', lambda: 0)()}"
    number, lock = _first_free(folder, int(first, 16))
    try:
        yield f"{prefix}:{number:02x}"
    finally:
        if lock is not None:
            lock.close()


def _first_free(folder: Path, first: int) -> tuple[int, TextIO | None]:
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        for number in range(first, _MOST):
            lock = (folder / f"{number:02x}.lock").open("w")
            if _lock(lock.fileno()):
                return number, lock
            lock.close()
    except OSError:
        pass
    return first, None


def _lock(number: int) -> bool:
    if fcntl is None:
        return True
    try:
        fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
