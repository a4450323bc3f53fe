"""The end of a process that is told to end, or whose reader is gone: in order, with what it has to say at its end."""

import os
import signal
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import IO, Any

INTERRUPTED = 130
TERMINATED = 143
"""Exit statuses as shells have them: 128 and the signal's number."""


class Termination:
    """Whether this process was told to end. ``status``: the exit status of a command that was cut off."""

    status = INTERRUPTED


@contextmanager
def ended_in_order() -> Iterator[Termination]:
    """Treat SIGTERM as an interrupt while the block runs; only in the main thread, where signals come."""
    told = Termination()
    if threading.current_thread() is not threading.main_thread():
        yield told
        return

    def end(number: int, frame: FrameType | None) -> None:
        told.status = TERMINATED
        interrupt = signal.getsignal(signal.SIGINT)
        if callable(interrupt):
            interrupt(signal.SIGINT, frame)  # asyncio's own cancels the work that goes on
        else:
            raise KeyboardInterrupt  # started with SIGINT ignored, as shells do in the background

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield told
    finally:
        signal.signal(signal.SIGTERM, before)


def complain_no_more() -> None:
    """Let what an interrupt has cut off, such as an event loop that was being made, be taken apart silently."""
    sys.unraisablehook = lambda unraisable: None
    warnings.simplefilter("ignore")


def discard_output(stream: IO[Any]) -> None:
    """Give up what the buffer of a stream that nobody reads still holds: it would fail once more at the end."""
    with Path(os.devnull).open("wb") as nobody:
        os.dup2(nobody.fileno(), stream.fileno())
