"""The first bytes of a connection: a WebSocket, or plain HTTP. Both come to the same port."""

import asyncio
from collections.abc import Callable
from typing import cast

OPENING_TIMEOUT = 10.0
"""Seconds for the head of the first request."""

MAX_HEAD = 32 * 1024
"""Bytes of a request's head that are kept here. A longer one goes to the HTTP parser, which refuses it."""

MAX_WAITING = 4000
"""Connections whose first request is not complete; one more cuts the one that has waited longest."""

MakeProtocol = Callable[[], asyncio.Protocol]


class ProtocolDetector(asyncio.Protocol):
    """Reads the head of the first request, then hands the transport to the protocol that the request asks for.

    Later messages do not pass through it.
    """

    def __init__(self, websocket: MakeProtocol, http: MakeProtocol, waiting: "dict[ProtocolDetector, None]") -> None:
        """``waiting``: the detectors of one listener that have no request yet, oldest first."""
        self._make_websocket = websocket
        self._make_http = http
        self._waiting = waiting
        self._head = b""
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start the time limit for the first request."""
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
        """Cut the connection: too many others wait."""
        if self._transport is not None:
            self._transport.abort()
        self._forget()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the time limit."""
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
