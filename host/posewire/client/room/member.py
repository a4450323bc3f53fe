"""The members of a room, as the host describes them."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from posewire.wire.messages import AudioParams


@dataclass(frozen=True)
class RoomMember:
    """A member of a room. ``away``: its connection is lost, its place is kept. ``audio``: of what it publishes.

    ``joined_ms``, ``last_active_ms``: milliseconds since 1970; the latter only in a ``RoomInfo``.
    """

    member_id: int
    device: str
    role: str = "member"
    publish: tuple[str, ...] = ()
    away: bool = False
    audio: AudioParams | None = None
    joined_ms: int | None = None
    last_active_ms: int | None = None


def read_member(described: Mapping[str, Any]) -> RoomMember:
    """Return the member that the host describes."""
    return RoomMember(
        described["member_id"],
        described["device"],
        described.get("role", "member"),
        tuple(described.get("publish", ())),
        bool(described.get("away")),
        _audio(described),
        described.get("joined"),
        described.get("last_active"),
    )


def follow_members(members: dict[int, RoomMember], event: Mapping[str, Any]) -> None:
    """Bring the members of a room, by id, up to date with an event of the room."""
    match event.get("event"):
        case "welcome" | "info":
            members.clear()
            for described in event["members"]:
                members[described["member_id"]] = replace(read_member(described), last_active_ms=None)
        case "joined":
            members[event["member"]["member_id"]] = read_member(event["member"])
        case "left":
            members.pop(event["member_id"], None)
        case "role":
            for member_id, member in members.items():
                others = "watcher" if member.role == "watcher" else "member"
                members[member_id] = replace(member, role="owner" if member_id == event["member_id"] else others)
        case "away":
            _change(members, event["member_id"], away=True)
        case "back":
            _change(members, event["member_id"], away=False)
            if "audio" in event:
                _change(members, event["member_id"], audio=_audio(event))
        case "kicked" | "closed":
            members.clear()


def _change(members: dict[int, RoomMember], member_id: int, **fields: Any) -> None:
    if member_id in members:
        members[member_id] = replace(members[member_id], **fields)


def _audio(described: Mapping[str, Any]) -> AudioParams | None:
    return AudioParams(**described["audio"]) if "audio" in described else None
