"""Peers that speak the wire by the `websockets` client."""

import json
import socket
from typing import Any
from urllib.parse import urlsplit

from websockets.asyncio.client import ClientConnection, connect


class Peer:
    """One client on the wire."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket

    async def send(self, **message: Any) -> None:
        await self.socket.send(json.dumps(message))

    async def receive(self, kind: str | None = None, **fields: Any) -> dict[str, Any]:
        """Return the next text message, or the next one of a type with these fields."""
        while True:
            raw = await self.socket.recv()
            if isinstance(raw, bytes):
                continue
            message: dict[str, Any] = json.loads(raw)
            if kind in (None, message["type"]) and all(message.get(key) == value for key, value in fields.items()):
                return message

    async def receive_binary(self) -> bytes:
        while True:
            raw = await self.socket.recv()
            if isinstance(raw, bytes):
                return raw

    async def hello(self, **fields: Any) -> dict[str, Any]:
        message: dict[str, Any] = {
            "version": 3,
            "transport": "websocket",
            "features": {"pose": True},
            "audio_params": {"format": "pcm", "sample_rate": 16000, "channels": 1, "frame_duration": 60},
        }
        await self.send(type="hello", **{**message, **fields})
        return await self.receive("hello")

    async def join(self, room: str = "studio", **fields: Any) -> dict[str, Any]:
        await self.send(type="room", action="join", room=room, **fields)
        return await self.receive("room", event="welcome")

    async def echo(self) -> list[bytes]:
        """Be sure that the host has handled everything sent so far; return the binary messages that came meanwhile."""
        await self.send(type="ping", id="echo")
        binary: list[bytes] = []
        while True:
            raw = await self.socket.recv()
            if isinstance(raw, bytes):
                binary.append(raw)
            elif json.loads(raw).get("id") == "echo":
                return binary


class Peers:
    """Opens peers to one host; closes them at the end."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._sockets: list[ClientConnection] = []

    async def connect(self, device: str = "aa:bb:cc:00:00:01", **headers: str) -> Peer:
        all_headers = {"Device-Id": device, "Client-Id": "test", "Protocol-Version": "3", **headers}
        # A small receive buffer: a peer that does not read is felt by the host soon, not after megabytes.
        link = socket.socket()
        link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
        address = urlsplit(self.url)
        link.connect((address.hostname, address.port))
        link.setblocking(False)
        headers = {name: value for name, value in all_headers.items() if value}
        # A peer that has not read all when a test ends would wait for the answer to its close behind that.
        connection = await connect(self.url, sock=link, additional_headers=headers, close_timeout=1)
        self._sockets.append(connection)
        return Peer(connection)

    async def close(self) -> None:
        for connection in self._sockets:
            await connection.close()
