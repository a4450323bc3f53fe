"""The recovery from each kind of error, and a record of how it ended."""

import time
from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Remedy = Literal["reconnect", "rejoin", "lower_quality", "switch_transport", "ask_for_key", "give_up"]
Outcome = Literal["trying", "recovered", "given_up"]

_KEPT = 50


@dataclass(frozen=True)
class Rejoin:
    """Ask for the place in the room again: at most ``attempts`` times, ``pause_s`` seconds apart."""

    attempts: int = 6
    pause_s: float = 5.0


GIVE_UP = Rejoin(attempts=0)
"""The room is over for this program."""

DEFAULT_RECOVERY: Mapping[str, Rejoin] = {"too_many": Rejoin(), "room_locked": Rejoin(), "no_such_room": Rejoin(2, 1.0)}
"""By the code of the error with which a host refuses a returning program; ``room_closed``: the host has closed the
room. What is not here is given up.
"""

PATIENT_RECOVERY: Mapping[str, Rejoin] = dict.fromkeys(
    ("too_many", "room_locked", "no_such_room", "room_closed"), Rejoin(attempts=10**9)
)
"""Of programs that run for months: nothing is given up but what somebody wants so (a kick, a room that is denied)."""


@dataclass(frozen=True)
class Recovery:
    """One thing that went wrong. ``cause``: the code of the error. ``seconds``: how long it took."""

    at: float
    cause: str
    remedy: Remedy
    outcome: Outcome
    attempts: int = 1
    seconds: float = 0.0
    detail: str = ""


class RecoveryLog:
    """The last 50 recoveries of a connection, and how many there were of each kind."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        """How many, as ``remedy:outcome``."""

        self._last: deque[Recovery] = deque(maxlen=_KEPT)

    def note(
        self,
        cause: str,
        remedy: Remedy,
        outcome: Outcome,
        *,
        attempts: int = 1,
        seconds: float = 0.0,
        detail: str = "",
    ) -> None:
        """Note how something ended."""
        self.counts[f"{remedy}:{outcome}"] += 1
        self._last.append(Recovery(time.time(), cause, remedy, outcome, attempts, seconds, detail))

    def last(self, count: int = _KEPT) -> list[dict[str, Any]]:
        """Return the last ones for JSON, the oldest first."""
        return [vars(recovery) for recovery in list(self._last)[-count:]]
