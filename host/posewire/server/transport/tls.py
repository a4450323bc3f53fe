"""TLS begins when a whole first record has come: until then a connection costs a few hundred bytes.

asyncio's own server makes the TLS object, with a buffer of 256 KB, as soon as a connection is accepted.
"""

import asyncio
import http
import ssl
from asyncio.sslproto import SSLProtocol
from collections.abc import Callable
from typing import Any, cast

from posewire.server.transport.openings import Openings
from posewire.server.transport.plain_answer import send_and_close

HANDSHAKE = 0x16
"""Type of a TLS record of the handshake (RFC 8446 section 5.1)."""

_HEAD = 5
_MAX_RECORD = 1 << 14
_CLOSING_TIMEOUT = 5.0

MakeInner = Callable[["TlsDoor"], asyncio.Protocol]


class TlsDoor(asyncio.Protocol):
    """Waits for the client's first record, then hands the connection to TLS; an ``Opening``.

    ``make_inner`` makes the protocol of what TLS carries. ``timeout``: seconds for the first record, and again for the
    handshake.
    """

    def __init__(self, make_inner: MakeInner, context: ssl.SSLContext, openings: Openings, timeout: float) -> None:
        self._make_inner = make_inner
        self._context = context
        self._openings = openings
        self._timeout = timeout
        self._record = b""
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Count the connection, and start the time limit for the first record."""
        self._transport = cast(asyncio.Transport, transport)
        if not self._openings.add(self, peer_address(transport), descriptor_of(transport)):
            self.abort()
            return
        self._timer = asyncio.get_running_loop().call_later(self._timeout, self.abort)

    def data_received(self, data: bytes) -> None:
        """Collect the first record, and hand over."""
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        self._record += data
        if self._record[0] != HANDSHAKE:
            self._forget()
            send_and_close(transport, http.HTTPStatus.BAD_REQUEST, "tls", "this port speaks TLS: use https or wss")
            return
        size = int.from_bytes(self._record[3:_HEAD], "big")
        if len(self._record) >= _HEAD and size > _MAX_RECORD:
            self.abort()
        elif len(self._record) < _HEAD + size or len(self._record) < _HEAD:
            self._openings.received(self, len(data))
        else:
            self._begin(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the time limit."""
        self._forget()

    def abort(self) -> None:
        """Cut the connection."""
        if self._transport is not None:
            self._transport.abort()
        self._forget()

    def _begin(self, transport: asyncio.Transport) -> None:
        record, self._record = self._record, b""
        if self._timer is not None:
            self._timer.cancel()
        self._openings.begin_tls(self)
        tls = _Tls(
            asyncio.get_running_loop(),
            self._make_inner(self),
            self._context,
            None,  # type: ignore[arg-type]  # as asyncio's own server has it: nobody waits for the handshake
            server_side=True,
            ssl_handshake_timeout=self._timeout,  # type: ignore[arg-type]  # a float is allowed
            ssl_shutdown_timeout=_CLOSING_TIMEOUT,
        )
        tls.ended = self._forget
        transport.set_protocol(tls)
        tls.connection_made(transport)
        tls.feed(record)

    def _forget(self) -> None:
        self._openings.remove(self)
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._transport = None
        self._record = b""


class _Tls(SSLProtocol):
    """asyncio's TLS with a smaller buffer: records have at most 16 KB, and a host has many quiet connections."""

    max_size = 32 * 1024
    ended: Callable[[], None]
    """Called when the connection is gone, also where the handshake was never finished."""

    def feed(self, data: bytes) -> None:
        """Receive bytes that were read before."""
        while data:
            buffer = self.get_buffer(len(data))
            count = min(len(buffer), len(data))
            buffer[:count] = data[:count]
            self.buffer_updated(count)
            data = data[count:]

    def connection_lost(self, exc: BaseException | None) -> None:
        """Tell the protocol inside that the connection is gone."""
        self.ended()
        super().connection_lost(exc)


def peer_address(transport: asyncio.BaseTransport) -> str:
    """Return the peer's address, without its port."""
    peer: Any = transport.get_extra_info("peername")
    return str(peer[0]) if isinstance(peer, tuple) else str(peer)


def descriptor_of(transport: asyncio.BaseTransport) -> int:
    """Return the number of a connection's descriptor; -1 where it has none."""
    sock = transport.get_extra_info("socket")
    return sock.fileno() if sock is not None else -1
