"""The load generator's connections: a WebSocket client that costs little, and what each contender speaks.

Every client costs the same whichever server it talks to: one asyncio protocol, frames built once, no masking work (the
mask is zero, which RFC 6455 allows a receiver to see). The last 8 bytes of a measured message are the time it was sent.
"""

import asyncio
import base64
import json
import os
import socket
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import cast
from urllib.parse import urlsplit

from posewire.wire.frames import FrameType, build_frame
from posewire.wire.pose import Kind
from posewire.wire.pose.packet import Header

STAMP = struct.Struct(">d")
_TEXT, _BINARY, _CLOSE, _PING = 0x81, 0x82, 0x88, 0x89
_KEY_EVERY = 60
_SETTLING = 0.25
"""Seconds after joining in which latencies do not count: a late member is first sent what it has missed."""

Step = tuple[bytes | None, bytes]
"""The message to send (None: none), and the text that the text message that answers it contains."""


def client_frame(first: int, payload: bytes) -> bytes:
    """Build a client's WebSocket frame with the mask 0."""
    size = len(payload)
    if size < 126:
        return bytes((first, 0x80 | size)) + b"\0\0\0\0" + payload
    return struct.pack(">BBH", first, 0xFE, size) + b"\0\0\0\0" + payload


class Dialect:
    """A bare server: a path names the room, every binary message goes to the room (or back, on ``/echo``)."""

    name = "bare"
    headers: tuple[str, ...] = ()

    def path(self, room: str) -> str:
        """The request target of a member of ``room`` (empty: an echo connection)."""
        return f"/room/{room}" if room else "/echo"

    def device_headers(self, number: int) -> tuple[str, ...]:
        """Headers of one connection."""
        return ()

    def steps(self, room: str, sender: bool, resume: str) -> list[Step]:
        """The conversation before a connection is ready."""
        return []

    def message(self, sequence: int, size: int) -> bytes:
        """The bytes that send one measured message whose WebSocket payload has ``size`` bytes."""
        return client_frame(_BINARY, bytes(size - STAMP.size) + STAMP.pack(time.perf_counter()))


class PosewireDialect(Dialect):
    """A Posewire host: token, hello, room, and poses in frame protocol 3."""

    name = "posewire"

    def __init__(self, token: str) -> None:
        self.headers = (f"Authorization: Bearer {token}", "Protocol-Version: 3")

    def path(self, room: str) -> str:
        return "/posewire/v1/"

    def device_headers(self, number: int) -> tuple[str, ...]:
        return (f"Device-Id: 02:00:00:{number >> 16 & 255:02x}:{number >> 8 & 255:02x}:{number & 255:02x}",)

    def steps(self, room: str, sender: bool, resume: str) -> list[Step]:
        hello = {"type": "hello", "version": 3, "transport": "websocket", "features": {"pose": True}}
        if resume:
            hello["resume"] = resume
        steps: list[Step] = [(_text(hello), b'"hello"')]
        if room:
            publish, subscribe = (["pose"], []) if sender else ([], ["pose"])
            join = {"type": "room", "action": "join", "room": room, "publish": publish, "subscribe": subscribe}
            steps.append((_text(join), b'"welcome"'))
        elif sender:
            join = {"type": "room", "action": "join", "room": f"echo-{os.urandom(6).hex()}", "publish": ["pose"]}
            steps.append((_text({**join, "subscribe": ["pose"], "echo": True}), b'"welcome"'))
        return steps

    def message(self, sequence: int, size: int) -> bytes:
        kind = Kind.DELTA if sequence % _KEY_EVERY else Kind.KEY
        header = Header(kind, 0, 1, sequence & 0xFFFF, time=sequence, distance=1).pack()
        filler = bytes(size - 4 - len(header) - STAMP.size)
        packet = header + filler + STAMP.pack(time.perf_counter())
        return client_frame(_BINARY, build_frame(FrameType.POSE, packet, 3))


class SocketIoDialect(Dialect):
    """A Socket.IO server over its WebSocket transport, an event with one binary attachment."""

    name = "socketio"

    def path(self, room: str) -> str:
        return "/socket.io/?EIO=4&transport=websocket"

    def steps(self, room: str, sender: bool, resume: str) -> list[Step]:
        steps: list[Step] = [(None, b"0{"), (client_frame(_TEXT, b"40"), b"40")]
        if room:
            steps.append((client_frame(_TEXT, f'42["join","{room}"]'.encode()), b'"joined"'))
        return steps

    def message(self, sequence: int, size: int) -> bytes:
        event = client_frame(_TEXT, b'451-["pose",{"_placeholder":true,"num":0}]')
        return event + client_frame(_BINARY, bytes(size - STAMP.size) + STAMP.pack(time.perf_counter()))


def dialect(name: str, token: str) -> Dialect:
    """Return the dialect of that name."""
    if name == "posewire":
        return PosewireDialect(token)
    return SocketIoDialect() if name == "socketio" else Dialect()


