"""A board gets its first settings: over the serial console, over its own page. Real firmware, real HTTP, real DNS."""

import contextlib
import http.client
import socket
import struct
import time
import urllib.parse
from collections.abc import Callable

import pytest

from posewire.errors import ProvisioningError
from posewire.provision.improv import PacketType, State, build_command, build_packet
from posewire.provision.improv_client import ImprovClient
from posewire.sim.board import SimBoard
from posewire.sim.fixtures import MakeBoard, sim_board
from posewire.sim.memory_model import ROOMY_CHIP
from posewire.sim.parts.wifi import PASSWORD, SSID
from support.servers.small_host import SmallHost

__all__ = ["sim_board"]

NO_WIFI = {"wifi": []}


@pytest.fixture
def sim_chip() -> str:
    """Memory is not the subject here."""
    return ROOMY_CHIP


@pytest.fixture
def empty_board(sim_board: MakeBoard) -> Callable[..., SimBoard]:
    """A board that knows no network, and a host that it does not know of either."""

    def make(**options: object) -> SimBoard:
        return sim_board("ws://posewire.invalid:8000/posewire/v1/", config=NO_WIFI, imu=False, **options)

    return make


def connected(board: SimBoard) -> None:
    board.wait(lambda: board.connected, 30, "the board to connect")


def wait_for_page(board: SimBoard) -> None:
    board.wait(lambda: any("setup: join the network" in line for line in board.log), 30, "the board's page")


def test_over_the_serial_console(empty_board: Callable[..., SimBoard]) -> None:
    with SmallHost() as host:
        board = empty_board()
        client = ImprovClient(board.console)
        assert client.connect(30) == State.READY
        info = client.info()
        assert (info.firmware, info.hardware, info.name) == ("Posewire", "sim", "posewire-0001")
        board.wifi.add("café <&>", "", -40)
        assert [(net.ssid, net.secured) for net in client.scan()] == [("café <&>", False), (SSID, True)]
        with pytest.raises(ProvisioningError, match="could not join"):
            client.set_wifi(SSID, "wrong password")
        assert client.connect() == State.READY
        assert client.set_host(host.url, "secret") == host.url
        page = host.url.replace("ws", "http", 1).split("posewire")[0]
        assert client.set_wifi(SSID, PASSWORD) == (page,)
        connected(board)
        assert host.sockets[-1].request is not None
        assert host.sockets[-1].request.headers["Authorization"] == "Bearer secret"
        client.identify()
        assert client.connect() == State.PROVISIONED
        # All of it is still known after the power was off, and no secret stands in a file for people.
        board.restart()
        board.wait(lambda: len(host.sockets) == 2, 30, "the board to come back")
        assert "secret" not in (board.flash / "config.json").read_text()
        assert PASSWORD not in (board.flash / "config.json").read_text()


def test_what_is_no_command_is_answered_with_an_error(empty_board: Callable[..., SimBoard]) -> None:
    board = empty_board()
    client = ImprovClient(board.console)
    client.connect(30)
    for packet, code in (
        (build_command(0x66), 2),
        (build_packet(PacketType.RPC_COMMAND, b"\x01\x09abc"), 1),
        (build_packet(PacketType.RPC_COMMAND, b"\x01\x03\x09ab"), 1),
        (build_packet(PacketType.RPC_RESULT, b"\x01\x00"), 1),
        (build_command(3)[:-2] + b"\x00\n", 1),
        (build_command(5, b"new-name"), 5),
    ):
        board.console.write(packet)
        deadline = time.monotonic() + 10
        while True:
            found = client._packet(deadline)
            assert found is not None, packet
            if found.type == PacketType.ERROR_STATE and found.data != b"\0":
                assert found.data[0] == code, packet
                break
    with pytest.raises(ProvisioningError, match="ws://"):
        client.set_host("http://x/", "")


def test_ctrl_c_outside_of_a_packet_ends_the_application(sim_board: MakeBoard) -> None:
    with SmallHost() as host:
        board = sim_board(host.url, imu=False)
        connected(board)
        board.console.write(b"\r\x03")
        board.wait(lambda: any("KeyboardInterrupt" in line for line in board.log), what="the end of the application")
        board.wait(lambda: not board.running, what="the end of the process")


