"""Datagrams to one program and from any, counted."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from posewire.errors import ConfigError

Address = tuple[str, int]


def read_address(text: str, default_port: int | None = None) -> Address:
    """Return host and port of ``HOST:PORT``; a port alone is one of this machine.

    Raises:
        ConfigError: it is neither.
    """
    host, separator, port = text.rpartition(":")
    if not separator and not text.isdigit() and default_port is not None:
        host, port = text, str(default_port)
    try:
        number = int(port)
    except ValueError:
        number = -1
    if not 0 <= number <= 65535:
        raise ConfigError(f"{text!r} is not an address: write it like 127.0.0.1:9000")
    return host.strip("[]") or "127.0.0.1", number


class Datagrams(asyncio.DatagramProtocol):
    """A UDP socket. ``receive`` is called with each datagram and its sender; it must not raise."""

    def __init__(self, receive: Callable[[bytes, Address], None] = lambda data, sender: None) -> None:
        self.sent = 0
        self.failed = 0
        """Datagrams that the system did not take, or that nobody was there for."""

        self._receive = receive
        self._transport: asyncio.DatagramTransport | None = None

    @property
    def address(self) -> Address:
        """Where it receives."""
        assert self._transport is not None
        host, port = self._transport.get_extra_info("sockname")[:2]
        return host, port

    def send(self, data: bytes, to: Address) -> None:
        """Send a datagram; one that does not get through is lost."""
        assert self._transport is not None
        self.sent += 1
        self._transport.sendto(data, None if self._transport.get_extra_info("peername") else to)

    def connection_made(self, transport: Any) -> None:
        """Called by asyncio."""
        self._transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        """Called by asyncio."""
        self._receive(data, (addr[0], addr[1]))

    def error_received(self, exc: Exception) -> None:
        """Called by asyncio: nobody is there (yet), or the datagram was too long."""
        self.failed += 1


@asynccontextmanager
async def datagrams(
    receive: Callable[[bytes, Address], None] = lambda data, sender: None,
    listen: Address | None = None,
    server: Address | None = None,
) -> AsyncIterator[Datagrams]:
    """Open a socket while the block runs.

    ``listen``: where, else at any free port. ``server``: the only one that it talks to.

    Raises:
        ConfigError: the address is taken, or not of this machine.
    """
    loop = asyncio.get_running_loop()
    try:
        transport, socket = await loop.create_datagram_endpoint(
            lambda: Datagrams(receive),
            local_addr=listen or (None if server else ("0.0.0.0", 0)),  # noqa: S104 - it sends from there
            remote_addr=server,
        )
    except OSError as error:
        where = f"{listen[0]}:{listen[1]}" if listen else "any port"
        raise ConfigError(f"cannot receive at {where}: {error.strerror or error}") from None
    try:
        yield socket
    finally:
        transport.close()
