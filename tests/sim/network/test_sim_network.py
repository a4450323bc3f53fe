"""The simulated network between real sockets: what gets through, when, and what does not."""

import socket
import struct
import threading
import time
from collections.abc import Iterator
from types import TracebackType
from typing import Self

import pytest

from posewire.sim.parts.network import Network


class Echo:
    """A TCP server that sends back what it gets, and knows how its connections ended."""

    def __init__(self) -> None:
        self._door = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._door.getsockname()[1]
        self.received = bytearray()
        self.connections = 0
        self.endings: list[str] = []
        self._threads = [threading.Thread(target=self._accept)]

    def __enter__(self) -> Self:
        self._threads[0].start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._door.shutdown(socket.SHUT_RDWR)
        self._door.close()
        for thread in self._threads:
            thread.join(5)

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._door.accept()
            except OSError:
                return
            self.connections += 1
            thread = threading.Thread(target=self._serve, args=(sock,))
            self._threads.append(thread)
            thread.start()

    def _serve(self, sock: socket.socket) -> None:
        with sock:
            sock.settimeout(10)
            try:
                while data := sock.recv(65536):
                    self.received += data
                    sock.sendall(data)
                self.endings.append("closed")
            except ConnectionResetError:
                self.endings.append("reset")
            except OSError as error:
                self.endings.append(str(error))


@pytest.fixture
def network() -> Iterator[Network]:
    network = Network()
    yield network
    network.close()


@pytest.fixture
def echo() -> Iterator[Echo]:
    with Echo() as server:
        yield server


def board_socket(network: Network, echo: Echo) -> socket.socket:
    """A connection as the board makes it: to the local port that stands for the host."""
    port, _ = network.resolve("127.0.0.1", echo.port)
    assert port is not None
    assert port != echo.port
    sock = socket.create_connection(("127.0.0.1", port), 5)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


def receive(sock: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        part = sock.recv(count - len(data))
        if not part:
            break
        data += part
    return data


def wait_for(condition: object, seconds: float = 5.0) -> None:
    deadline = time.monotonic() + seconds
    assert callable(condition)
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.005)


def test_bytes_pass_unchanged(network: Network, echo: Echo) -> None:
    data = bytes(range(256)) * 400
    with board_socket(network, echo) as sock:
        sender = threading.Thread(target=sock.sendall, args=(data,))
        sender.start()
        assert receive(sock, len(data)) == data
        sender.join()
    assert network.bytes_up == len(data)
    wait_for(lambda: echo.endings == ["closed"])


def test_a_name_keeps_its_port(network: Network, echo: Echo) -> None:
    assert network.resolve("127.0.0.1", echo.port) == network.resolve("127.0.0.1", echo.port)


def test_small_messages_are_not_held_back(network: Network, echo: Echo) -> None:
    with board_socket(network, echo) as sock:
        start = time.monotonic()
        for _ in range(100):
            sock.sendall(b"x" * 500)
            assert len(receive(sock, 500)) == 500
        assert time.monotonic() - start < 2.0, "40 ms a message would be delayed acknowledgements"


def test_latency_counts_both_ways(network: Network, echo: Echo) -> None:
    with board_socket(network, echo) as sock:
        sock.sendall(b"a")
        receive(sock, 1)
        network.latency = 0.1
        start = time.monotonic()
        sock.sendall(b"b")
        receive(sock, 1)
        assert time.monotonic() - start >= 0.2


def test_bandwidth_is_limited(network: Network, echo: Echo) -> None:
    network.bandwidth = 50_000
    with board_socket(network, echo) as sock:
        start = time.monotonic()
        sender = threading.Thread(target=sock.sendall, args=(bytes(20_000),))
        sender.start()
        receive(sock, 20_000)
        sender.join()
        assert time.monotonic() - start >= 0.3


def test_a_black_hole_loses_nothing_when_it_ends_in_time(network: Network, echo: Echo) -> None:
    with board_socket(network, echo) as sock:
        sock.sendall(b"before")
        assert receive(sock, 6) == b"before"
        network.drop()
        sock.sendall(b"meanwhile")
        sock.settimeout(0.3)
        with pytest.raises(TimeoutError):
            sock.recv(1)
        assert echo.received == b"before"
        network.restore()
        sock.settimeout(5)
        assert receive(sock, 9) == b"meanwhile"


def test_a_sender_feels_the_black_hole(network: Network, echo: Echo) -> None:
    with board_socket(network, echo) as sock:
        # As the simulated socket module does.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8192)
        network.drop()
        sock.settimeout(0.5)
        with pytest.raises(TimeoutError):
            sock.sendall(bytes(500_000))
    network.restore()


def test_a_peer_that_left_during_a_black_hole_is_missed_afterwards(network: Network, echo: Echo) -> None:
    sock = board_socket(network, echo)
    sock.sendall(b"hello")
    receive(sock, 5)
    network.drop()
    sock.close()
    time.sleep(0.2)
    assert echo.endings == [], "half-open"
    network.restore()
    wait_for(lambda: echo.endings)


def test_new_connections_hang_in_a_black_hole(network: Network, echo: Echo) -> None:
    port, _ = network.resolve("127.0.0.1", echo.port)
    network.drop()
    assert network.resolve("127.0.0.1", echo.port) is None, "names do not resolve either"
    given_up = socket.create_connection(("127.0.0.1", port), 5)
    given_up.sendall(b"lost")
    given_up.close()
    with socket.create_connection(("127.0.0.1", port), 5) as sock:
        sock.sendall(b"patient")
        sock.settimeout(0.3)
        with pytest.raises(TimeoutError):
            sock.recv(1)
        network.restore()
        sock.settimeout(5)
        assert receive(sock, 7) == b"patient"
    assert echo.connections == 1, "who gave up meanwhile was never there"


def test_new_connections_fail_where_they_are_refused(network: Network, echo: Echo) -> None:
    port, _ = network.resolve("127.0.0.1", echo.port)
    network.cut(refuse=True)
    with pytest.raises(ConnectionResetError), socket.create_connection(("127.0.0.1", port), 5) as sock:
        sock.recv(1)
    assert echo.connections == 0


def test_reset_breaks_both_sides(network: Network, echo: Echo) -> None:
    with board_socket(network, echo) as sock:
        sock.sendall(b"hello")
        receive(sock, 5)
        network.reset()
        with pytest.raises(ConnectionResetError):
            sock.recv(1)
    wait_for(lambda: echo.endings == ["reset"])


def test_a_reset_of_the_board_reaches_the_host(network: Network, echo: Echo) -> None:
    sock = board_socket(network, echo)
    sock.sendall(b"hello")
    receive(sock, 5)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()
    wait_for(lambda: echo.endings == ["reset"])


def test_a_host_that_is_not_there_breaks_the_connection(network: Network) -> None:
    port, _ = network.resolve("127.0.0.1", 9)
    with pytest.raises(ConnectionResetError), socket.create_connection(("127.0.0.1", port), 5) as sock:
        sock.recv(1)


def test_names_resolve_only_while_dns_works(network: Network) -> None:
    assert network.resolve("localhost", 80) is not None
    network.dns = False
    assert network.resolve("localhost", 80) is None
    network.dns = True
    assert network.resolve("no-such-name.invalid", 80) is None
