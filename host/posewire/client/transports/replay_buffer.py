"""The last frames of each pose stream, from its last key on: what a new way needs to go on."""

from collections import deque

from posewire.errors import PosewireError
from posewire.wire.frames import FrameType, parse_frame
from posewire.wire.pose import Kind, parse_header

_PROTOCOL = 3


class ReplayBuffer:
    """Keeps at most ``capacity`` frames, in the order of sending, and of each stream only what follows its last key.

    A stream whose key is no longer among them is not said again: its deltas would be of no use.
    """

    def __init__(self, capacity: int) -> None:
        self._frames: deque[tuple[int, bool, bytes]] = deque(maxlen=capacity)

    def add(self, frame: bytes) -> None:
        """Keep a frame that was sent; what is no pose of this program is left aside."""
        try:
            parsed = parse_frame(frame, _PROTOCOL)
            header = parse_header(parsed.payload) if parsed.type == FrameType.POSE and not parsed.member_id else None
        except PosewireError:
            return
        if header is None or header.kind is Kind.CONTROL:
            return
        is_key = header.kind is Kind.KEY
        if is_key:
            kept = [entry for entry in self._frames if entry[0] != header.stream]
            self._frames.clear()
            self._frames.extend(kept)
        self._frames.append((header.stream, is_key, frame))

    def take(self) -> list[bytes]:
        """Take out what is to be sent again: of each stream its last key, and what followed it."""
        with_key: set[int] = set()
        taken = []
        for stream, is_key, frame in self._frames:
            if is_key:
                with_key.add(stream)
            if stream in with_key:
                taken.append(frame)
        self._frames.clear()
        return taken
