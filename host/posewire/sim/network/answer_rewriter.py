"""Finds the host's answers to offers of data channels in what it sends, and lets them lead by another way."""

import json
from collections.abc import Callable

_UPGRADED = b"HTTP/1.1 101"
_TEXT = 0x81
_LONGEST = 64 * 1024
"""Bytes of a text message that is held until it is whole; an answer has some thousand."""

Rewrite = Callable[[str], str]


class AnswerRewriter:
    """Passes on what a host sends to one connection; ``rewrite`` changes the description in an answer.

    What is no WebSocket goes through as it comes.
    """

    def __init__(self, rewrite: Rewrite) -> None:
        self._rewrite = rewrite
        self._head = bytearray()
        self._frames: bytearray | None = None
        self._through = False
        self._passing = 0

    def feed(self, data: bytes) -> bytes:
        """Take what came; returns what goes on by now."""
        if self._through:
            return data
        if self._frames is not None:
            self._frames += data
            return self._take_frames(self._frames)
        self._head += data
        start = bytes(self._head[: len(_UPGRADED)])
        end = self._head.find(b"\r\n\r\n")
        if not _UPGRADED.startswith(start) or (end < 0 and len(self._head) > _LONGEST):
            self._through = True
            self._head.clear()
            return data
        if end < 0:
            return data
        # The head has gone on already, but for what came now.
        after = len(self._head) - (end + 4)
        self._frames = bytearray(data[len(data) - after :])
        return data[: len(data) - after] + self._take_frames(self._frames)

    def _take_frames(self, waiting: bytearray) -> bytes:
        out = bytearray()
        while waiting:
            if self._passing:
                out += waiting[: self._passing]
                taken = min(self._passing, len(waiting))
                self._passing -= taken
                del waiting[:taken]
                continue
            frame = _frame(waiting)
            if frame is None:
                break
            head, size = frame
            if waiting[0] != _TEXT or size > _LONGEST:
                self._passing = head + size
                continue
            if len(waiting) < head + size:
                break
            out += self._text(bytes(waiting[: head + size]), head)
            del waiting[: head + size]
        return bytes(out)

    def _text(self, frame: bytes, head: int) -> bytes:
        if b'"webrtc"' not in frame:
            return frame
        try:
            message = json.loads(frame[head:])
            if message["type"] != "webrtc" or message["event"] != "answer":
                return frame
            message["sdp"] = self._rewrite(message["sdp"])
        except (ValueError, LookupError, TypeError):
            return frame
        text = json.dumps(message, separators=(",", ":")).encode()
        if len(text) < 126:
            return bytes((_TEXT, len(text))) + text
        return bytes((_TEXT, 126)) + len(text).to_bytes(2, "big") + text


def _frame(waiting: bytearray) -> tuple[int, int] | None:
    """The lengths of the header and of the payload of the first frame (RFC 6455 section 5.2); None: not known yet."""
    if len(waiting) < 2:
        return None
    size = waiting[1] & 0x7F
    extended = {126: 2, 127: 8}.get(size, 0)
    if len(waiting) < 2 + extended:
        return None
    if extended:
        size = int.from_bytes(waiting[2 : 2 + extended], "big")
    return 2 + extended, size
