"""A stream of bytes to one other participant: in order and once each, whichever way its pieces go.

Each piece has its place in the stream, and says how far the other direction has arrived. What was not confirmed is sent
again when the way changes, and after a while; what comes twice is dropped. Each direction has a window: so much may be
on its way, so a way that is slow, or that the server slows down, fills no queue but the sender's own.
"""

import asyncio
import base64
import binascii
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import Any, Literal

from posewire.errors import WireError
from posewire.task_scope import TaskScope

Way = Literal["bridge", "muc"]
"""How a message goes: by the bridge channel, or through the room."""

TYPE = "posewire"
"""The ``type`` of messages to and from streams, among all that programs say in a conference."""

WINDOW: dict[Way, int] = {"bridge": 32 * 1024, "muc": 6 * 1024}
PIECE: dict[Way, int] = {"bridge": 8 * 1024, "muc": 3 * 1024}
"""Bytes on their way at most, and in one message. Through the room they are few: XMPP servers take 10 KB a second."""

_MAX_BASE64 = (max(PIECE.values()) + 2) // 3 * 4
_MAX_EARLY, _EARLY_PIECES = 64 * 1024, 64
_CONFIRM_AFTER, _CONFIRM_BYTES = 0.015, 2 * 1024
_AGAIN: dict[Way, float] = {"bridge": 1.0, "muc": 4.0}
"""Seconds without a confirmation after which what is not confirmed is sent again; then after twice as long."""

_GIVE_UP = 15.0
_LAST_WORDS = 2.0

Send = Callable[[Way, dict[str, Any]], Awaitable[None]]
"""Sends a message to the other side; raises ``ConnectionError`` where this way is closed."""


