"""The state of a session that outlives its connection."""

from dataclasses import dataclass

from posewire.rooms.member import Member
from posewire.rooms.room import Room
from posewire.voice.session import VoiceMemory


@dataclass(frozen=True)
class ResumableState:
    """A dialogue and a place in a room. ``member`` is the session's place in ``room``: both are set, or neither."""

    device_id: str
    voice: VoiceMemory | None = None
    room: Room | None = None
    member: Member | None = None
    address: str = ""
    """The peer's address as it counts for limits; empty: it counts for none."""
