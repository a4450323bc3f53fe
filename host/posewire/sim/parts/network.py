"""The simulated network: a TCP proxy between the board and the real hosts, with faults on demand.

The board's getaddrinfo() gets the address of a local port for each host that it asks for; bytes pass unchanged, so URL,
Host header and certificates stay real. As in TCP itself, what is sent while the network is cut arrives after it is
mended, if both sides are still there.
"""

import asyncio
import contextlib
import functools
import socket
import struct
import threading
import time
from collections.abc import Coroutine
from ipaddress import ip_address
from typing import Any, TypeVar

_T = TypeVar("_T")

ANY = "0.0.0.0"  # noqa: S104 - the board's own address, to listen on
_UDP = frozenset({53})

# Little is under way at a time, so that a sender feels at once that nothing moves.
_WINDOW = 16384
_CHUNK = 4096
_QUEUE = 256
_CONNECT_SECONDS = 10.0
# SO_LINGER with a time of zero: closing sends RST.
_RESET = struct.pack("ii", 1, 0)


class Network:
    """The way from the board to its hosts; its qualities may be changed at any time.

    ``latency``: seconds each way. ``bandwidth``: bytes per second each way, None for no limit. ``dns`` False: names do
    not resolve. ``dns_delay``: seconds until a name is answered, or is known not to be; a board stands still meanwhile,
    as on a chip.
    """

    def __init__(self) -> None:
        self.latency = 0.0
        self.bandwidth: float | None = None
        self.dns = True
        self.dns_delay = 0.0
        self.bytes_up = 0
        self.bytes_down = 0
        self.connections = 0
        self.names: dict[str, str] = {}
        """Names that only this network knows, such as posewire.local, and the real host of each."""
        self.udp: dict[int, int] = {}
        """Ports at which the board finds UDP services, and the local ports where they are."""
        self.listening: dict[int, int] = {}
        """Ports that the board listens on, and the local ports where that is."""
        self._refusing = False
        self._targets: dict[tuple[str, int], int] = {}
        self._doors: list[tuple[socket.socket, asyncio.Task[None]]] = []
        self._pairs: set[_Pair] = set()
        self._loop = asyncio.new_event_loop()
        self._flow = asyncio.Event()
        self._flow.set()
        # The board has the memory to send and to receive.
        self._fed = asyncio.Event()
        self._fed.set()
        self._thread = threading.Thread(target=self._loop.run_forever, name="posewire-sim-network", daemon=True)
        self._thread.start()

    def resolve(self, host: str, port: int) -> tuple[int, str] | None:
        """The local port that stands for a host and port, and the host's address; None when it does not resolve now.

        An address needs no name service. For 0.0.0.0 it is the local port that the board is to listen on.
        """
        if host == ANY:
            return self._listening_port(port), ANY
        if not self._flow.is_set() or not (self.dns or _is_address(host)):
            return None
        try:
            infos = socket.getaddrinfo(self.names.get(host, host), port, type=socket.SOCK_STREAM)
        except OSError:
            return None
        ip = str(infos[0][4][0])
        if port in self.udp:
            return self.udp[port], ip
        return self._call(self._port_for(self.names.get(host, host), port)), ip

    def _listening_port(self, port: int) -> int:
        if port not in self.listening:
            kind = socket.SOCK_DGRAM if port in _UDP else socket.SOCK_STREAM
            with socket.socket(socket.AF_INET, kind) as probe:
                probe.bind(("127.0.0.1", 0))
                self.listening[port] = probe.getsockname()[1]
        return self.listening[port]

    def drop(self) -> None:
        """A black hole: nothing gets through, nothing is refused; connections stay half-open."""
        self.cut(refuse=False)

    def restore(self) -> None:
        """Let the network carry data again after ``drop``."""
        self.mend()

    def cut(self, refuse: bool) -> None:
        """Let nothing through. ``refuse``: new connections fail at once; otherwise they hang."""
        self._call(self._set_flow(False, refuse))

    def mend(self) -> None:
        """Let everything through again."""
        self._call(self._set_flow(True, False))

    def starve(self, starved: bool) -> None:
        """The board has no memory for anything to be sent or received, or has it again."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._fed.clear if starved else self._fed.set)

    async def passable(self) -> None:
        """Wait until something gets through."""
        while not (self._flow.is_set() and self._fed.is_set()):
            await self._flow.wait()
            await self._fed.wait()

    def reset(self) -> None:
        """Break all connections with RST, on both sides."""
        self._call(self._reset())

    def close(self) -> None:
        """Close all connections of the board, and stop."""
        if self._loop.is_closed():
            return
        self._call(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _call(self, what: Coroutine[Any, Any, _T]) -> _T:
        return asyncio.run_coroutine_threadsafe(what, self._loop).result()

    async def _port_for(self, host: str, port: int) -> int:
        if (host, port) not in self._targets:
            door = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            # Accepted connections inherit it.
            door.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _WINDOW)
            door.bind(("127.0.0.1", 0))
            door.listen(8)
            door.setblocking(False)
            self._targets[host, port] = door.getsockname()[1]
            self._doors.append((door, asyncio.create_task(self._accept(door, host, port))))
        return self._targets[host, port]

    async def _accept(self, door: socket.socket, host: str, port: int) -> None:
        while True:
            board, _ = await self._loop.sock_accept(door)
            if self._refusing:
                _break(board)
                continue
            self.connections += 1
            pair = _Pair(self, board, host, port)
            self._pairs.add(pair)
            pair.task.add_done_callback(functools.partial(self._ended, pair))

    def _ended(self, pair: "_Pair", task: asyncio.Task[None]) -> None:
        self._pairs.discard(pair)

    async def _set_flow(self, flow: bool, refuse: bool) -> None:
        self._refusing = refuse
        if flow:
            self._flow.set()
        else:
            self._flow.clear()

    async def _reset(self) -> None:
        for pair in list(self._pairs):
            pair.task.cancel()
        await asyncio.gather(*(pair.task for pair in self._pairs), return_exceptions=True)

    async def _close(self) -> None:
        for door, task in self._doors:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            door.close()
        await self._reset()


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


class _Pair:
    """One connection of the board and the one to the host that it stands for."""

    def __init__(self, network: Network, board: socket.socket, host: str, port: int) -> None:
        self._network = network
        self._board = board
        self._target = host, port
        self._host: socket.socket | None = None
        board.setblocking(False)
        board.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        orderly = False
        try:
            early = await self._wait_for_flow()
            if early is None:
                return
            self._host = await self._connect()
            if early:
                self._network.bytes_up += len(early)
                await self._loop.sock_sendall(self._host, early)
            up = asyncio.create_task(self._pump(self._board, self._host, up=True))
            down = asyncio.create_task(self._pump(self._host, self._board, up=False))
            try:
                await asyncio.gather(up, down)
            finally:
                up.cancel()
                down.cancel()
            orderly = True
        except OSError:
            # The other side of a connection that broke must see it broken, once it can be told.
            await self._network._flow.wait()
        finally:
            for sock in (self._board, self._host):
                if sock is not None:
                    if not orderly:
                        _break(sock)
                    sock.close()

    @property
    def _loop(self) -> asyncio.AbstractEventLoop:
        return self._network._loop

    async def _wait_for_flow(self) -> bytes | None:
        """Hold a new connection while nothing gets through; None when the board gave it up meanwhile."""
        early = b""
        if self._network._flow.is_set():
            return early
        flow = asyncio.create_task(self._network._flow.wait())
        try:
            while not flow.done() and len(early) < _WINDOW:
                data = asyncio.create_task(self._loop.sock_recv(self._board, _CHUNK))
                await asyncio.wait((flow, data), return_when=asyncio.FIRST_COMPLETED)
                if not data.done():
                    data.cancel()
                elif not data.result():
                    return None
                else:
                    early += data.result()
            await flow
        finally:
            flow.cancel()
        return early

    async def _connect(self) -> socket.socket:
        await asyncio.sleep(2 * self._network.latency)
        infos = await self._loop.getaddrinfo(*self._target, type=socket.SOCK_STREAM)
        problem: OSError = OSError("no address")
        for family, kind, protocol, _, address in infos:
            sock = socket.socket(family, kind, protocol)
            sock.setblocking(False)
            try:
                async with asyncio.timeout(_CONNECT_SECONDS):
                    await self._loop.sock_connect(sock, address)
            except OSError as error:
                sock.close()
                problem = error
            else:
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                return sock
        raise problem

    async def _pump(self, source: socket.socket, target: socket.socket, up: bool) -> None:
        """Pass bytes on: read no sooner than the network lets through, deliver ``latency`` later."""
        queue: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(_QUEUE)
        delivery = asyncio.create_task(self._deliver(queue, target))
        try:
            free_at = 0.0
            while True:
                await self._network.passable()
                data = await self._loop.sock_recv(source, _CHUNK)
                if up:
                    self._network.bytes_up += len(data)
                else:
                    self._network.bytes_down += len(data)
                now = time.monotonic()
                rate = self._network.bandwidth
                free_at = max(now, free_at) + (len(data) / rate if rate else 0.0)
                await queue.put((free_at + self._network.latency, data))
                if rate:
                    await asyncio.sleep(free_at - now)
                if not data:
                    break
            await delivery
        finally:
            delivery.cancel()

    async def _deliver(self, queue: asyncio.Queue[tuple[float, bytes]], target: socket.socket) -> None:
        while True:
            due, data = await queue.get()
            wait = due - time.monotonic()
            if wait > 0:
                await asyncio.sleep(wait)
            await self._network.passable()
            if not data:
                with contextlib.suppress(OSError):
                    target.shutdown(socket.SHUT_WR)
                return
            await self._loop.sock_sendall(target, data)


def _break(sock: socket.socket) -> None:
    """Close with RST."""
    with contextlib.suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    sock.close()
