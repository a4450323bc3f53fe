"""A picture of a room, its members and its lock, kept equal to the host's by the version of each change."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from posewire.client.room.member import RoomMember, follow_members, read_member


@dataclass(frozen=True)
class RoomInfo:
    """A room as the host knows it. Times are milliseconds since 1970.

    ``members``: those who are in it, by id, with ``joined_ms`` and ``last_active_ms``. ``version``: how often it has
    changed.
    """

    name: str
    version: int
    created_ms: int
    last_active_ms: int
    locked: bool
    members: Mapping[int, RoomMember]


def read_info(event: Mapping[str, Any]) -> RoomInfo:
    """Return what an ``info`` event says."""
    members = {described["member_id"]: read_member(described) for described in event["members"]}
    return RoomInfo(event["room"], event["version"], event["created"], event["last_active"], event["locked"], members)


class RoomMirror:
    """Follows the events of a room. Each change has a number, one above that of the change before."""

    def __init__(self) -> None:
        self.members: dict[int, RoomMember] = {}
        self.locked = False
        self.created_ms: int | None = None
        self.version: int | None = None
        """The number of the last change that is in here; None: the host does not number them."""

        self.gaps = 0
        """How often something was missed."""

        self._missing = False

    def is_behind(self, version: int) -> bool:
        """Take the host's word for how often the room has changed; True: the whole is to be asked for (again)."""
        if self.version is None or version <= self.version:
            return False
        self.gaps += not self._missing
        self._missing = True
        return True

    def apply(self, event: Mapping[str, Any]) -> bool:
        """Take an event of the room; False: something before it was missed, the whole (``info``) is to be asked for.

        Until the whole is there, changes are left aside: it has them.
        """
        name, version = event.get("event"), event.get("version")
        if name in ("welcome", "info"):
            self.locked = event["locked"]
            self.version = version
            self.created_ms = event.get("created", self.created_ms)
            self._missing = False
        elif isinstance(version, int) and self.version is not None:
            if self._missing or version <= self.version:
                return True
            if version > self.version + 1:
                self._missing = True
                self.gaps += 1
                return False
            self.version = version
        if name == "locked":
            self.locked = event["locked"]
        follow_members(self.members, event)
        return True
