"""A room and a program that speaks VMC, over real sockets: python-osc's dispatcher is the other program."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pythonosc.osc_bundle_builder import IMMEDIATELY, OscBundleBuilder
from pythonosc.osc_message_builder import OscMessageBuilder
from pythonosc.udp_client import SimpleUDPClient, UDPClient

from bridges.conftest import OscProgram, bridging, member, send_until
from posewire.bridges.vmc import VmcBridge
from posewire.bridges.vmc_blends import face_blends, read_blends
from posewire.server.host import Host
from posewire.skeleton.body_landmarks import world_landmarks
from posewire.skeleton.humanoid import BONE_NAMES
from posewire.skeleton.rotations import about, multiply, rotate
from posewire.skeleton.suit_rig import SuitRig
from support.waiting import eventually

DATA = Path(__file__).parents[1] / "data" / "pose"
ANYWHERE = ("127.0.0.1", 0)


def bone(program: OscProgram, name: str) -> tuple[Any, ...] | None:
    return next((values[1:] for values in reversed(program.all("/VMC/Ext/Bone/Pos")) if values[0] == name), None)


def turned(values: tuple[Any, ...] | None, vector: tuple[float, float, float]) -> tuple[float, float, float]:
    """Rotate a vector as Unity would by what a message says: x, y, z, w."""
    assert values is not None
    x, y, z, w = values[3:7]
    return rotate((w, x, y, z), vector)


async def test_a_body_moves_an_avatar(host: Host, program: OscProgram) -> None:
    waving = {"LeftUpperArm": about((0, 0, 1), -90), "RightUpperArm": about((0, 0, 1), -60)}
    body = world_landmarks(waving)
    async with bridging(VmcBridge(program.address, None), host), member(host, "camera") as room:
        sender = room.sender(fps=100)
        await send_until(lambda: sender.send(world=body), lambda: bone(program, "RightLowerLeg"))
    assert program.last("/VMC/Ext/OK") == (1,)
    assert isinstance(program.last("/VMC/Ext/T")[0], float)  # type: ignore[index]
    assert program.last("/VMC/Ext/Root/Pos") == ("root", *[0.0] * 6, 1.0)
    # The left arm, which points to negative x in a T, is up; the right one is 60 degrees below the shoulder.
    assert turned(bone(program, "LeftUpperArm"), (-1, 0, 0)) == pytest.approx((0, 1, 0), abs=0.02)
    assert turned(bone(program, "RightUpperArm"), (1, 0, 0)) == pytest.approx((0.5, -0.866, 0), abs=0.02)
    for name, *values in program.all("/VMC/Ext/Bone/Pos"):
        assert name in BONE_NAMES
        assert len(values) == 7
        assert np.linalg.norm(values[3:]) == pytest.approx(1, abs=1e-4)


async def test_bones_that_a_member_sends_go_out_as_they_are(host: Host, program: OscProgram) -> None:
    bones = np.tile(np.array([1, 0, 0, 0], np.float32), (55, 1))
    bones[BONE_NAMES.index("Jaw")] = about((1, 0, 0), 20)
    async with bridging(VmcBridge(program.address, None), host), member(host, "suit") as room:
        sender = room.sender(fps=100)
        await send_until(lambda: sender.send(quaternions=bones), lambda: bone(program, "UpperChest"))
    assert bone(program, "Jaw")[3:] == pytest.approx((0.1736, 0, 0, 0.9848), abs=1e-3)  # type: ignore[index]
    assert {name for name, *_ in program.all("/VMC/Ext/Bone/Pos")} == set(BONE_NAMES)


async def test_one_body_moves_the_avatar_and_the_next_takes_over(host: Host, program: OscProgram) -> None:
    async with bridging(VmcBridge(program.address, None), host), member(host, "second") as second:
        async with member(host, "first") as first:
            sender, other = first.sender(fps=100), second.sender(fps=100)
            up = world_landmarks({"LeftUpperArm": about((0, 0, 1), -90)})
            await send_until(lambda: sender.send(world=up), lambda: bone(program, "LeftUpperArm"))

            def both() -> None:
                other.send(world=world_landmarks({}))
                sender.send(world=up)

            seen = len(program.heard)
            await send_until(both, lambda: len(program.heard) > seen + 200)
            arms = [values for values in program.all("/VMC/Ext/Bone/Pos") if values[0] == "LeftUpperArm"]
            assert all(abs(values[6]) == pytest.approx(0.707, abs=0.01) for values in arms)
        await send_until(
            lambda: other.send(world=world_landmarks({})),
            lambda: abs(bone(program, "LeftUpperArm")[6]) == pytest.approx(1, abs=0.01),  # type: ignore[index]
        )


async def test_a_single_rotation_is_a_tracker(host: Host, program: OscProgram) -> None:
    async with bridging(VmcBridge(program.address, None), host), member(host, "left-foot") as room:
        sender = room.sender(fps=100)
        # A quarter turn about up, to the left: z is up on a board, y in Unity, where turns go the other way.
        turn = [about((0, 0, 1), 90)]
        await send_until(lambda: sender.send(quaternions=turn), lambda: program.last("/VMC/Ext/Tra/Pos"))
    name, *values = program.last("/VMC/Ext/Tra/Pos")  # type: ignore[misc]
    assert name == "left-foot"
    assert values[3:] == pytest.approx([0, -0.7071, 0, 0.7071], abs=1e-3)


async def test_a_suit_of_motion_sensors_moves_an_avatar(host: Host, program: OscProgram) -> None:
    suit = SuitRig(["Chest", "LeftUpperArm"])
    async with bridging(VmcBridge(program.address, None, suit=suit), host), member(host, "suit") as room:
        sender = room.sender(fps=100)
        rest = [(1.0, 0.0, 0.0, 0.0), about((1, 0, 0), 90)]
        await send_until(lambda: sender.send(quaternions=rest), lambda: bone(program, "LeftUpperArm"))
        # The wearer looks along x, so the left arm points along y; about x, it goes up.
        up = [rest[0], multiply(about((1, 0, 0), 90), rest[1])]
        await send_until(
            lambda: sender.send(quaternions=up),
            lambda: turned(bone(program, "LeftUpperArm"), (-1, 0, 0)) == pytest.approx((0, 1, 0), abs=0.02),
        )
    assert {name for name, *_ in program.all("/VMC/Ext/Bone/Pos")} == {"Chest", "LeftUpperArm"}


async def test_a_face_opens_its_mouth(host: Host, program: OscProgram) -> None:
    with np.load(DATA / "face_slp_84322c.npz") as file:
        face = file["data"][0]
    async with bridging(VmcBridge(program.address, None), host), member(host, "camera") as room:
        sender = room.sender(fps=100)
        body = world_landmarks({})
        await send_until(lambda: sender.send(world=body, face=face), lambda: program.last("/VMC/Ext/Blend/Apply") == ())
    assert {name for name, _ in program.all("/VMC/Ext/Blend/Val")} == {"A", "Blink_L", "Blink_R"}


def test_blends_of_a_face() -> None:
    with np.load(DATA / "face_slp_84322c.npz") as file:
        face = file["data"][0].copy()
    found = face_blends(face)
    assert found["Blink_L"] < 0.6
    face[386], face[14] = face[374], face[13] + np.array([0, 0.1, 0], np.float32)
    closed = face_blends(face)
    assert closed["Blink_L"] == 1.0
    assert closed["Blink_R"] == found["Blink_R"]
    assert closed["A"] == 1.0


def bundle(*messages: tuple[str, list[Any]]) -> Any:
    made = OscBundleBuilder(IMMEDIATELY)
    for address, values in messages:
        message = OscMessageBuilder(address)
        for value in values:
            message.add_arg(value)
        made.add_content(message.build())
    return made.build()


async def test_an_avatar_comes_into_the_room(host: Host) -> None:
    bridge = VmcBridge(None, ANYWHERE)
    async with bridging(bridge, host, "performer") as where, member(host, "screen") as room:
        client = UDPClient("127.0.0.1", int(where.rpartition(":")[2]))
        w, x, y, z = about((0, 0, 1), -90)
        still = [0.0, 0.0, 0.0]
        moved = bundle(
            ("/VMC/Ext/Root/Pos", ["root", *still, 0.0, 1.0, 0.0, 0.0]),  # it faces the other way
            ("/VMC/Ext/Bone/Pos", ["Hips", *still, 0.0, 0.0, 0.0, 1.0]),
            ("/VMC/Ext/Bone/Pos", ["LeftUpperArm", *still, x, y, z, w]),
            ("/VMC/Ext/Bone/Pos", ["Tail", *still, x, y, z, w]),
            ("/VMC/Ext/Blend/Apply", []),
        )
        await send_until(lambda: client.send(moved), lambda: room.latest("performer"))
        pose = room.latest("performer")
    assert pose is not None
    bones, body = np.asarray(pose.values["quat55"]), np.asarray(pose.values["world33"])
    assert abs(bones[BONE_NAMES.index("LeftUpperArm")] @ (w, x, y, z)) == pytest.approx(1, abs=1e-3)
    assert abs(bones[0] @ (0, 0, 1, 0)) == pytest.approx(1, abs=1e-3)
    # The arm is up (y points down in landmarks); the nose is behind the ears, seen from the camera.
    assert body[15, 1] < body[13, 1] < body[11, 1]
    assert body[0, 2] > body[7, 2]
    assert bridge.counts()["refused"] >= 1


async def test_blend_shapes_come_into_the_room_and_go_out_again(host: Host, program: OscProgram) -> None:
    incoming, outgoing = VmcBridge(None, ANYWHERE), VmcBridge(program.address, None)
    async with (
        bridging(incoming, host, "performer") as where,
        bridging(outgoing, host, "stage"),
        member(host, "screen") as room,
    ):
        heard: list[object] = []
        room.on("message", lambda message: heard.append(message.data))
        client = UDPClient("127.0.0.1", int(where.rpartition(":")[2]))
        smile = bundle(
            ("/VMC/Ext/Bone/Pos", ["Hips", 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0]),
            ("/VMC/Ext/Blend/Val", ["Joy", 0.5]),
            ("/VMC/Ext/Blend/Val", ["A", 0.25]),
            ("/VMC/Ext/Blend/Val", ["A", "wide"]),
            ("/VMC/Ext/Blend/Apply", []),
        )
        await send_until(lambda: client.send(smile), lambda: heard)
        assert heard[0] == {"vmc_blends": {"Joy": 0.5, "A": 0.25}}
        # What was said before the other bridge followed this member is said again when it changes.
        frown = bundle(("/VMC/Ext/Blend/Val", ["Joy", 0.0]), ("/VMC/Ext/Blend/Apply", []))

        def again() -> None:
            for packet in (smile, frown):
                client.send(packet)

        await send_until(again, lambda: ("Joy", 0.0) in program.all("/VMC/Ext/Blend/Val"))
        assert incoming.counts()["refused"] >= 1
    assert program.last("/VMC/Ext/Blend/Apply") == ()


def test_messages_of_others_are_no_blend_shapes() -> None:
    for data in ("hello", b"x", None, {"vmc_blends": 5}, {"vmc_blends": {"A": "1", "B": float("nan"), "C": True}}):
        assert read_blends(data) == {}
    assert read_blends({"vmc_blends": {"A": 1, "B": None}}) == {"A": 1.0}


async def test_bones_that_come_one_by_one_are_one_pose(host: Host) -> None:
    bridge = VmcBridge(None, ANYWHERE)
    async with bridging(bridge, host, "performer") as where, member(host, "screen") as room:
        client = SimpleUDPClient("127.0.0.1", int(where.rpartition(":")[2]))
        w, x, y, z = about((0, 0, 1), -90)

        def send() -> None:
            for name in BONE_NAMES:
                client.send_message("/VMC/Ext/Bone/Pos", [name, 0.0, 0.0, 0.0, x, y, z, w])

        def whole() -> bool:
            pose = room.latest("performer")
            turned = np.abs(np.asarray(pose.values["quat55"]) @ (w, x, y, z)) if pose is not None else np.zeros(55)
            return bool(turned.min() > 0.999)

        await send_until(send, whole)
        before = bridge.counts()["poses in"]
        for _ in range(20):
            send()
        await eventually(lambda: bridge.counts()["poses in"] > before)
        assert bridge.counts()["poses in"] < before + 20 * len(BONE_NAMES) // 4  # far from one for each datagram


async def test_messages_of_another_shape_are_refused(host: Host, capsys: pytest.CaptureFixture[str]) -> None:
    bridge = VmcBridge(None, ANYWHERE)
    async with bridging(bridge, host) as where:
        client = SimpleUDPClient("127.0.0.1", int(where.rpartition(":")[2]))
        client.send_message("/VMC/Ext/Bone/Pos", ["Hips", 1.0])
        client.send_message("/VMC/Ext/Bone/Pos", ["Hips", *[float("nan")] * 7])
        await eventually(lambda: bridge.counts()["refused"] == 2)
    assert bridge.counts()["poses in"] == 0
    assert "a rotation (4)" in capsys.readouterr().err
