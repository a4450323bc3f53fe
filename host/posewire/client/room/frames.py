"""Frames of other members, as a program gets them undecoded."""

from dataclasses import dataclass, field
from time import monotonic

from posewire.wire.frames import Frame, FrameType, split_timed
from posewire.wire.messages import Message
from posewire.wire.room_actions import RoomKind

_KINDS: dict[int, RoomKind] = {FrameType.AUDIO: "audio", FrameType.TIMED_AUDIO: "audio", FrameType.POSE: "pose"}


@dataclass(frozen=True)
class ReceivedFrame:
    """A frame of another member, undecoded.

    ``time_ms``: when the sound of an audio frame began, on the clock that its publisher's poses have, modulo 2^32; None
    where that is not known. ``arrived``: on ``time.monotonic``'s clock.
    """

    member_id: int
    kind: RoomKind
    payload: bytes
    time_ms: int | None = None
    arrived: float = field(default_factory=monotonic, compare=False)


Arrival = ReceivedFrame | Message
"""A frame of another member, or an event of the room."""


def read_frame(frame: Frame) -> ReceivedFrame | None:
    """Return a frame of another member; None: it is none."""
    kind = _KINDS.get(frame.type)
    if kind is None or not frame.member_id:
        return None
    time_ms, payload = split_timed(frame.payload) if frame.type == FrameType.TIMED_AUDIO else (None, frame.payload)
    return ReceivedFrame(frame.member_id, kind, payload, time_ms)
