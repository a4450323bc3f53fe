"""The servers that ``posewire bench relay`` puts beside this host: each the plainest thing its package offers.

``python -m posewire.bench.relay_servers NAME`` listens on a free port of 127.0.0.1 and prints it. Messages on ``/echo``
come back, messages on ``/room/<name>`` go to everybody else in that room. Compression is off everywhere.
"""

import asyncio
import importlib.util
import sys
from collections import defaultdict
from collections.abc import Awaitable, Callable
from typing import Any

from posewire.server.monitoring.file_limit import raise_file_limit

Serve = Callable[[], Awaitable[int]]
BACKLOG = 2048


async def serve_websockets(broadcast: Callable[[set[Any], bytes], None]) -> int:
    """The `websockets` package's asyncio server; ``broadcast`` sends to many."""
    from websockets.asyncio.server import ServerConnection, serve

    rooms: defaultdict[str, set[ServerConnection]] = defaultdict(set)

    async def handle(socket: ServerConnection) -> None:
        assert socket.request is not None
        path = socket.request.path
        if path == "/echo":
            async for message in socket:
                await socket.send(message)
            return
        members = rooms[path]
        members.add(socket)
        try:
            async for message in socket:
                assert isinstance(message, bytes)
                broadcast(members - {socket}, message)
        finally:
            members.discard(socket)

    server = await serve(handle, "127.0.0.1", 0, compression=None, backlog=BACKLOG)
    return _port(server.sockets)


async def serve_plain() -> int:
    """Broadcast with the package's own function."""
    from websockets.asyncio.server import broadcast

    return await serve_websockets(broadcast)


async def serve_prepared() -> int:
    """Broadcast one frame, serialised once, straight to every transport: the least that this package allows."""
    from websockets.frames import Frame, Opcode

    def broadcast(sockets: set[Any], message: bytes) -> None:
        data = Frame(Opcode.BINARY, message).serialize(mask=False)
        for socket in sockets:
            socket.transport.write(data)

    return await serve_websockets(broadcast)


async def serve_aiohttp() -> int:
    """aiohttp's server."""
    from aiohttp import WSMsgType, web

    rooms: defaultdict[str, set[web.WebSocketResponse]] = defaultdict(set)

    async def echo(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(compress=False)
        await socket.prepare(request)
        async for message in socket:
            if message.type == WSMsgType.BINARY:
                await socket.send_bytes(message.data)
        return socket

    async def room(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(compress=False)
        await socket.prepare(request)
        members = rooms[request.path]
        members.add(socket)
        try:
            async for message in socket:
                if message.type == WSMsgType.BINARY:
                    for other in members - {socket}:
                        await other.send_bytes(message.data)
        finally:
            members.discard(socket)
        return socket

    app = web.Application()
    app.add_routes([web.get("/echo", echo), web.get("/room/{name}", room)])
    return await _run_aiohttp(app)


async def serve_socketio() -> int:
    """python-socketio's rooms, on aiohttp."""
    import socketio
    from aiohttp import web

    server = socketio.AsyncServer(async_mode="aiohttp", transports=["websocket"], http_compression=False)
    rooms: dict[str, str] = {}

    async def join(sid: str, name: str) -> None:
        rooms[sid] = name
        await server.enter_room(sid, name)
        await server.emit("joined", to=sid)

    async def pose(sid: str, data: bytes) -> None:
        name = rooms.get(sid)
        if name is None:
            await server.emit("pose", data, to=sid)
        else:
            await server.emit("pose", data, room=name, skip_sid=sid)

    server.on("join", join)
    server.on("pose", pose)
    app = web.Application()
    server.attach(app)
    return await _run_aiohttp(app)


SERVERS: dict[str, tuple[Serve, tuple[str, ...], str]] = {
    "websockets": (serve_plain, ("websockets",), "bare"),
    "prepared frame": (serve_prepared, ("websockets",), "bare"),
    "aiohttp": (serve_aiohttp, ("aiohttp",), "bare"),
    "python-socketio": (serve_socketio, ("socketio", "aiohttp"), "socketio"),
}
"""name: how to serve, packages it needs, what its clients speak."""


def missing(name: str) -> str:
    """Return the first package that a contender lacks here, or an empty string."""
    return next((package for package in SERVERS[name][1] if importlib.util.find_spec(package) is None), "")


async def _run_aiohttp(app: Any) -> int:
    from aiohttp import web

    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, backlog=BACKLOG)
    await site.start()
    return int(runner.addresses[0][1])


def _port(sockets: Any) -> int:
    return int(next(iter(sockets)).getsockname()[1])


async def _main(name: str) -> None:
    print(await SERVERS[name][0](), flush=True)  # noqa: T201 - for the process that started this one
    await asyncio.Event().wait()


if __name__ == "__main__":
    raise_file_limit()
    asyncio.run(_main(sys.argv[1]))
