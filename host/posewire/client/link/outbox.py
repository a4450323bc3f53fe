"""Messages that wait for the connection to come back, or for the host's confirmation."""

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from time import monotonic
from typing import Any

from posewire.errors import NotDeliveredError, QueueFullError

CAPACITY = 100
LIFETIME = 30.0
"""Seconds for which a message is kept."""


@dataclass
class Kept:
    """A message, and the moment at which it was said. ``number``: of a message that the host confirms, else None."""

    message: Mapping[str, Any]
    at: float
    number: int | None = None


class Outbox:
    """Keeps at most ``CAPACITY`` messages, each for ``LIFETIME`` seconds, in order."""

    def __init__(self) -> None:
        self.expired = 0
        """Messages that were kept too long, and dropped."""

        self._kept: deque[Kept] = deque()

    def __len__(self) -> int:
        """Return how many are kept."""
        return len(self._kept)

    def keep(self, message: Mapping[str, Any], number: int | None = None, at: float | None = None) -> Kept:
        """Keep a message; ``at``: when it was said, on ``time.monotonic``'s clock, now unless given.

        Raises:
            QueueFullError: as many are kept already.
        """
        self.drop_expired()
        if len(self._kept) >= CAPACITY:
            raise QueueFullError(f"{CAPACITY} messages wait for the host already", capacity=CAPACITY)
        kept = Kept(message, monotonic() if at is None else at, number)
        self._kept.append(kept)
        return kept

    def confirmed(self, number: int) -> None:
        """Drop the message with this number: the host has it."""
        self._kept = deque(kept for kept in self._kept if kept.number != number)

    def drop_expired(self) -> list[Kept]:
        """Drop the messages that are too old, and return them."""
        limit = monotonic() - LIFETIME
        expired = [kept for kept in self._kept if kept.at < limit]
        if expired:
            self._kept = deque(kept for kept in self._kept if kept.at >= limit)
            self.expired += len(expired)
        return expired

    def to_resend(self) -> Iterator[Kept]:
        """Iterate over what is to be said again, in order; what needs no confirmation is no longer kept then."""
        self.drop_expired()
        resend = sorted(self._kept, key=lambda kept: kept.at)
        self._kept = deque(kept for kept in resend if kept.number is not None)
        yield from resend

    def close(self) -> NotDeliveredError | None:
        """Drop all; returns an error that says how many were lost, None for none."""
        lost, self._kept = len(self._kept), deque()
        return NotDeliveredError(f"{lost} messages were not delivered", count=lost) if lost else None
