"""Whether the upstream server is still there: not every one answers pings, so all that moves counts."""

import asyncio
import time
from contextlib import suppress

from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from posewire.hub.liveness import Liveness
from posewire.server.transport.tcp_progress import untaken_bytes
from posewire.wire.close_codes import INTERNAL_ERROR

_PING_AFTER, _ANSWER_WITHIN, _SWEEP = 20.0, 20.0, 2.0
"""Seconds: as towards devices, see ``ServerSettings``."""


class Keepalive:
    """The signs of life of one connection to upstream; ``watch`` closes it when there are none."""

    def __init__(self) -> None:
        self._received = time.monotonic()
        self._sent = 0

    def note_received(self) -> None:
        """Note that something has come."""
        self._received = time.monotonic()

    def note_sent(self, size: int) -> None:
        """Note that so many bytes were given to the socket."""
        self._sent += size

    async def watch(self, socket: ClientConnection) -> None:
        """Ping a silent server; close the connection where it neither answers nor takes anything."""

        def answered(pong: asyncio.Future[float]) -> None:
            if not pong.cancelled() and pong.exception() is None:
                self.note_received()

        asked: Liveness | None = None
        with suppress(ConnectionClosed):
            while True:
                await asyncio.sleep(_SWEEP)
                now = time.monotonic()
                if now - self._received < _PING_AFTER:
                    asked = None
                    continue
                taken = self._sent - untaken_bytes(socket.transport)
                if asked is None or asked.answered(self._received):
                    asked = Liveness(now, taken)
                    pong = asyncio.ensure_future(await socket.ping())
                    pong.add_done_callback(answered)
                elif asked.gone(now, taken, _ANSWER_WITHIN):
                    await socket.close(INTERNAL_ERROR, "keepalive ping timeout")
