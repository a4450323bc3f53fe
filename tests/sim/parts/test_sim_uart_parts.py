"""config.json names what is on the UART; the senders to copy speak the simulator's line."""

import importlib.util
import struct
from pathlib import Path

import numpy as np
import pytest

from posewire.demo.watcher import RoomWatcher
from posewire.server.host_process import HostProcess
from posewire.sim.board import SimBoard
from posewire.sim.memory_model import ROOMY_CHIP
from posewire.sim.parts.camera import encode_frame

BODY = Path(__file__).parents[3] / "host" / "posewire" / "demo" / "data" / "body33.npz"
SENDER = Path(__file__).parents[3] / "examples" / "senders" / "posewire_sender.py"


def rvc(yaw: float, pitch: float, roll: float) -> bytes:
    body = struct.pack("<B6h3x", 0, *(round(angle * 100) for angle in (yaw, pitch, roll)), 0, 0, 981)
    return b"\xaa\xaa" + body + bytes([sum(body) & 0xFF])


def test_a_bno08x_turns_a_quaternion_in_the_room() -> None:
    config = {"pose": {"uart": "bno08x"}}
    with (
        HostProcess() as host,
        SimBoard(host.url, chip=ROOMY_CHIP, room="studio", imu=False, config=config) as board,
        RoomWatcher(host.url, "studio") as watcher,
    ):
        board.wait_connected(timeout=20)
        board.wait(lambda: board.camera.online, what="the UART")
        for angle in range(90):
            board.camera.send(rvc(angle, 0, 0))
        board.wait(lambda: bool(watcher.seen("quat1")) and board.snapshot()["keypoints"]["frames"] == 90, what="frames")
        board.wait(
            lambda: np.allclose(
                watcher.seen("quat1")[-1].received.pose.values["quat1"][0],
                (np.cos(np.radians(44.5)), 0, 0, np.sin(np.radians(44.5))),
                atol=0.002,
            ),
            what="the last angle",
        )


def test_a_budget_holds_on_the_wire_and_the_motion_still_arrives() -> None:
    budget = 800
    config = {"pose": {"bytes_per_second": budget}}
    with (
        HostProcess() as host,
        SimBoard(host.url, chip=ROOMY_CHIP, room="studio", imu=False, config=config) as board,
        RoomWatcher(host.url, "studio") as watcher,
    ):
        board.wait_connected(timeout=20)
        board.camera.play(BODY, loop=True)
        board.wait(lambda: len(watcher.seen("body33")) > 50, timeout=30, what="the stream to settle")
        first = watcher.seen("body33")[-1]
        board.wait(lambda: len(watcher.seen("body33")) > 130, timeout=60, what="some seconds of it")
        seen = watcher.seen("body33")[watcher.seen("body33").index(first) :]
        seconds = (seen[-1].received.pose.time_ms - seen[0].received.pose.time_ms) / 1000
        rate = sum(one.received.packet_bytes for one in seen[1:]) / seconds
        assert rate <= 1.1 * budget
        # Without the budget it is 1700.
        assert board.snapshot()["pose_budget"] == budget
        assert all(count.undecodable == 0 for count in watcher.counts().values())


@pytest.mark.parametrize("landmarks", [1, 17])
def test_the_sender_to_copy_makes_the_same_frames(landmarks: int) -> None:
    spec = importlib.util.spec_from_file_location("posewire_sender", SENDER)
    assert spec is not None
    assert spec.loader is not None
    sender = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(sender)
    values = np.linspace(-1, 1, 3 * landmarks, dtype=np.float32).reshape(landmarks, 3)
    values[0, 0] = np.nan
    set_id = sender.COCO17 if landmarks == 17 else sender.CUSTOM
    made = sender.frame(set_id, landmarks, 3, 2**32 + 7, values.ravel().tolist())
    assert made == encode_frame(set_id, 7, values)
    with pytest.raises(ValueError, match="1 landmarks of 3 are not 2 values"):
        sender.frame(0, 1, 3, 0, [0.0, 0.0])
