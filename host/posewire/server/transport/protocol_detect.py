"""The first bytes of a connection: a WebSocket, or plain HTTP. Both come to the same port."""

import asyncio
from collections.abc import Callable
from typing import cast

OPENING_TIMEOUT = 10.0
"""Seconds for the head of the first request."""

MAX_HEAD = 32 * 1024
"""Bytes of a request's head. It is refused by the parser behind; here it only bounds what is kept."""

MAX_WAITING = 4000
"""Connections that may be open without having said what they want; one more ends the one that has waited longest."""

MakeProtocol = Callable[[], asyncio.Protocol]


class Doorway(asyncio.Protocol):
    """Reads until the head of the first request is there, then hands the transport to the protocol that it asks for.

    Nothing of it stays on the way of later messages.
    """

    def __init__(self, websocket: MakeProtocol, http: MakeProtocol, waiting: "dict[Doorway, None]") -> None:
        """``waiting``: the doorways of one listener, oldest first."""
        self._make_websocket = websocket
        self._make_http = http
        self._waiting = waiting
        self._head = b""
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start the clock: who opens a connection has to say what it wants."""
        self._transport = cast(asyncio.Transport, transport)
        self._waiting[self] = None
        if len(self._waiting) > MAX_WAITING:
            next(iter(self._waiting)).abort()
        self._timer = asyncio.get_running_loop().call_later(OPENING_TIMEOUT, self._transport.abort)

    def data_received(self, data: bytes) -> None:
        """Collect the head of the request, and hand over."""
        self._head += data
        end = self._head.find(b"\r\n\r\n")
        if end < 0 and len(self._head) < MAX_HEAD:
            return
        transport, head = self._transport, self._head
        if transport is None or transport.is_closing():
            return
        self._forget()
        protocol = (self._make_websocket if wants_websocket(head[:end]) else self._make_http)()
        transport.set_protocol(protocol)
        protocol.connection_made(transport)
        protocol.data_received(head)

    def abort(self) -> None:
        """Cut the connection: it has said nothing yet and others want in."""
        if self._transport is not None:
            self._transport.abort()
        self._forget()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the clock."""
        self._forget()

    def _forget(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._waiting.pop(self, None)
        self._timer = self._transport = None
        self._head = b""


def wants_websocket(head: bytes) -> bool:
    """Tell whether the head of a request asks for the upgrade to WebSocket (RFC 6455 section 4.1)."""
    for line in head.lower().split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name == b"upgrade":
            return b"websocket" in value
    return False
