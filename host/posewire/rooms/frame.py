"""One published frame on its way to many."""

from posewire.wire.frames import FrameType, frame_header
from posewire.wire.messages import RoomKind


class RoomFrame:
    """A frame of a room. ``framed_2`` and ``framed_3`` are for links: the frame in protocol 2 and 3, ready for their
    transport, made by the first link that sends it and sent by all others of that protocol.
    """

    __slots__ = ("framed_2", "framed_3", "kind", "member_id", "payload")

    framed_2: bytes
    framed_3: bytes

    def __init__(self, kind: RoomKind, payload: bytes, member_id: int) -> None:
        self.kind = kind
        self.payload = payload
        self.member_id = member_id
        self.framed_2 = self.framed_3 = b""

    def header(self, protocol: int) -> bytes:
        """Return the header that precedes the payload in frame protocol 2 or 3."""
        frame_type = FrameType.POSE if self.kind == "pose" else FrameType.AUDIO
        return frame_header(frame_type, len(self.payload), protocol, self.member_id)
