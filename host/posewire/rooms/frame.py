"""One published frame on its way to many."""

from posewire.wire.frames import FrameType, frame_header, join_timed
from posewire.wire.room_actions import RoomKind


class RoomFrame:
    """A frame of a room. ``time_ms``: when its sound began, on its publisher's clock; None: not known, or no audio.

    ``expendable``: nobody needs it to decode another, so it may be lost on the way.

    ``framed_2``, ``framed_3`` and ``framed_timed`` are for links: the frame in protocol 2, in 3, and in 3 with its
    time, ready for their transport, made by the first link that sends it so and sent by all others like it.
    """

    __slots__ = ("expendable", "framed_2", "framed_3", "framed_timed", "kind", "member_id", "payload", "time_ms")

    framed_2: bytes
    framed_3: bytes
    framed_timed: bytes

    def __init__(
        self, kind: RoomKind, payload: bytes, member_id: int, time_ms: int | None = None, expendable: bool = False
    ) -> None:
        self.kind = kind
        self.payload = payload
        self.member_id = member_id
        self.time_ms = time_ms
        self.expendable = expendable
        self.framed_2 = self.framed_3 = self.framed_timed = b""

    def header(self, protocol: int) -> bytes:
        """Return the header that precedes the payload in frame protocol 2 or 3."""
        frame_type = FrameType.POSE if self.kind == "pose" else FrameType.AUDIO
        return frame_header(frame_type, len(self.payload), protocol, self.member_id)

    def timed(self) -> tuple[bytes, bytes]:
        """Return the payload with the time, and its header, in frame protocol 3."""
        assert self.time_ms is not None
        payload = join_timed(self.time_ms, self.payload)
        return payload, frame_header(FrameType.TIMED_AUDIO, len(payload), 3, self.member_id)
