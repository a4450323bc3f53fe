"""All rooms of a host, by name."""

from posewire.errors import RoomError
from posewire.rooms.room import Link, Member, Room
from posewire.rooms.settings import RoomSettings
from posewire.wire.messages import RoomKind


class RoomDirectory:
    """Creates a room when its first member joins and forgets it when its last member leaves."""

    def __init__(self, settings: RoomSettings | None = None) -> None:
        self.rooms: dict[str, Room] = {}
        self.settings = settings or RoomSettings()

    def join(
        self,
        name: str,
        device: str,
        publish: frozenset[RoomKind],
        subscribe: frozenset[RoomKind],
        link: Link,
        *,
        echo: bool = False,
    ) -> tuple[Room, Member]:
        """Join the room of that name.

        Raises:
            RoomError: the room is full, or the host has its maximum of rooms (``too_many``).
        """
        room = self.rooms.get(name)
        if room is None:
            if len(self.rooms) >= self.settings.max_rooms:
                raise RoomError(f"this host holds at most {self.settings.max_rooms} rooms", "too_many")
            room = Room(name, self.settings)
        member = room.join(device, publish, subscribe, link, echo=echo)
        self.rooms[name] = room
        return room, member

    def leave(self, room: Room, member: Member, reason: str = "left") -> None:
        """Take a member out of its room."""
        room.leave(member, reason)
        if not room.members:
            self.rooms.pop(room.name, None)
