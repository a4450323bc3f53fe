"""The socket of a Socket.IO client, as the rest of the host sees it: it takes the place of a WebSocket."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import Any

from posewire.server.transport.websocket import HIGH_WATER, MAX_WAITING
from posewire.wire.close_codes import ABNORMAL, NORMAL, TRY_AGAIN_LATER
from posewire.wire.frames import Frame, parse_frame

_PROTOCOL = 3
_SHORT, _LONG = 126, 127

Emit = Callable[[str, Any], Awaitable[None]]
"""Sends an event; done when the client, or the network, has taken what was sent before."""


class SocketStandIn:
    """Sends events to one client (a ``PeerSocket``). What the host sends it goes to ``on_text`` and ``on_frame``."""

    def __init__(self, peer: str, emit: Emit, disconnect: Callable[[], Awaitable[None]]) -> None:
        self.congested = False
        self.cut = False
        self.last_received = monotonic()
        self.peer = peer
        self.close_code: int | None = None
        self.close_reason = ""
        self.on_text: Callable[[str], None] = lambda text: None
        self.on_frame: Callable[[Frame], None] = lambda frame: None
        self.on_congested: Callable[[bool], None] = lambda congested: None
        self._emit = emit
        self._disconnect = disconnect
        self._waiting: deque[tuple[str, Any, int]] = deque()
        self._waiting_bytes = 0
        self._delivered = 0
        self._filled = asyncio.Event()

    # --- PeerSocket

    @property
    def address(self) -> str:
        """The client's address, without its port."""
        return self.peer.rpartition(":")[0]

    @property
    def queued_bytes(self) -> int:
        """Bytes of events that wait."""
        return self._waiting_bytes

    @property
    def delivered(self) -> int:
        """The bytes of events that the client has taken."""
        return self._delivered

    @property
    def round_trip_ms(self) -> float | None:
        """Not known: its connection is Starlette's."""
        return None

    def send_text(self, text: str) -> None:
        """Take a text message of the host."""
        if self.close_code is None:
            self.on_text(text)

    def send_binary(self, data: bytes) -> None:
        """Take a binary message of the host."""
        if self.close_code is None:
            self.on_frame(parse_frame(data, _PROTOCOL))

    def send_framed(self, frame: bytes) -> None:
        """Take a binary message that was serialised for WebSockets."""
        size = frame[1]
        self.send_binary(frame[2 if size < _SHORT else 4 if size < _LONG else 10 :])

    def ping(self) -> None:
        """Count as alive: Socket.IO has a heartbeat of its own, which ends dead connections."""
        self.last_received = monotonic()

    def close(self, code: int = NORMAL, reason: str = "") -> None:
        """Tell the client why, and end the connection when it has taken that."""
        if self.close_code is None:
            self.emit("closed", {"code": code, "reason": reason}, len(reason))
            self.close_code, self.close_reason = code, reason
            self._filled.set()

    # --- events

    def emit(self, event: str, data: Any, size: int) -> None:
        """Send an event of about so many bytes, after those that wait; too many of them end the connection."""
        if self.close_code is not None:
            return
        self._waiting.append((event, data, size))
        self._waiting_bytes += size
        self._filled.set()
        if self._waiting_bytes > MAX_WAITING:
            self.cut = True
            self._waiting.clear()
            self.close_code, self.close_reason = TRY_AGAIN_LATER, "the client does not take what it is sent"
        elif not self.congested and self._waiting_bytes > HIGH_WATER:
            self.congested = True
            self.on_congested(True)

    async def run(self) -> None:
        """Send what waits, until this side closes."""
        while True:
            while self._waiting:
                event, data, size = self._waiting.popleft()
                await self._emit(event, data)
                self._waiting_bytes -= size
                self._delivered += size
                if self.congested and self._waiting_bytes < HIGH_WATER // 2:
                    self.congested = False
                    self.on_congested(False)
            if self.close_code is not None:
                await self._disconnect()
                return
            self._filled.clear()
            await self._filled.wait()

    def ended(self, by_client: bool) -> tuple[int, str]:
        """Return code and reason of the end: this side's where it closed first."""
        if self.close_code is None:
            self.close_code = NORMAL if by_client else ABNORMAL
        return self.close_code, self.close_reason
