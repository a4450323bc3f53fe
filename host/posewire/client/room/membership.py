"""This program as a member of a room: who else is in it, and what a member may do."""

from collections.abc import Callable, Sequence
from typing import Any

from posewire.client.link.host_link import HostLink
from posewire.client.listeners import Handler, Listeners
from posewire.client.room.member import RoomMember
from posewire.client.room.mirror import RoomInfo, RoomMirror, read_info
from posewire.errors import ConfigError, WireError
from posewire.task_scope import TaskScope
from posewire.wire.messages import Message

Wanted = str | dict[str, str | int]
"""A kind from everybody, or ``{"kind": …, "member_id": …}`` or ``{"kind": …, "device": …}``."""

_SAME_MEMBERS = frozenset({"joined", "away", "back", "role", "locked"})
"""Events after which nobody is gone who was there before."""


class Membership:
    """The members of a room, kept equal to the host's picture of it, and what this program may ask for in it."""

    def __init__(self, host: HostLink, name: str, request: Message) -> None:
        self.name = name
        self.request = request
        """The fields of the request to join, for joining again."""

        self.member_id = 0
        self.role = ""
        self.mirror = RoomMirror()
        """The picture of the room that is kept up to date."""

        self.is_welcome = False
        self.closed: str | None = None
        """Why this program is no longer in the room; None while it is."""

        self._host = host
        self._tasks = TaskScope()
        self._listeners = Listeners(self._tasks, host.failed)

    @property
    def members(self) -> dict[int, RoomMember]:
        """The members by their ids, this program included. It is kept up to date; do not change it."""
        return self.mirror.members

    @property
    def locked(self) -> bool:
        """Whether the room takes no newcomers."""
        return self.mirror.locked

    def on(self, event: str, handler: Handler) -> Callable[[], None]:
        """Call a function, or a coroutine function, at each event of this name; returns a function that stops that."""
        return self._listeners.on(event, handler)

    def member_id_of(self, member: int | str) -> int | None:
        """Return the id of a member, named by id or by device; None where it is not in the room."""
        if isinstance(member, int):
            return member if member in self.members else None
        return next((member_id for member_id, found in self.members.items() if found.device == member), None)

    # --- what a member may do

    async def subscribe(self, wanted: Sequence[Wanted]) -> None:
        """Change what this program gets."""
        self.request["subscribe"] = list(wanted)
        await self._act("subscribe", subscribe=list(wanted))

    async def lock(self, locked: bool = True) -> None:
        """Close the room to newcomers, or open it again; only its owner may."""
        await self._act("lock" if locked else "unlock")

    async def kick(self, member: int | str, reason: str = "") -> None:
        """Remove a member, named by id or by device; only the owner may."""
        await self._act("kick", member_id=self._id_of(member), reason=reason)

    async def pass_on(self, member: int | str) -> None:
        """Make another member the owner, named by id or by device; only the owner may."""
        await self._act("role", member_id=self._id_of(member), role="owner")

    async def info(self) -> RoomInfo:
        """Ask the host for all that it knows of the room and its members: since when, when they last did something."""
        found: list[RoomInfo] = []
        stop = self.on("info", lambda event: found.append(read_info(event)))
        try:
            await self._act("info")
        finally:
            stop()
        return found[-1]

    async def ask_replay(self, member_id: int, frames: int = 100) -> None:
        """Ask for a member's last frames; they come as ``replay`` events (``docs/rooms.md``)."""
        await self._act("replay", member_id=member_id, frames=frames)

    # --- from the host

    def check_version(self, version: Any) -> None:
        """Take the host's word for how often the room has changed: what was missed is asked for."""
        if isinstance(version, int) and self.closed is None and self.mirror.is_behind(version):
            self._host.send({"type": "room", "action": "info"})

    def _follow(self, event: Message) -> list[int]:
        """Bring the members up to date with an event; returns the ids of those who are gone."""
        name = event.get("event")
        before = {} if name in _SAME_MEMBERS else {key: member.device for key, member in self.members.items()}
        if not self.mirror.apply(event) and self._host.connected:
            self._host.send({"type": "room", "action": "info"})
        if name == "welcome":
            self.member_id, self.is_welcome = event["member_id"], True
        own = self.members.get(self.member_id)
        self.role = own.role if own is not None else self.role
        return [
            member_id
            for member_id, device in before.items()
            if member_id not in self.members or self.members[member_id].device != device
        ]

    async def _act(self, action: str, **fields: Any) -> None:
        if self.closed is not None:
            # The connection may be in another room by now, which this is not about.
            raise WireError(f'this program is no longer in the room "{self.name}": {self.closed}', "not_in_room")
        await self._host.request({"type": "room", "action": action, **fields})

    def _id_of(self, member: int | str) -> int:
        if not isinstance(member, str):
            return member  # the host says whether there is one
        member_id = self.member_id_of(member)
        if member_id is None:
            raise ConfigError(f'nobody in the room "{self.name}" has the device id "{member}"')
        return member_id
