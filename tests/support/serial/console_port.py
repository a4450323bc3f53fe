"""A simulated board's console as a serial port of this machine."""

import os
import pty
import select
import threading
import tty
from collections.abc import Iterator
from contextlib import contextmanager

from posewire.sim.board import SimBoard


@contextmanager
def console_port(board: SimBoard) -> Iterator[str]:
    """Yield the name of a port whose other end is the board's console."""
    cable, far_end = pty.openpty()
    tty.setraw(far_end)
    over = threading.Event()

    def down() -> None:
        while not over.is_set():
            if data := board.console.read(4096):
                os.write(cable, data)

    def up() -> None:
        while not over.is_set():
            if select.select([cable], [], [], 0.05)[0]:
                board.console.write(os.read(cable, 4096))

    threads = [threading.Thread(target=run, daemon=True) for run in (down, up)]
    for thread in threads:
        thread.start()
    try:
        yield os.ttyname(far_end)
    finally:
        over.set()
        for thread in threads:
            thread.join()
        os.close(cable)
        os.close(far_end)
