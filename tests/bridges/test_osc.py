"""A room and a program that speaks OSC: what one says, the other hears, over real sockets."""

import asyncio
import math
import socket

import numpy as np
import pytest
from pythonosc.udp_client import SimpleUDPClient

from bridges.conftest import OscProgram, bridging, member, send_until
from posewire.bridges.osc import OscBridge
from posewire.bridges.osc_packets import packets, read_packet
from posewire.bridges.udp import read_address
from posewire.errors import ConfigError, WireError
from posewire.server.host import Host
from support.waiting import eventually

ANYWHERE = ("127.0.0.1", 0)


def port_of(where: str) -> int:
    return int(where.rpartition(":")[2])


async def test_poses_go_out(host: Host, program: OscProgram) -> None:
    body = np.linspace(0, 1, 132, dtype=np.float32).reshape(33, 4)
    address = "/posewire/pose/left-arm_1/body33"
    async with bridging(OscBridge(program.address, None), host):
        async with member(host, "left-arm/1") as room:
            sender = room.sender(fps=100)
            await send_until(lambda: sender.send(body=body), lambda: program.last(address))
        await eventually(lambda: program.last("/posewire/left") == ("left-arm/1",))
    values = program.last(address)
    assert values is not None
    assert np.abs(np.array(values).reshape(33, 4) - body).max() < 0.01
    assert ("/posewire/joined", ("left-arm/1",)) in program.heard


async def test_poses_go_out_landmark_by_landmark_without_those_that_are_missing(
    host: Host, program: OscProgram
) -> None:
    hand = np.full((21, 3), 0.5, np.float32)
    hand[4] = np.nan
    async with bridging(OscBridge(program.address, None, by_landmark=True), host), member(host, "glove") as room:
        sender = room.sender(fps=100)
        await send_until(lambda: sender.send(left_hand=hand), lambda: program.last("/posewire/pose/glove/hand21/20"))
    assert program.last("/posewire/pose/glove/hand21/3") == pytest.approx((0.5, 0.5, 0.5), abs=1e-3)
    assert program.last("/posewire/pose/glove/hand21/4") is None


async def test_poses_come_in(host: Host) -> None:
    bridge = OscBridge(None, ANYWHERE)
    async with bridging(bridge, host, "tracker") as where, member(host, "screen") as room:
        client = SimpleUDPClient("127.0.0.1", port_of(where))

        def send() -> None:
            client.send_message("/posewire/pose/coco17", [0.25] * 51)
            client.send_message("/posewire/pose/whoever/hand21", [0.75] * 63)

        await send_until(
            send, lambda: {s for count in room.counts().values() for s in count.sets} >= {"coco17", "hand21"}
        )
        pose = room.latest("tracker")
    assert pose is not None
    assert bridge.counts()["poses in"] >= 2


async def test_any_other_address_is_a_message_and_comes_out_of_another_bridge(host: Host, program: OscProgram) -> None:
    inward, outward = OscBridge(None, ANYWHERE), OscBridge(program.address, None)
    async with (
        bridging(inward, host, "in") as where,
        bridging(outward, host, "out"),
        member(host, "screen") as room,
    ):
        client = SimpleUDPClient("127.0.0.1", port_of(where))
        for value in (0.1, 0.2, 0.3):
            client.send_message("/1/fader1", value)
        messages = room.messages()
        said: dict[str, list[float]] = {}
        while said.get("/1/fader1") != pytest.approx([0.3], abs=1e-6):
            said = (await asyncio.wait_for(anext(messages), 10)).data["osc"]
        await eventually(lambda: program.last("/1/fader1") == pytest.approx((0.3,), abs=1e-6))
        await room.send({"scene": 4})
        await eventually(lambda: program.last("/posewire/message/screen") == ('{"scene": 4}',))


async def test_what_is_no_pose_is_refused_and_the_rest_comes_in(host: Host, capsys: pytest.CaptureFixture[str]) -> None:
    bridge = OscBridge(None, ANYWHERE)
    async with bridging(bridge, host, "tracker") as where, member(host, "screen") as room:
        port = port_of(where)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as plain:
            plain.sendto(b"\xff" * 300, ("127.0.0.1", port))
            plain.sendto((b"#bundle\0" + bytes(8) + b"\0\0\0\x14") * 1500, ("127.0.0.1", port))
        client = SimpleUDPClient("127.0.0.1", port)
        client.send_message("/posewire/pose/coco17", [0.25] * 50)
        client.send_message("/posewire/pose/tail9", [0.25] * 50)
        client.send_message("/posewire/pose/coco17", ["left", "right"])
        await eventually(lambda: bridge.counts()["refused"] >= 4)
        await send_until(
            lambda: client.send_message("/posewire/pose/coco17", [0.25] * 51), lambda: room.latest("tracker")
        )
    warned = capsys.readouterr().err
    assert "coco17 needs a multiple of 17 numbers, not 50" in warned
    assert "unknown landmark set 'tail9'" in warned
    assert "a pose must consist of numbers" in warned


async def test_an_address_that_is_taken_is_an_error(host: Host) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(ANYWHERE)
        with pytest.raises(ConfigError, match=r"cannot receive at 127\.0\.0\.1"):
            async with bridging(OscBridge(None, other.getsockname()), host):
                pass


def test_addresses() -> None:
    assert read_address("pi.local:9000") == ("pi.local", 9000)
    assert read_address("9000") == ("127.0.0.1", 9000)
    assert read_address("pi.local", 39539) == ("pi.local", 39539)
    for wrong in ("pi.local", "pi.local:", "pi.local:99999", ""):
        with pytest.raises(ConfigError):
            read_address(wrong)


def test_messages_are_read_as_they_were_written() -> None:
    arguments = [1, -(1 << 31), 1 << 40, 0.5, "héllo", "", b"\x01\x02", True, False, 1e300, float("-inf"), 1 << 70]
    (data,) = packets([("/some/address", arguments)])
    ((address, read),) = read_packet(data)
    assert address == "/some/address"
    assert read == [*arguments[:-3], math.inf, -math.inf, pytest.approx(float(1 << 70))]
    (data,) = packets([("/nan", [math.nan])])
    assert math.isnan(read_packet(data)[0][1][0])
    with pytest.raises(TypeError):
        list(packets([("/x", [None])]))


def test_bundles_fit_into_a_frame_of_ethernet() -> None:
    messages = [(f"/some/address/{number}", [float(number)] * 3) for number in range(200)]
    sent = list(packets(messages))
    assert max(map(len, sent)) <= 1400
    assert [message for packet in sent for message in read_packet(packet)] == messages
    with pytest.raises(WireError):
        read_packet(b"")
