"""A socket of this machine at one end of a stream: what uses sockets, TLS and WebSockets above all, needs no more."""

import asyncio
import socket

from posewire.jitsi.stream import ConferenceStream

_READ = 4 * 1024
_UNSENT = 4 * 1024
"""Bytes that the kernel may hold between the two: poses that wait there grow old."""


def socket_pair() -> tuple[socket.socket, socket.socket]:
    """Return two sockets that are connected with each other, with small buffers."""
    pair = socket.socketpair()
    for end in pair:
        end.setblocking(False)
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _UNSENT)
        end.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _UNSENT)
    return pair


async def pump(end: socket.socket, stream: ConferenceStream) -> None:
    """Carry bytes both ways until one of the two has ended; closes both."""
    loop = asyncio.get_running_loop()

    async def outwards() -> None:
        while data := await loop.sock_recv(end, _READ):
            await stream.write(data)

    async def inwards() -> None:
        while data := await stream.read():
            await loop.sock_sendall(end, data)

    both = [asyncio.ensure_future(outwards()), asyncio.ensure_future(inwards())]
    try:
        await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in both:
            task.cancel()
        await asyncio.gather(*both, return_exceptions=True)
        end.close()
        await stream.close()
