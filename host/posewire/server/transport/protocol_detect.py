"""The first bytes of a connection: a WebSocket, or plain HTTP. Both come to the same port."""

import asyncio
import http
from collections.abc import Callable
from typing import cast

from posewire.server.transport.openings import Opening, Openings
from posewire.server.transport.plain_answer import send_and_close
from posewire.server.transport.tls import HANDSHAKE, descriptor_of, peer_address

OPENING_TIMEOUT = 10.0
"""Seconds for the head of the first request."""

MAX_HEAD = 32 * 1024
"""Bytes of a request's head that are kept here. A longer one goes to the HTTP parser, which refuses it."""

MakeProtocol = Callable[[], asyncio.Protocol]


class ProtocolDetector(asyncio.Protocol):
    """Reads the head of the first request, then hands the transport to the protocol that the request asks for.

    Later messages do not pass through it.
    """

    def __init__(
        self,
        make_websocket: MakeProtocol,
        make_http: MakeProtocol,
        openings: Openings,
        opening: Opening | None = None,
        http_paths: tuple[bytes, ...] = (),
    ) -> None:
        """``opening``: what ``openings`` has counted the connection as already; None: it is counted here.

        ``http_paths``: beginnings of paths whose WebSockets the HTTP side serves.
        """
        self._make_websocket = make_websocket
        self._make_http = make_http
        self._openings = openings
        self._opening = opening
        self._http_paths = http_paths
        self._head = b""
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start the time limit for the first request."""
        found = self._transport = cast(asyncio.Transport, transport)
        if self._opening is None:
            self._opening = self
            if not self._openings.add(self, peer_address(found), descriptor_of(found)):
                self._forget()
                message = "this host has as many connections as it may open"
                send_and_close(found, http.HTTPStatus.SERVICE_UNAVAILABLE, "too_many", message)
                return
        self._timer = asyncio.get_running_loop().call_later(OPENING_TIMEOUT, found.abort)

    def data_received(self, data: bytes) -> None:
        """Collect the head of the request, and hand over."""
        self._head += data
        end = self._head.find(b"\r\n\r\n")
        transport, head = self._transport, self._head
        if transport is None or transport.is_closing():
            return
        if head[0] == HANDSHAKE:
            self._forget()
            message = "this port does not speak TLS: use http or ws"
            send_and_close(transport, http.HTTPStatus.BAD_REQUEST, "tls", message)
            return
        if end < 0 and len(head) < MAX_HEAD:
            assert self._opening is not None
            self._openings.received(self._opening, len(data))
            return
        self._forget()
        own = wants_websocket(head[:end]) and not path_of(head).startswith(self._http_paths)
        protocol = (self._make_websocket if own else self._make_http)()
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
        if self._opening is not None:
            self._openings.remove(self._opening)
        self._timer = self._transport = None
        self._head = b""


def wants_websocket(head: bytes) -> bool:
    """Tell whether the head of a request asks for the upgrade to WebSocket (RFC 6455 section 4.1)."""
    for line in head.lower().split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name == b"upgrade":
            return b"websocket" in value
    return False


def path_of(head: bytes) -> bytes:
    """Return the path of a request, with its query; empty where the head has none."""
    words = head.partition(b"\r\n")[0].split(b" ")
    return words[1] if len(words) > 1 else b""
