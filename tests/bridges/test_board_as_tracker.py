"""A simulated board with its motion sensor, a room, the bridge, and a SlimeVR server: the whole way."""

import asyncio

import numpy as np
import pytest

from bridges.conftest import bridging
from posewire.bridges.slimevr import SlimeBridge
from posewire.server.host import Host
from posewire.sim.board import SimBoard
from posewire.sim.memory_model import ROOMY_CHIP
from posewire.skeleton.rotations import rotate
from support.servers.slimevr_server import slimevr_server


async def test_a_board_on_its_side_is_a_tracker_on_its_side(host: Host) -> None:
    board = SimBoard(host.url, chip=ROOMY_CHIP, room="studio", device_id="02:00:00:00:00:07")
    async with slimevr_server() as server, bridging(SlimeBridge(server.address), host):
        try:
            await asyncio.to_thread(board.__enter__)
            board.imu.set(accel=(0.0, 1.0, 0.0))  # y is up
            async with asyncio.timeout(60):
                while not (tracker := server.by_mac.get("02:00:00:00:00:07")) or not tracker.sensors:
                    await asyncio.sleep(0.02)
                sensor = tracker.sensors[0]
                while not sensor.rotation or rotate(sensor.rotation, (0.0, 1.0, 0.0))[2] < 0.999:
                    await asyncio.sleep(0.02)
        finally:
            await asyncio.to_thread(board.__exit__, None, None, None)
    assert np.linalg.norm(sensor.acceleration) == pytest.approx(0, abs=0.2)
    assert tracker.out_of_order == 0
    assert server.faults == []
