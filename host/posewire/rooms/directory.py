"""All rooms of a host, by name."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from posewire.errors import RoomError
from posewire.rooms.member import Link, Member
from posewire.rooms.room import Room
from posewire.rooms.settings import RoomSettings
from posewire.rooms.snapshots import SnapshotMaker
from posewire.wire.messages import AudioParams
from posewire.wire.room_actions import RoomAction


class RoomDirectory:
    """Creates a room when its first member joins, forgets it when its last member leaves, closes it when it is idle."""

    def __init__(self, settings: RoomSettings | None = None, counters: Counter[str] | None = None) -> None:
        self.rooms: dict[str, Room] = {}
        self.settings = settings or RoomSettings()
        self._counters: Counter[str] = Counter() if counters is None else counters
        self._snapshots = SnapshotMaker(self._counters)
        self._watched: dict[str, tuple[int, float]] = {}
        """Of each room: how many frames it had when that last changed, and when that was."""

    def join(
        self, action: RoomAction, device: str, link: Link, audio: AudioParams | None = None, origin: str = ""
    ) -> tuple[Room, Member]:
        """Join the room that the action names; ``create`` wants it to be new, ``open`` lets it be new.

        ``audio``: how the member's audio is encoded. ``origin``: who may create half of the rooms at most; empty: no
        such limit.

        Raises:
            RoomError: the room is full or the host has its maximum of rooms (``too_many``), it is there already
                (``room_exists``) or not there (``no_such_room``), locked (``room_locked``) or denied (``room_denied``).
        """
        room = self.rooms.get(action.room)
        if room is not None and action.action == "create":
            raise RoomError(f'there is a room "{action.room}" already: join it', "room_exists")
        if room is None:
            if not action.open and action.action != "create":
                raise RoomError(f'there is no room "{action.room}"', "no_such_room")
            if len(self.rooms) >= self.settings.max_rooms:
                raise RoomError(f"this host holds at most {self.settings.max_rooms} rooms", "too_many")
            created = sum(other.origin == origin for other in self.rooms.values()) if origin else 0
            if created >= (self.settings.max_rooms + 1) // 2:
                raise RoomError("half of the rooms that this host holds come from one address already", "too_many")
            room = Room(action.room, self.settings, self._counters, self._snapshots)
            room.origin = origin
        member = room.join(
            device,
            action.publish,
            action.subscribe,
            link,
            echo=action.echo,
            messages=action.messages,
            reports=action.reports,
            audio=audio,
            watch=action.watch,
        )
        self.rooms[action.room] = room
        return room, member

    def restore(self, name: str, saved: Mapping[str, Any]) -> Room:
        """Bring back a room as ``Room.as_dict`` saved it; its members are away.

        Raises:
            Exception: ``saved`` makes no sense; there is no such room then.
        """
        room = Room(name, self.settings, self._counters, self._snapshots)
        room.restore(saved)
        self.rooms[name] = room
        return room

    def leave(self, room: Room, member: Member, reason: str = "left") -> None:
        """Take a member out of its room."""
        room.leave(member, reason)
        self._forget_if_empty(room)

    def kick(self, room: Room, member: Member, member_id: int, reason: str) -> None:
        """Let the owner of a room remove a member.

        Raises:
            RoomError: see ``Room.kick``.
        """
        room.kick(member, member_id, reason)
        self._forget_if_empty(room)

    def describe(self) -> list[dict[str, Any]]:
        """List the rooms as peers see them."""
        return [room.describe() for room in self.rooms.values()]

    def change_settings(self, settings: RoomSettings) -> None:
        """Take other limits; who is in already stays."""
        self.settings = settings
        for room in self.rooms.values():
            room.settings = settings

    def close_idle(self, now: float) -> list[str]:
        """Close the rooms in which nothing has been published for ``idle_timeout``; returns their names."""
        timeout = self.settings.idle_timeout
        closed = []
        for name, room in list(self.rooms.items()):
            frames, since = self._watched.get(name, (-1, now))
            if room.fan_out.frames != frames:
                self._watched[name] = (room.fan_out.frames, now)
            elif timeout and now - since >= timeout:
                room.close(f"nothing was published for {timeout:.0f} s")
                closed.append(name)
                self._forget_if_empty(room)
        self._watched = {name: seen for name, seen in self._watched.items() if name in self.rooms}
        return closed

    async def close(self) -> None:
        """Stop what works for the rooms."""
        await self._snapshots.close()

    def _forget_if_empty(self, room: Room) -> None:
        if not room.members and self.rooms.get(room.name) is room:
            del self.rooms[room.name]
