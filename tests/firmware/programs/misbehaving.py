"""A server that breaks RFC 6455 in every way it is told to: one scenario a path, each played byte by byte."""

import asyncio
import base64
import contextlib
import hashlib
import socket
import struct
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
# Longer than any scenario waits for its client.
PATIENCE = 20.0


def frame(opcode: int, payload: bytes = b"", *, fin: bool = True, rsv: int = 0, length: int | None = None) -> bytes:
    """A server's frame; rsv and a false length are for the bad ones."""
    count = len(payload) if length is None else length
    first = bytes([(0x80 if fin else 0) | rsv << 4 | opcode])
    if count < 126:
        return first + bytes([count]) + payload
    if count < 65536:
        return first + b"\x7e" + struct.pack(">H", count) + payload
    return first + b"\x7f" + struct.pack(">Q", count) + payload


def close(code: int, reason: bytes = b"") -> bytes:
    return frame(CLOSE, struct.pack(">H", code) + reason)


class Peer:
    """The server's end of one connection; remembers what the client sent."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.head = b""
        self.frames: list[tuple[int, bytes]] = []
        self.masks: list[bytes] = []
        self.problems: list[str] = []

    @property
    def closed_with(self) -> int | None:
        """The code of the client's close frame, 0 for an empty one, None for none."""
        codes = [payload for opcode, payload in self.frames if opcode == CLOSE]
        return (int.from_bytes(codes[0][:2], "big") if codes[0] else 0) if codes else None

    def header(self, name: str) -> str | None:
        for line in self.head.decode().split("\r\n")[1:]:
            key, _, value = line.partition(": ")
            if key.lower() == name.lower():
                return value
        return None

    def answer(self, version: str = "HTTP/1.1", drop: str = "", **changes: str) -> bytes:
        """The 101 answer, with header fields changed (``_`` for ``-``) or one left out."""
        key = (self.header("Sec-WebSocket-Key") or "").encode()
        accept = base64.b64encode(hashlib.sha1(key + _GUID).digest()).decode()
        fields = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Accept": accept}
        fields |= {name.replace("_", "-"): value for name, value in changes.items()}
        fields.pop(drop, None)
        lines = [f"{version} 101 Switching Protocols", *(f"{name}: {value}" for name, value in fields.items())]
        return ("\r\n".join(lines) + "\r\n\r\n").encode()

    async def send(self, data: bytes, piece: int | None = None) -> None:
        """Write, in pieces of their own segments where a size is given."""
        for at in range(0, len(data), piece or max(1, len(data))):
            self.writer.write(data[at : at + (piece or len(data))])
            await self.writer.drain()
            await asyncio.sleep(0.0005 if piece else 0)

    async def accept(self, data: bytes = b"", piece: int | None = None) -> None:
        """Open the WebSocket, then write."""
        await self.send(self.answer())
        await self.send(data, piece)

    async def take(self) -> tuple[int, bytes]:
        """Read one frame of the client and check its form."""
        first, second = await self.reader.readexactly(2)
        if not second & 0x80:
            self.problems.append("a frame is not masked")
        if first & 0x70 or not first & 0x80:
            self.problems.append("reserved bits or a fragment")
        count = second & 127
        if count == 126:
            (count,) = struct.unpack(">H", await self.reader.readexactly(2))
            if count < 126:
                self.problems.append("a length is not in its shortest form")
        mask = await self.reader.readexactly(4)
        self.masks.append(mask)
        payload = await self.reader.readexactly(count)
        key = (mask * (count // 4 + 1))[:count]
        payload = (int.from_bytes(payload, "big") ^ int.from_bytes(key, "big")).to_bytes(count, "big")
        self.frames.append((first & 15, payload))
        return self.frames[-1]

    async def take_until_close(self) -> None:
        """Read what the client still sends, up to its close frame or the end."""
        while (await self.take())[0] != CLOSE:
            pass

    def reset(self) -> None:
        """End with RST instead of FIN."""
        sock = self.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


Play = Callable[[Peer], Awaitable[None]]


@dataclass(frozen=True)
class Scenario:
    """The server's steps, the client's steps, and what both must have seen in the end."""

    name: str
    play: Play
    # the client's side
    path: str | None = None
    url: str | None = None
    send: tuple[tuple[int, int], ...] = ()
    texts: tuple[str, ...] = ()
    close: int = 0
    ping: bool = False
    options: dict[str, int] = field(default_factory=dict)
    tls: bool = False
    ca: str | None = None
    frame_max: int = 4096
    # what must come of it
    messages: tuple[str, ...] = ()
    ends: str = "WebSocketError"
    code: int | None = 1000
    says: str = ""
    closed_with: int | None = 1000
    check: Callable[[Peer, dict[str, Any]], object] | None = None


class Server:
    """Listens on one port; finds the scenario by the path."""

    def __init__(self, scenarios: list[Scenario]) -> None:
        self._plays = {scenario.path or f"/{scenario.name}": scenario for scenario in scenarios}
        self.peers: dict[str, Peer] = {}

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer = Peer(reader, writer)
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, TimeoutError):
            async with asyncio.timeout(PATIENCE):
                peer.head = (await reader.readuntil(b"\r\n\r\n"))[:-4]
                scenario = self._plays[peer.head.split(b" ")[1].decode()]
                self.peers[scenario.name] = peer
                await scenario.play(peer)
        writer.close()
