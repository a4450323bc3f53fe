"""Boards of a room as trackers of a SlimeVR server, over real sockets."""

from collections.abc import AsyncIterator
from typing import Any

import numpy as np
import pytest
import pytest_asyncio

from bridges.conftest import bridging, member, send_until
from posewire.bridges.slimevr import SlimeBridge
from posewire.bridges.slimevr_packets import read_from_server
from posewire.bridges.slimevr_tracker import hardware_address
from posewire.server.host import Host
from posewire.skeleton.rotations import about
from support.servers.slimevr_server import SlimeServer, slimevr_server
from support.waiting import eventually

BOARD = "24:6f:28:00:00:01"
MAC = BOARD.upper()


@pytest_asyncio.fixture
async def server() -> AsyncIterator[SlimeServer]:
    async with slimevr_server() as running:
        yield running
    assert running.faults == []


async def test_a_quaternion_is_a_tracker(host: Host, server: SlimeServer) -> None:
    turn = about((0, 0, 1), 40)
    async with bridging(SlimeBridge(server.address), host), member(host, BOARD) as room:
        sender = room.sender(fps=100)

        def known() -> bool:
            return (
                MAC in server.by_mac
                and bool(server.by_mac[MAC].sensors)
                and server.by_mac[MAC].sensors[0].rotations > 5
            )

        await send_until(lambda: sender.send(quaternions=[turn]), known)
        tracker = server.by_mac[MAC]
        await eventually(lambda: tracker.heartbeats > 0 and tracker.pongs > 0)
        server.set_flag(tracker, 255, 3, True)
        await eventually(lambda: tracker.confirmed == [(255, 3)])
    assert (tracker.board, tracker.mcu, tracker.protocol) == (4, 2, 22)
    assert tracker.firmware.startswith("posewire ")
    assert tracker.sensors[0].status == 1
    assert tracker.sensors[0].rotation == pytest.approx(turn, abs=1e-3)
    assert tracker.out_of_order == 0


async def test_a_motion_sensor_is_a_tracker_with_its_acceleration(host: Host, server: SlimeServer) -> None:
    async with bridging(SlimeBridge(server.address), host), member(host, BOARD) as room:
        sender = room.sender(fps=200)
        # It stands on its side, its y axis up, and is pushed along x with half a g.
        counts = np.array([[2048, 4096, 0], [0, 0, 0]])

        def known() -> Any:
            return (
                server.by_mac.get(MAC) and server.by_mac[MAC].sensors and server.by_mac[MAC].sensors[0].rotations > 200
            )

        await send_until(lambda: sender.send(imu=counts), known)
    sensor = server.by_mac[MAC].sensors[0]
    assert np.linalg.norm(sensor.acceleration) < 5
    assert np.linalg.norm(sensor.rotation) == pytest.approx(1, abs=1e-3)
    assert abs(sensor.rotation[1]) > 0.5


async def test_a_server_that_restarts_gets_its_trackers_again(host: Host, server: SlimeServer) -> None:
    async with bridging(SlimeBridge(server.address), host), member(host, BOARD) as room:
        sender = room.sender(fps=100)

        def send() -> None:
            sender.send(quaternions=[about((0, 0, 1), 40)])

        def known() -> bool:
            return (
                MAC in server.by_mac
                and bool(server.by_mac[MAC].sensors)
                and server.by_mac[MAC].sensors[0].rotations > 1
            )

        await send_until(send, known)
        server.forget()
        await send_until(send, known)
    assert server.handshakes >= 2


async def test_each_member_is_a_tracker_of_its_own_and_who_leaves_falls_silent(host: Host, server: SlimeServer) -> None:
    bridge = SlimeBridge(server.address)
    async with bridging(bridge, host), member(host, BOARD) as room:
        sender = room.sender(fps=100)
        async with member(host, "left-foot") as other:
            second = other.sender(fps=100)

            def send() -> None:
                sender.send(quaternions=[about((0, 0, 1), 40)])
                second.send(quaternions=[about((1, 0, 0), 40)])

            await send_until(send, lambda: len(server.by_mac) == 2 and bridge.counts()["known to the server"] == 2)
        await eventually(lambda: bridge.counts()["trackers"] == 1)
    own = next(address for address in server.by_mac if address != MAC)
    assert bytes.fromhex(own.replace(":", "")) == hardware_address("left-foot")
    assert int(own[:2], 16) & 3 == 2  # locally administered, for one


async def test_signal_and_battery_come_from_the_boards_telemetry(host: Host, server: SlimeServer) -> None:
    async def reports() -> list[dict[str, Any]]:
        return [
            {"device": BOARD, "report": {"rssi": -61, "battery": 80, "battery_mv": 3950}},
            {"device": "somebody else", "report": None},
        ]

    bridge = SlimeBridge(server.address, reports=reports)
    async with bridging(bridge, host), member(host, BOARD) as room:
        sender = room.sender(fps=100)
        await send_until(
            lambda: sender.send(quaternions=[about((0, 0, 1), 40)]),
            lambda: bridge.counts()["known to the server"] == 1,
        )
        await bridge._report()
        await eventually(lambda: server.by_mac[MAC].signal == -61)
        await eventually(lambda: server.by_mac[MAC].battery == pytest.approx((3.95, 0.8)))


@pytest.mark.parametrize(
    "data", [b"", b"\x00", b"\x03Hey OVR", b"\x00\x00\x00\x19", b"\x00\x00\x00\x0a" + bytes(8), b"\xff" * 80]
)
def test_other_bytes_mean_nothing(data: bytes) -> None:
    assert read_from_server(data) is None