@dataclass
class Arrivals:
    """The frames that the connections received: a count, and latencies in seconds while ``keep`` is set."""

    count: int = 0
    keep: bool = False
    latencies: list[float] = field(default_factory=list)

    def begin(self) -> None:
        """Start to measure."""
        self.count, self.keep, self.latencies = 0, True, []

    def end(self) -> list[float]:
        """Stop, and return the latencies."""
        self.keep = False
        return self.latencies


class LoadConnection(asyncio.Protocol):
    """One client. ``ready`` is done when the dialect's conversation is over."""

    __slots__ = (
        "_arrivals",
        "_buffer",
        "_dialect",
        "_on_message",
        "_opened",
        "_settled",
        "_steps",
        "number",
        "ready",
        "session",
        "transport",
    )

    def __init__(
        self,
        spoken: Dialect,
        steps: list[Step],
        arrivals: Arrivals,
        on_message: "Callable[[LoadConnection], None] | None" = None,
    ) -> None:
        self.ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.session = ""
        self.transport: asyncio.Transport | None = None
        self.number = 0
        self._dialect = spoken
        self._steps = steps
        self._arrivals = arrivals
        self._on_message = on_message
        self._buffer = b""
        self._opened = False
        self._settled = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self.transport = cast(asyncio.Transport, transport)  # uvloop's is no subclass

    def connection_lost(self, exc: Exception | None) -> None:
        """Let those fail that wait for this connection."""
        if not self.ready.done():
            self.ready.set_exception(ConnectionError(f"closed while opening: {self._buffer[:200]!r}"))

    def data_received(self, data: bytes) -> None:
        """Parse what came; measured messages are counted, the rest drives the conversation."""
        if self._buffer:
            data = self._buffer + data
        if not self._opened:
            head, found, data = data.partition(b"\r\n\r\n")
            if not found:
                self._buffer = head
                return
            if b" 101 " not in head[:40]:
                self._buffer = head
                if self.transport is not None:
                    self.transport.abort()
                return
            self._opened = True
            self._advance()
        arrivals, now, end = self._arrivals, time.perf_counter(), len(data)
        at = 0
        while end - at >= 2:
            first, size = data[at], data[at + 1]
            start = at + 2
            if size == 126:
                if end - at < 4:
                    break
                size, start = data[at + 2] << 8 | data[at + 3], at + 4
            elif size == 127:
                if end - at < 10:
                    break
                size, start = int.from_bytes(data[at + 2 : at + 10], "big"), at + 10
            stop = start + size
            if stop > end:
                break
            at = stop
            if first == _BINARY:
                arrivals.count += 1
                if arrivals.keep and now > self._settled:
                    arrivals.latencies.append(now - STAMP.unpack_from(data, stop - 8)[0])
                if self._on_message is not None:
                    self._on_message(self)
            elif first == _TEXT:
                self._text(data[start:stop])
            elif first == _PING:
                self.write(client_frame(0x8A, data[start:stop]))
        self._buffer = data[at:]

    def write(self, data: bytes) -> None:
        """Send bytes."""
        if self.transport is not None and not self.transport.is_closing():
            self.transport.write(data)

    def abort(self) -> None:
        """Cut the connection."""
        if self.transport is not None:
            self.transport.abort()

    def _text(self, payload: bytes) -> None:
        if payload == b"2":  # Engine.IO's ping
            self.write(client_frame(_TEXT, b"3"))
        elif self._steps and self._steps[0][1] in payload:
            if b'"session_id"' in payload:
                self.session = json.loads(payload)["session_id"]
            del self._steps[0]
            self._advance()

    def _advance(self) -> None:
        if not self._steps:
            if not self.ready.done():
                self.ready.set_result(None)
                self._settled = time.perf_counter() + _SETTLING
        elif (step := self._steps[0][0]) is not None:
            self.write(step)


async def open_connection(
    url: str,
    spoken: Dialect,
    number: int,
    arrivals: Arrivals,
    *,
    room: str = "",
    sender: bool = False,
    resume: str = "",
    receive_buffer: int = 0,
    on_message: Callable[[LoadConnection], None] | None = None,
) -> LoadConnection:
    """Open one connection and go through the dialect's conversation.

    Raises:
        ConnectionError: the server refused or closed.
    """
    address = urlsplit(url)
    assert address.hostname is not None
    assert address.port is not None
    loop = asyncio.get_running_loop()
    connection = LoadConnection(spoken, spoken.steps(room, sender, resume), arrivals, on_message)
    connection.number = number
    if receive_buffer:
        link = socket.socket()
        link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        link.connect((address.hostname, address.port))
        link.setblocking(False)
        await loop.create_connection(lambda: connection, sock=link)
    else:
        await loop.create_connection(lambda: connection, address.hostname, address.port)
    lines = (
        f"GET {spoken.path(room)} HTTP/1.1",
        f"Host: {address.netloc}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        f"Sec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}",
        "Sec-WebSocket-Version: 13",
        *spoken.headers,
        *spoken.device_headers(number),
    )
    connection.write("\r\n".join((*lines, "", "")).encode())
    await connection.ready
    return connection


def _text(message: object) -> bytes:
    return client_frame(_TEXT, json.dumps(message).encode())
