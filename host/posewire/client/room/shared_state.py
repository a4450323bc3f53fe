"""The shared state of a room, or another of the host's, as a mapping that follows it."""

import uuid
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from posewire.client.link.host_link import HostLink
from posewire.errors import HostUnreachableError, NotDeliveredError
from posewire.hub.state import StateMirror
from posewire.wire.messages import Message

_ATTEMPTS = 8
_PATIENCE = 30.0
"""Seconds for a host that is away."""


class LiveState(Mapping[str, Any]):
    """A state that several sides mirror (``docs/wire.md`` section 2.5). Read it as a mapping; ``update`` changes it.

    It follows the host's state, also over a lost connection. ``on_change`` is called with the changes, a merge patch
    (RFC 7396), or with the whole where they are not known.
    """

    def __init__(self, host: HostLink, name: str) -> None:
        self.name = name
        self.on_change: Callable[[Mapping[str, Any]], None] | None = None
        self._host = host
        self._mirror = StateMirror()
        self._stop = [host.on("state", self._receive), host.on("connected", self._connected)]

    @property
    def version(self) -> int | None:
        """The version that is held; None before the first."""
        return self._mirror.version

    def __getitem__(self, name: str) -> Any:
        return self._mirror.value[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._mirror.value)

    def __len__(self) -> int:
        return len(self._mirror.value)

    async def follow(self) -> None:
        """Begin to follow the state on the host.

        Raises:
            WireError: there is no such state, or this program may not read it.
        """
        try:
            await self._host.request(self._message("subscribe"))
        except BaseException:
            for stop in self._stop:
                stop()
            raise

    async def update(self, changes: Mapping[str, Any]) -> None:
        """Change members, of inner objects, too (a merge patch; None removes one); returns when the host has it.

        A change that somebody else makes at the same moment stays; where both changed the same member, this one wins.

        Raises:
            WireError: this program may not change the state (``forbidden``), or it would be too large (``too_many``).
            NotDeliveredError: the connection was lost again and again.
            NotConnectedError: the host has been away for 30 s, or the connection is over.
        """
        # It has an id, by which the host knows one that arrived already, and no base: others may change it meanwhile.
        message = self._message("patch", patch=uuid.uuid4().hex[:12], changes=dict(changes))
        for _ in range(_ATTEMPTS):
            try:
                await self._host.request(message)
            except HostUnreachableError:  # whether it arrived is not known
                await self._host.wait_connected(_PATIENCE)
            else:
                return
        raise NotDeliveredError(f"the connection was lost {_ATTEMPTS} times before the host had the change")

    def close(self) -> None:
        """Follow it no longer."""
        for stop in self._stop:
            stop()
        if self._host.connected:
            self._host.send(self._message("unsubscribe"))

    def _message(self, action: str, **fields: Any) -> Message:
        return {"type": "state", "action": action, "name": self.name, **fields}

    def _connected(self, resumed: bool) -> None:
        self._host.send(self._message("subscribe", version=self.version))

    def _receive(self, message: Message) -> None:
        if message.get("name") != self.name:
            return
        before = self._mirror.version
        if not self._mirror.apply(message):
            self._host.send(self._message("get"))
        elif self.on_change is not None and self._mirror.version != before:
            self.on_change(message.get("changes", self._mirror.value))
