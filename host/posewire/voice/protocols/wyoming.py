"""The Wyoming protocol: one JSON line, then as many bytes of data and payload as it says. For ASR and TTS servers,
and for boards as satellites.

Source: the protocol's description in github OHF-Voice/wyoming. No authentication and no encryption: for servers on this
machine or in your own network.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Annotated, Any
from urllib.parse import urlsplit

from posewire.config import check_rules, more_than
from posewire.errors import ConfigError, ProviderError
from posewire.wire.json_text import parse_json

_MAX_LINE = 64 * 1024
_MAX_BODY = 16 * 1024 * 1024
_CONNECT_TIMEOUT = 5.0


@dataclass(frozen=True)
class Event:
    """One message of the Wyoming protocol."""

    type: str
    data: Mapping[str, Any] = field(default_factory=dict)
    payload: bytes = b""


@dataclass(frozen=True)
class WyomingServer:
    """The address of a server: part of both providers' options."""

    uri: str
    """As in ``tcp://127.0.0.1:10300``."""

    timeout_s: Annotated[float, more_than(0, "seconds")] = 20.0
    """Longest silence of the server."""

    def __post_init__(self) -> None:
        check_rules(self)
        self.address()

    def address(self) -> tuple[str, int]:
        """Return host and port.

        Raises:
            ConfigError: ``uri`` is not such an address.
        """
        try:
            parts = urlsplit(self.uri)
            if parts.scheme == "tcp" and parts.hostname and parts.port:
                return parts.hostname, parts.port
        except ValueError:
            pass
        raise ConfigError(f"uri must be like tcp://127.0.0.1:10300, not {self.uri!r}")

    @asynccontextmanager
    async def connect(self) -> AsyncIterator["WyomingConnection"]:
        """Give a connection, closed at the end.

        Raises:
            ProviderError: the server cannot be reached, or the connection breaks while it is used.
        """
        try:
            async with asyncio.timeout(_CONNECT_TIMEOUT):
                reader, writer = await asyncio.open_connection(*self.address(), limit=_MAX_LINE)
        except (OSError, TimeoutError) as exc:
            raise ProviderError(f"{self.uri} cannot be reached: {exc or 'no answer'}") from None
        try:
            yield WyomingConnection(reader, writer, self)
        except OSError as exc:
            raise ProviderError(f"{self.uri} broke off: {exc}") from None
        finally:
            # Not waited for: a server that does not read must not hold up the end of a turn.
            writer.transport.abort()


class WyomingConnection:
    """Writes and reads events."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, server: WyomingServer) -> None:
        self._reader = reader
        self._writer = writer
        self._server = server

    async def write(self, event: Event) -> None:
        """Send an event; waits while the server does not read."""
        self._writer.write(encode_event(event))
        await self._writer.drain()

    async def read(self) -> Event:
        """Return the next event.

        Raises:
            ProviderError: the server is silent for too long, broke off, sent an error, or does not speak Wyoming.
        """
        try:
            async with asyncio.timeout(self._server.timeout_s):
                event = await read_event(self._reader)
        except TimeoutError:
            raise ProviderError(f"{self._server.uri} does not answer in time") from None
        except (asyncio.IncompleteReadError, ConnectionError):
            raise ProviderError(f"{self._server.uri} broke off") from None
        except ValueError as exc:
            raise ProviderError(f"{self._server.uri} does not speak Wyoming: {exc}") from None
        if event.type == "error":
            raise ProviderError(f"{self._server.uri} failed: {str(event.data.get('text', ''))[:300]}")
        return event


def encode_event(event: Event) -> bytes:
    """Return an event's bytes."""
    data = json.dumps(dict(event.data), ensure_ascii=False).encode() if event.data else b""
    head: dict[str, Any] = {"type": event.type}
    if data:
        head["data_length"] = len(data)
    else:
        head["data"] = {}  # without it, releases of the package before 1.6 fall over a ping
    if event.payload:
        head["payload_length"] = len(event.payload)
    return json.dumps(head).encode() + b"\n" + data + event.payload


async def read_event(reader: asyncio.StreamReader, longest: int = _MAX_BODY) -> Event:
    """Read one event; its data may be in the line, behind it, or both.

    ``longest``: bytes that its data, and its payload, may have.

    Raises:
        ValueError: the bytes are not an event, or it is longer.
        asyncio.IncompleteReadError: the stream ended.
    """
    try:
        line = await reader.readuntil(b"\n") if not reader.at_eof() else b""
    except asyncio.LimitOverrunError:
        raise ValueError("a line does not end") from None
    if not line:
        raise asyncio.IncompleteReadError(b"", None)
    head = parse_json(line)
    if not isinstance(head, dict) or not isinstance(head.get("type"), str):
        raise ValueError("a line has no type")  # noqa: TRY004 - of a peer's bytes, not of our types
    data = _data(head.get("data"))
    more = await reader.readexactly(_length(head.get("data_length"), longest))
    if more:
        data = {**data, **_data(parse_json(more))}
    return Event(head["type"], data, await reader.readexactly(_length(head.get("payload_length"), longest)))


def _data(value: Any) -> dict[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise ValueError("the data of an event must be an object")  # noqa: TRY004 - of a peer's bytes
    return value


def _length(value: Any, longest: int) -> int:
    if value is None:
        return 0
    if type(value) is not int or not 0 <= value <= longest:
        raise ValueError(f"a length must be between 0 and {longest}, is {value!r}")
    return value