def ask_name(board: SimBoard, name: str, kind: int = 1) -> bytes:
    """The answer of the board's name service."""
    labels = b"".join(bytes([len(part)]) + part.encode() for part in name.split("."))
    query = struct.pack(">HHHHHH", 77, 0x0100, 1, 0, 0, 0) + labels + struct.pack(">BHH", 0, kind, 1)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(10)
        sock.sendto(query, ("127.0.0.1", board.network.listening[53]))
        return sock.recv(512)


def request(board: SimBoard, method: str, path: str, form: dict[str, str] | None = None) -> tuple[int, str, str]:
    """(status, Location, body) from the board's page."""
    connection = http.client.HTTPConnection("127.0.0.1", board.network.listening[80], timeout=20)
    body = urllib.parse.urlencode(form) if form is not None else None
    headers = {"Content-Type": "application/x-www-form-urlencoded"} if form is not None else {}
    connection.request(method, path, body, headers)
    answer = connection.getresponse()
    return answer.status, answer.headers.get("Location", ""), answer.read().decode()


def test_over_the_boards_own_page(empty_board: Callable[..., SimBoard]) -> None:
    with SmallHost() as host:
        board = empty_board()
        board.wifi.add("<b>'\"&", "x" * 8, -80)
        wait_for_page(board)
        point = board.wifi.access_point
        assert point is not None
        assert (point.ssid, point.security, len(point.password)) == ("posewire-0001", 3, 10)
        assert any(point.password in line for line in board.log), "people must be able to learn it"

        answer = ask_name(board, "connectivitycheck.gstatic.com")
        assert answer[-4:] == bytes([192, 168, 4, 1])
        assert answer[:2] == b"\0\x4d"
        assert struct.unpack(">H", ask_name(board, "example.org", 28)[6:8]) == (0,), "no IPv6 address"
        assert request(board, "GET", "/generate_204")[:2] == (302, "http://192.168.4.1/")
        status, _, page = request(board, "GET", "/")
        assert status == 200
        assert SSID in page
        assert "&lt;b&gt;&#39;&quot;&amp;" in page
        assert "<b>'" not in page

        form = {"ssid": SSID, "password": "wrong", "host": host.url, "token": ""}
        assert request(board, "POST", "/save", form)[:2] == (303, "/status")
        board.wait(lambda: "does not take the password" in request(board, "GET", "/status")[2], 30, "the bad news")
        form["password"] = PASSWORD
        assert request(board, "POST", "/save", form)[0] == 303
        board.wait(lambda: "Connected" in request(board, "GET", "/status")[2], 30, "the good news")
        connected(board)
        assert board.resets == 1
        assert board.wifi.access_point is None
        assert board.errors == []


def test_the_page_survives_nonsense(empty_board: Callable[..., SimBoard]) -> None:
    board = empty_board()
    wait_for_page(board)
    port = board.network.listening[80]
    for nonsense in (b"\x16\x03\x01\r\n\r\n", b"GET / HTTP/1.1\r\nContent-Length: x\r\n\r\n", b"A" * 5000, b""):
        with socket.create_connection(("127.0.0.1", port), 10) as sock:
            sock.sendall(nonsense)
            if not nonsense:
                sock.shutdown(socket.SHUT_WR)
            sock.settimeout(10)
            with contextlib.suppress(ConnectionResetError):
                assert sock.recv(100) == b""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        for nonsense in (b"", b"x", bytes(12), bytes([0xFF]) * 100, b"\0\1\1\0\0\1" + bytes(6) + b"\x3fabc"):
            sock.sendto(nonsense, ("127.0.0.1", board.network.listening[53]))
    for form in (
        {"ssid": ""},
        {"ssid": "x" * 33},
        {"ssid": "x", "host": "http://x"},
        {"ssid": "x", "password": "y" * 65},
    ):
        assert request(board, "POST", "/save", form)[0] == 303
    assert request(board, "GET", "/")[0] == 200
    assert ask_name(board, "example.org")[-4:] == bytes([192, 168, 4, 1])


def test_a_long_press_without_a_host_opens_the_page(sim_board: MakeBoard) -> None:
    board = sim_board("ws://posewire.invalid:8000/posewire/v1/", imu=False)
    board.wait(lambda: any("does not resolve" in line or "W connection" in line for line in board.log), 30, "a failure")
    board.button.down()
    wait_for_page(board)
    board.button.up()
    assert request(board, "GET", "/")[0] == 200
