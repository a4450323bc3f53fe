"""A WebSocket to a host."""

import json
import socket
import ssl
from collections.abc import AsyncIterator, Mapping
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus, InvalidURI

from posewire.client.transports.base import Delivery, TransportCounts
from posewire.errors import HostUnreachableError, UnauthorizedError

_UNSENT = 4096
"""Bytes that may wait unsent, here and in the kernel: more would be seconds of the past on a slow network."""

_LONGEST = 1024 * 1024
_CLOSE_TIMEOUT = 2.0


class WebSocketTransport:
    """An open WebSocket (``transports.base.Transport``)."""

    name = "websocket"
    lossy = False

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection
        self._counts = TransportCounts()

    async def send(self, message: str | bytes, delivery: Delivery = Delivery.RELIABLE) -> None:
        """Send a message; returns when the network takes more. Nothing is lost, whatever ``delivery`` says."""
        try:
            await self._connection.send(message)
        except ConnectionClosed as error:
            self._counts.failed += 1
            raise ConnectionError(str(error)) from None
        self._counts.sent(len(message))

    async def probe(self) -> None:
        """Send a WebSocket ping, and wait for its pong."""
        try:
            await (await self._connection.ping())
        except ConnectionClosed as error:
            raise ConnectionError(str(error)) from None

    async def messages(self) -> AsyncIterator[str | bytes]:
        """Iterate over the messages that come, until the WebSocket is closed."""
        try:
            async for message in self._connection:
                self._counts.received(len(message))
                yield message
        except ConnectionClosed:
            return

    async def close(self) -> None:
        """Close it."""
        await self._connection.close()

    def abort(self) -> None:
        """Close it without a farewell."""
        self._connection.transport.abort()

    def statistics(self) -> dict[str, Any]:
        """Return what was counted."""
        return self._counts.as_dict()

    @property
    def close_code(self) -> int | None:
        """The code with which it was closed."""
        return self._connection.close_code

    @property
    def close_reason(self) -> str:
        """The reason that the side which closed has given."""
        return self._connection.close_reason or ""


async def open_websocket(url: str, headers: Mapping[str, str], timeout_s: float) -> WebSocketTransport:
    """Open a WebSocket within ``timeout_s`` seconds.

    Raises:
        HostUnreachableError: nobody is there, or what is there is no host.
        UnauthorizedError: the host does not let this program in.
    """
    try:
        connection = await connect(
            url,
            additional_headers=headers,
            compression=None,
            open_timeout=timeout_s,
            close_timeout=_CLOSE_TIMEOUT,
            ping_interval=None,  # the connection has a heartbeat of its own, which also measures
            max_size=_LONGEST,
            write_limit=_UNSENT,
        )
    except InvalidURI:
        raise HostUnreachableError(f"the host's URL must begin with ws:// or wss://, not {url!r}") from None
    except InvalidStatus as error:
        message = f"{url} refuses: {_reason(error)}"
        if error.response.status_code in (401, 403):
            raise UnauthorizedError(message) from None
        raise HostUnreachableError(message) from None
    except ssl.SSLCertVerificationError as error:
        raise HostUnreachableError(
            f"the host at {url} has a certificate that is not trusted here ({error.verify_message}): "
            "name the file of its authority's certificate in the variable SSL_CERT_FILE"
        ) from None
    except (OSError, TimeoutError, InvalidHandshake) as error:
        raise HostUnreachableError(f"no host answers at {url}: {error or 'silence'}") from None
    plain = connection.transport.get_extra_info("socket")
    if plain is not None and hasattr(socket, "TCP_NOTSENT_LOWAT"):
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, _UNSENT)
    return WebSocketTransport(connection)


def _reason(refusal: InvalidStatus) -> str:
    """Return the host's own words, else the HTTP status."""
    try:
        return str(json.loads(refusal.response.body or b"")["message"])
    except (ValueError, LookupError, TypeError):
        return f"HTTP {refusal.response.status_code}"
