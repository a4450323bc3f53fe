"""The chip's watchdog. It runs in Python, because a firmware that hangs in a loop could not reset itself."""

import threading
import time
from collections.abc import Callable

# The board reports that it feeds the watchdog no more often than every eighth of the time-out.
_LATE = 1.125
_LOOK_SECONDS = 0.05


class Watchdog:
    """``on_timeout`` is called in the watchdog's thread, once, when it was not fed in time."""

    def __init__(self, on_timeout: Callable[[], None]) -> None:
        self._on_timeout = on_timeout
        self._seconds = 0.0
        self._fed = 0.0
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="posewire-sim-watchdog", daemon=True)

    def start(self) -> None:
        """Begin to look, if it does not already; nothing happens before ``arm``."""
        if not self._thread.is_alive():
            self._thread.start()

    def arm(self, milliseconds: int) -> None:
        """Expect food within a time-out from now on."""
        self.feed()
        self._seconds = milliseconds / 1000 * _LATE

    def feed(self) -> None:
        """Note that the firmware still runs."""
        self._fed = time.monotonic()

    def power_off(self) -> None:
        """Expect nothing until it is armed again."""
        self._seconds = 0.0

    def close(self) -> None:
        """Stop for good."""
        self._closing.set()
        if self._thread.is_alive():
            self._thread.join()

    def _watch(self) -> None:
        while not self._closing.wait(_LOOK_SECONDS):
            if self._seconds and time.monotonic() - self._fed > self._seconds:
                self._seconds = 0.0
                self._on_timeout()
