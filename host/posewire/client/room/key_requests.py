"""The requests for a key of one stream that does not decode: how often, and how that ended."""

from collections.abc import Callable
from dataclasses import dataclass

from posewire.client.recovery import Outcome

_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 30.0
"""Seconds from one request to the next, twice as long each time: the request, or the key, may be lost."""

_GIVEN_UP = 6
"""The request with which there is little hope left; it goes on, rarely."""


@dataclass(frozen=True)
class KeyRequest:
    """A stream of a member that did not decode, and how it went on. ``seconds``: since the first packet that did not.

    ``outcome``: ``trying`` with the first request, ``recovered`` with the next pose, ``given_up`` after six requests.
    """

    member_id: int
    device: str
    stream: int
    outcome: Outcome
    attempts: int = 1
    seconds: float = 0.0


class KeyRequests:
    """Decides when a key is asked for. ``told``: called with the outcome, the attempts and the seconds."""

    def __init__(self, told: Callable[[Outcome, int, float], None]) -> None:
        self._told = told
        self._began: float | None = None
        self._attempts = 0
        self._next = 0.0

    def is_due(self, now: float, patience: float = 0.0) -> bool:
        """Take it that a packet needs a key that is not here; whether to ask for one now. ``now``: in seconds.

        ``patience``: seconds from the first such packet in which what is missing may come by itself.
        """
        if self._began is None:
            self._began, self._attempts, self._next = now, 0, now + patience
        if now < self._next:
            return False
        self._attempts += 1
        self._next = now + min(_LONGEST_PAUSE, _FIRST_PAUSE * 2.0 ** (self._attempts - 1))
        if self._attempts in (1, _GIVEN_UP):
            self._told("trying" if self._attempts == 1 else "given_up", self._attempts, now - self._began)
        return True

    def decoded(self, now: float) -> None:
        """Take it that a packet has decoded."""
        if self._began is not None:
            if self._attempts:
                self._told("recovered", self._attempts, now - self._began)
            self._began = None
