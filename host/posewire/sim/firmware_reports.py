"""What a board's firmware has reported: lines, events and counters, and waiting for them."""

import re
import threading
import time
from collections.abc import Callable
from typing import Any, NamedTuple

from posewire.errors import SimulatorError

_LOG_TAIL = 12
_POLL_SECONDS = 0.01
# As posewire_fw.log writes them: seconds, level, part, message.
_LOG_LINE = re.compile(r" *\d+\.\d{3} ([DIWE]) ")


def line_level(line: str) -> str:
    """The level of a line of the firmware's log: D, I, W or E; empty for what is none."""
    found = _LOG_LINE.match(line)
    return found[1] if found else ""


class Event(NamedTuple):
    """Something that the firmware reported, at a ``time.monotonic()`` moment."""

    at: float
    name: str
    value: Any


class FirmwareReports:
    """What SimBoard tells of its firmware. All lists grow in threads of the board."""

    def __init__(self) -> None:
        self.log: list[str] = []
        self.events: list[Event] = []
        self._failure: str | None = None
        self._changed = threading.Condition()

    @property
    def connected(self) -> bool:
        """Whether the board has a session with the host (hello both ways)."""
        links = (event.name for event in reversed(self.events) if event.name in ("connected", "disconnected"))
        return next(links, None) == "connected"

    @property
    def session_id(self) -> str | None:
        """The id that the host gave the session, also after it has ended; None before the first."""
        return next((event.value for event in reversed(self.events) if event.name == "connected"), None)

    @property
    def state(self) -> str:
        """The state of the session (idle, listening, …), as the firmware last said; ``off`` before that."""
        return next((str(event.value) for event in reversed(self.events) if event.name == "state"), "off")

    @property
    def stt(self) -> list[str]:
        """The texts that the host understood, turn by turn."""
        return self.values("stt")

    @property
    def sentences(self) -> list[str]:
        """The replies of the host, sentence by sentence."""
        return self.values("sentence")

    @property
    def tool_calls(self) -> list[dict[str, Any]]:
        """The calls of the board's tools: name and arguments of each."""
        return self.values("tool")

    def values(self, name: str) -> list[Any]:
        """The values of all events of one name."""
        return [event.value for event in self.events if event.name == name]

    @property
    def errors(self) -> list[str]:
        """The lines that the firmware printed as errors, and why it ended, if it did."""
        lines = [line for line in self.log if line_level(line) == "E"]
        return lines + ([self._failure] if self._failure else [])

    def wait(self, condition: Callable[[], Any], timeout: float = 30.0, what: str = "a condition") -> None:
        """Wait until a condition holds; it is looked at whenever something happens, and every 10 ms."""
        deadline = time.monotonic() + timeout
        while not condition():
            if self._failure is not None:
                raise SimulatorError(f"waiting for {what}: {self._failure}")
            if time.monotonic() >= deadline:
                raise SimulatorError(f"waited {timeout:g} s for {what}; the board's last lines:\n{self._tail()}")
            with self._changed:
                self._changed.wait(_POLL_SECONDS)

    def _notify(self) -> None:
        with self._changed:
            self._changed.notify_all()

    def _ended(self, status: int) -> None:
        self._failure = f"the firmware has ended with status {status}; its last lines:\n{self._tail()}"

    def _tail(self) -> str:
        return "\n".join(self.log[-_LOG_TAIL:]) or "(nothing was printed)"
