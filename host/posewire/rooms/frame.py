"""One published frame on its way to many."""

from posewire.wire.frames import FrameType, build_frame
from posewire.wire.messages import RoomKind


class RoomFrame:
    """A frame of a room: serialised once per frame protocol."""

    __slots__ = ("_messages", "framed", "kind", "payload", "slot")

    def __init__(self, kind: RoomKind, payload: bytes, slot: int) -> None:
        self.kind = kind
        self.payload = payload
        self.slot = slot
        self.framed: dict[int, bytes] = {}
        """What links made of the message for their transport, by frame protocol: made once, sent to many."""
        self._messages: dict[int, bytes] = {}

    def message(self, protocol: int) -> bytes:
        """Return the binary message in frame protocol 2 or 3."""
        message = self._messages.get(protocol)
        if message is None:
            frame_type = FrameType.POSE if self.kind == "pose" else FrameType.AUDIO
            message = self._messages[protocol] = build_frame(frame_type, self.payload, protocol, self.slot)
        return message
