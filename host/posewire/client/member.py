"""The members of a room, as the host describes them."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from posewire.wire.messages import AudioParams


@dataclass(frozen=True)
class RoomMember:
    """A member of a room. ``away``: its connection is lost, its place is kept. ``audio``: of what it publishes."""

    slot: int
    device: str
    role: str = "member"
    publish: tuple[str, ...] = ()
    away: bool = False
    audio: AudioParams | None = None


def read_member(described: Mapping[str, Any]) -> RoomMember:
    """Return the member that the host describes."""
    return RoomMember(
        described["slot"],
        described["device"],
        described.get("role", "member"),
        tuple(described.get("publish", ())),
        bool(described.get("away")),
        _audio(described),
    )


def follow_members(members: dict[int, RoomMember], event: Mapping[str, Any]) -> None:
    """Bring the members of a room, by slot, up to date with an event of the room."""
    match event.get("event"):
        case "welcome":
            members.clear()
            members.update({described["slot"]: read_member(described) for described in event["members"]})
        case "joined":
            members[event["member"]["slot"]] = read_member(event["member"])
        case "left":
            members.pop(event["slot"], None)
        case "role":
            for slot, member in members.items():
                members[slot] = replace(member, role="owner" if slot == event["slot"] else "member")
        case "away":
            _change(members, event["slot"], away=True)
        case "back":
            _change(members, event["slot"], away=False)
            if "audio" in event:
                _change(members, event["slot"], audio=_audio(event))
        case "kicked" | "closed":
            members.clear()


def _change(members: dict[int, RoomMember], slot: int, **fields: Any) -> None:
    if slot in members:
        members[slot] = replace(members[slot], **fields)


def _audio(described: Mapping[str, Any]) -> AudioParams | None:
    return AudioParams(**described["audio"]) if "audio" in described else None
