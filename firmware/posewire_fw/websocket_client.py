"""A WebSocket client to use by itself, in asyncio programs and in plain ones.

    ws = await connect("wss://host/path?query", ca="ca.der")      ws = Blocking("ws://host/path")
    await ws.send("text"); await ws.send(b"bytes")                ws.send("text")
    message = await ws.recv()                                     message = ws.recv()
    await ws.close()                                              ws.close()

What breaks the protocol, and the end of the connection, raise WebSocketError (code says how); what the network does
raises OSError; a server that does not open a WebSocket, HandshakeError. docs/websocket-client.md has more.
"""

import asyncio

from micropython import const

from posewire_fw.link import FRAME_MAX, MESSAGE_MAX, Link
from posewire_fw.memcopy import memcopy
from posewire_fw.websocket import BINARY, GOING_AWAY, NEED_DATA, NORMAL, TEXT, HandshakeError, WebSocketError

__all__ = ("BINARY", "TEXT", "Blocking", "HandshakeError", "WebSocket", "WebSocketError", "connect")

# How often the network is looked at while nothing comes.
_POLL_MS = const(2)


class _Nothing:
    """The uplink of a client that sends when it is told to."""

    def fill(self, buf, at):
        return 0


async def connect(url, headers=(), ca=None, message_max=MESSAGE_MAX, frame_max=FRAME_MAX, **timeouts):
    """Open ws:// or wss://; returns a WebSocket.

    headers: pairs of name and value. ca: file with the certificate (DER or PEM, as the port's tls module takes it) that
    signed the server's; without it wss:// is not verified. message_max: longest message received, frame_max: longest
    sent, in bytes (65535 at most). timeouts: as posewire_fw.link.Link has them. Raises OSError, HandshakeError,
    ValueError (the URL).
    """
    link = Link(_Nothing(), message_max, frame_max, **timeouts)
    await link.connect(url, headers, ca, _nothing)
    return WebSocket(link)


def _nothing():
    pass


def _taken(link, kind):
    data = bytes(memoryview(link.receiver.message)[: link.receiver.length])
    return data.decode() if kind == TEXT else data


def _prepared(link, message):
    data = message.encode() if isinstance(message, str) else message
    link.reserve(len(data))
    return TEXT if isinstance(message, str) else BINARY, data


class WebSocket:
    """An open connection. Several tasks may send; one may receive. Also for `async with` and `async for`."""

    def __init__(self, link):
        self.link = link

    async def send(self, message):
        """Send a text (str) or bytes; returns when the network has taken all of it."""
        kind, data = _prepared(self.link, message)
        while not self.link.send(kind, data):
            await self._wait()
        while self.link.sending():
            await self._wait()

    async def recv(self):
        """The next message: str for text, bytes for binary."""
        return _taken(self.link, await self._next())

    async def recv_into(self, buf):
        """Copy the next message into a buffer that has room for it: (TEXT or BINARY, its length). No bytes are made."""
        kind = await self._next()
        length = self.link.receiver.length
        if length > len(buf):
            raise ValueError("a message of %d bytes, the buffer has %d" % (length, len(buf)))
        memcopy(buf, 0, self.link.receiver.message, 0, length)
        return kind, length

    async def close(self, code=NORMAL):
        """Close in order; what still comes is dropped. Does nothing when it is closed already."""
        self.link.close(code)
        try:
            while True:
                self.link.receive()
                await self._wait()
        except (WebSocketError, OSError):
            pass
        self.link.drop()

    async def _next(self):
        try:
            while True:
                kind = self.link.receive()
                if kind != NEED_DATA:
                    return kind
                await self._wait()
        except (WebSocketError, OSError) as exc:
            self._fail(exc)

    async def _wait(self):
        try:
            self.link.pump()
        except (WebSocketError, OSError) as exc:
            self._fail(exc)
        await asyncio.sleep_ms(_POLL_MS)

    def _fail(self, exc):
        if isinstance(exc, WebSocketError):
            self.link.drop(exc.code)
        else:
            self.link.drop()
        raise exc

    async def __aenter__(self):
        return self

    async def __aexit__(self, kind, error, traceback):
        await self.close(NORMAL if error is None else GOING_AWAY)

    def __aiter__(self):
        return self

    async def __anext__(self):
        try:
            return await self.recv()
        except WebSocketError:
            raise StopAsyncIteration from None


class Blocking:
    """The same for programs without asyncio: every call returns when it is done."""

    def __init__(self, url, **options):
        """Open; options and errors as of connect()."""
        self.websocket = asyncio.run(connect(url, **options))

    def send(self, message):
        """Send a text (str) or bytes."""
        asyncio.run(self.websocket.send(message))

    def recv(self, timeout_ms=None):
        """The next message: str or bytes; None when nothing came in time."""
        if timeout_ms is None:
            return asyncio.run(self.websocket.recv())
        try:
            return asyncio.run(asyncio.wait_for_ms(self.websocket.recv(), timeout_ms))
        except asyncio.TimeoutError:
            return None

    def close(self, code=NORMAL):
        """Close in order."""
        asyncio.run(self.websocket.close(code))

    def __enter__(self):
        return self

    def __exit__(self, kind, error, traceback):
        self.close(NORMAL if error is None else GOING_AWAY)

    def __iter__(self):
        return self

    def __next__(self):
        try:
            return self.recv()
        except WebSocketError:
            raise StopIteration from None
