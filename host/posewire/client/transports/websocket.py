"""A WebSocket to a host."""

import socket
import ssl
from collections.abc import AsyncIterator, Mapping
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus, InvalidURI

from posewire.client.transports.base import Delivery, TransportCounts
from posewire.errors import HostUnreachableError
from posewire.host_problems import cannot_be_reached, no_host, not_tls, refused, silent, untrusted

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


async def open_websocket(
    url: str, headers: Mapping[str, str], timeout_s: float, tls: ssl.SSLContext | None = None, **way: Any
) -> WebSocketTransport:
    """Open a WebSocket within ``timeout_s`` seconds. ``tls``: whom to trust; the machine's authorities unless given.

    ``way``: options of ``websockets.connect``, to go by a socket that is there.

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
            ssl=(tls or True) if url.lower().startswith("wss:") else None,
            ping_interval=None,  # the connection has a heartbeat of its own, which also measures
            max_size=_LONGEST,
            write_limit=_UNSENT,
            **way,
        )
    except InvalidURI:
        raise HostUnreachableError(f"the host's URL must begin with ws:// or wss://, not {url!r}") from None
    except InvalidStatus as error:
        answer, with_token = error.response, "Authorization" in headers
        raise refused(url, answer.status_code, bytes(answer.body or b""), with_token) from None
    except ssl.SSLCertVerificationError as error:
        raise untrusted(url, error.verify_message) from None
    except ssl.SSLError:
        raise not_tls(url) from None
    except InvalidHandshake as error:
        if isinstance(error.__cause__, EOFError):
            raise silent(url, "hangs up") from None
        raise no_host(url, "it does not open a WebSocket") from None
    except (OSError, TimeoutError) as error:
        raise cannot_be_reached(url, error) from None
    plain = connection.transport.get_extra_info("socket")
    if plain is not None and not way and hasattr(socket, "TCP_NOTSENT_LOWAT"):
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, _UNSENT)
    return WebSocketTransport(connection)
