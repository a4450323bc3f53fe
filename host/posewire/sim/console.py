"""The simulated board's serial console, as a byte line: what a USB cable would carry."""

import threading
from collections.abc import Callable

_KEEP = 64 * 1024
_WAIT_SECONDS = 0.1


class Console:
    """Bytes to and from the board; nobody need read them. ``send`` writes to the board that runs now."""

    def __init__(self, send: Callable[[bytes], None]) -> None:
        self._send = send
        self._received = bytearray()
        self._changed = threading.Condition()

    def write(self, data: bytes) -> None:
        """Send bytes to the board."""
        self._send(data)

    def read(self, size: int = 1) -> bytes:
        """Up to ``size`` of the oldest bytes that came; waits a little for the first."""
        with self._changed:
            if not self._received:
                self._changed.wait(_WAIT_SECONDS)
            data = bytes(self._received[:size])
            del self._received[:size]
            return data

    def received(self, data: bytes) -> None:
        """The board has printed something; of what nobody reads the oldest is lost."""
        with self._changed:
            self._received += data
            del self._received[:-_KEEP]
            self._changed.notify_all()