class ConferenceStream:
    """One end of a stream. ``way``: the one that its pieces go by.

    ``ended`` is called once, with the reason, unless this side closes.
    """

    def __init__(self, number: str, send: Send, way: Way, ended: Callable[[str], None]) -> None:
        self.number = number
        self.way: Way = way
        self.resent = 0
        """Bytes that were sent again."""

        self.repeated = 0
        """Bytes that came twice."""

        self.turn = 0
        """How often the program has changed the way: it decides, and the host follows its last word."""

        self._send = send
        self._ended: Callable[[str], None] | None = ended
        # What this side says: what is not confirmed, where that begins, and how far it was sent.
        self._out = bytearray()
        self._confirmed = self._sent = self._furthest = 0
        self._progress = self._tried = monotonic()
        self._patience = _AGAIN[way]
        # What the other says: how far it has come, and pieces from behind that.
        self._in = bytearray()
        self._arrived = self._told = 0
        self._early: dict[int, bytes] = {}
        self._tell_at: asyncio.TimerHandle | None = None
        self._must_tell = False
        self._room, self._work, self._news = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self.closed = False
        self._tasks = TaskScope(lambda error: self.end(f"a defect: {error!r}"))
        self._tasks.spawn(self._write(), "conference stream")
        self._tasks.spawn(self._watch(), "conference stream watch")

    # --- for who uses it

    async def write(self, data: bytes) -> None:
        """Send bytes; returns when there is room for more.

        Raises:
            ConnectionError: the stream has ended.
        """
        self._require_open()
        self._out += data
        self._work.set()
        while len(self._out) > WINDOW[self.way] and not self.closed:
            self._room.clear()
            await self._room.wait()
        self._require_open()

    async def read(self) -> bytes:
        """Return the bytes that have come; empty: the stream has ended."""
        while not self._in and not self.closed:
            self._news.clear()
            await self._news.wait()
        data = bytes(self._in)
        self._in.clear()
        # Confirmed is what was taken: a reader that is slow makes the other side wait.
        if self._arrived - self._told >= _CONFIRM_BYTES and not self.closed:
            self._tell()
        elif data and not self.closed and self._tell_at is None:
            self._tell_at = asyncio.get_running_loop().call_later(_CONFIRM_AFTER, self._tell)
        return data

    def change(self, way: Way) -> int:
        """Go on by another way, and let the other side do so, too; returns how many bytes are sent again by it."""
        self.turn += 1
        return self._use(way)

    async def close(self, why: str = "") -> None:
        """Send what is left, say goodbye, and end."""
        self._ended = None
        if not self.closed:
            try:
                async with asyncio.timeout(_LAST_WORDS):
                    while self._out and not self.closed:
                        self._room.clear()
                        await self._room.wait()
                    await self._send(self.way, self.message("close", why=why))
            except (TimeoutError, ConnectionError):
                pass
        self.abort()
        await self._tasks.join()

    def abort(self) -> None:
        """End it without a word; returns at once."""
        self._ended = None
        self.end("")

    def end(self, reason: str) -> None:
        """End it: the other side is gone, or the way to it."""
        if self.closed:
            return
        self.closed = True
        if self._tell_at is not None:
            self._tell_at.cancel()
        for event in (self._room, self._work, self._news):
            event.set()
        self._tasks.cancel()
        ended, self._ended = self._ended, None
        if ended is not None:
            ended(reason)

    def message(self, kind: str, **more: Any) -> dict[str, Any]:
        """Return a message of this stream."""
        return {"type": TYPE, "kind": kind, "stream": self.number, **more}

    # --- what the other side says

    def take(self, message: dict[str, Any], way: Way) -> None:
        """Take a ``piece`` message that came by a way.

        Raises:
            WireError: it is none.
        """
        at, arrived, turn = message.get("at"), message.get("arrived"), message.get("turn")
        if type(at) is not int or type(arrived) is not int or type(turn) is not int:
            raise WireError("a piece has the numbers at, arrived and turn")
        if arrived > self._furthest:
            raise WireError("a piece confirms what was never sent")
        encoded = message.get("data", "")
        if not isinstance(encoded, str) or len(encoded) > _MAX_BASE64:
            raise WireError(f"the data of a piece is a text of at most {_MAX_BASE64} characters")
        try:
            data = base64.b64decode(encoded, validate=True)
        except (binascii.Error, ValueError):
            raise WireError("the data of a piece is base64") from None
        if arrived > self._confirmed:
            del self._out[: arrived - self._confirmed]
            self._confirmed, self._sent = arrived, max(self._sent, arrived)
            self._progressed()
        if turn > self.turn:
            self.turn = turn
            self._use(way)
        if data:
            self._take_data(at, data)

    def _progressed(self) -> None:
        self._progress = self._tried = monotonic()
        self._patience = _AGAIN[self.way]
        self._room.set()
        self._work.set()

    def _take_data(self, at: int, data: bytes) -> None:
        if at <= self._arrived:
            self._append(at, data)
            for start in sorted(self._early):
                if start <= self._arrived:
                    self._append(start, self._early.pop(start))
            self._news.set()
        elif at + len(data) - self._arrived <= _MAX_EARLY and len(self._early) < _EARLY_PIECES:
            # It came by another way, or one before it was lost: it waits for that.
            self._early.setdefault(at, data)
        if at + len(data) <= self._arrived and not self._in:
            self._tell()  # it has come before, so what this side said of it was lost

    def _append(self, at: int, data: bytes) -> None:
        known = self._arrived - at
        self.repeated += min(known, len(data))
        if known < len(data) and len(self._in) + len(data) <= _MAX_EARLY:
            self._in += data[known:]
            self._arrived += len(data) - known

    def _tell(self) -> None:
        if self._tell_at is not None:
            self._tell_at.cancel()
            self._tell_at = None
        self._must_tell = True
        self._work.set()

    # --- what this side says

    async def _write(self) -> None:
        while True:
            begin = self._sent - self._confirmed
            piece = bytes(self._out[begin : begin + min(PIECE[self.way], max(0, WINDOW[self.way] - begin))])
            if not piece and not self._must_tell:
                self._work.clear()
                await self._work.wait()
                continue
            way = self.way
            try:
                await self._send(way, self._next_piece(piece))
            except ConnectionError as error:
                if way == "muc":
                    self.end(str(error))
                    return
                self._use("muc")

    def _next_piece(self, piece: bytes) -> dict[str, Any]:
        at = self._sent
        if piece and at == self._confirmed == self._furthest:
            self._progressed()  # nothing was on its way: the time for a confirmation begins
        self._must_tell, self._told = False, self._arrived - len(self._in)
        if self._tell_at is not None:
            self._tell_at.cancel()
            self._tell_at = None
        self._sent += len(piece)
        self.resent += max(0, min(self._furthest, self._sent) - at)
        self._furthest = max(self._furthest, self._sent)
        data = {"data": base64.b64encode(piece).decode()} if piece else {}
        return self.message("piece", at=at, arrived=self._told, turn=self.turn, **data)

    async def _watch(self) -> None:
        """Send again what is not confirmed after a while; end a stream on which nothing is confirmed any more."""
        while True:
            await asyncio.sleep(min(_AGAIN.values()) / 4)
            now = monotonic()
            if self._sent == self._confirmed:
                continue
            if now - self._progress > _GIVE_UP:
                self.end("the other side does not answer any more")
                return
            if now - self._tried > self._patience:
                self._tried = now
                self._patience *= 2
                self._again()

    def _use(self, way: Way) -> int:
        if way == self.way:
            return 0
        self.way, self._tried, self._patience = way, monotonic(), _AGAIN[way]
        return self._again()

    def _again(self) -> int:
        count = self._sent - self._confirmed
        self._sent = self._confirmed
        self._must_tell = True
        self._work.set()
        return count

    def _require_open(self) -> None:
        if self.closed:
            raise ConnectionError("the way through the conference has ended")
