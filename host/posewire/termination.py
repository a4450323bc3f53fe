"""SIGTERM ends a command as Ctrl-C does: in order, with what it has to say at its end."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

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
