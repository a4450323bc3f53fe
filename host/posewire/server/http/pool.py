"""The places for HTTP connections: how many there are, of which address, and who makes room for whom."""

from typing import Protocol

from posewire.address_group import address_group
from posewire.loopback import is_loopback

_SHARE = 4
"""One address may have one of so many places, this machine (or a proxy on it) all."""


class Place(Protocol):
    """A connection of the HTTP side in the pool."""

    def abort(self) -> None:
        """Cut the connection."""


class HttpPool:
    """Connections by what they do: idle between requests, sending a request, or waiting for its answer.

    A newcomer takes the place of the one that has been idle for longest. Beyond ``most``, only requests for the health
    of the host are answered; beyond twice that, whoever sends the oldest incomplete request is cut.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._groups: dict[Place, str] = {}
        self._idle: dict[Place, None] = {}
        self._sending: dict[Place, None] = {}

    @property
    def full(self) -> bool:
        """Whether there are more connections than places."""
        return len(self._groups) > self._most

    def add(self, place: Place, address: str) -> bool:
        """Count a new connection, which sends a request; return False when nobody can make room for it."""
        group = address_group(address)
        if not is_loopback(address):
            same = [other for other, of in self._groups.items() if of == group]
            if len(same) >= max(1, self._most // _SHARE) and not self._make_room(set(same)):
                return False
        if len(self._groups) >= self._most:
            self._cut_first(self._idle)
        if len(self._groups) >= 2 * self._most and not self._cut_first(self._sending):
            return False
        self._groups[place] = group
        self._sending[place] = None
        return True

    def idle(self, place: Place) -> None:
        """Note that a connection waits for its next request."""
        if place in self._groups:
            self._sending.pop(place, None)
            self._idle[place] = None

    def sending(self, place: Place) -> None:
        """Note that a connection sends a request."""
        if place in self._groups:
            self._idle.pop(place, None)
            self._sending[place] = None

    def waiting(self, place: Place) -> None:
        """Note that a connection has sent its request and waits for the answer."""
        self._idle.pop(place, None)
        self._sending.pop(place, None)

    def remove(self, place: Place) -> None:
        """Forget a connection. Harmless when repeated."""
        self._groups.pop(place, None)
        self._idle.pop(place, None)
        self._sending.pop(place, None)

    def _make_room(self, among: set[Place]) -> bool:
        for places in (self._idle, self._sending):
            found = next((place for place in places if place in among), None)
            if found is not None:
                self._cut(found)
                return True
        return False

    def _cut_first(self, places: dict[Place, None]) -> bool:
        found = next(iter(places), None)
        if found is not None:
            self._cut(found)
        return found is not None

    def _cut(self, place: Place) -> None:
        self.remove(place)
        place.abort()
