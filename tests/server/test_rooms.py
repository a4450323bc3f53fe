"""Rooms on the wire: who joins late, lags or comes back sees right poses."""

import asyncio
import json
import subprocess
import sys

import numpy as np
import pytest
from numpy.typing import NDArray

from posewire.client.room_client import RoomClient
from posewire.server.host import Host
from posewire.server.transport.websocket import HIGH_WATER
from posewire.wire.frames import FrameType, build_frame, join_timed, parse_frame, split_timed
from posewire.wire.pose import Control, Kind, PoseDecoder, PoseEncoder, control, parse_control, parse_header
from support.peers import Peer, Peers

BODY = "body33"
HALF_A_STEP = 2.0**-7
"""Of the coarsest channel of a body: visibility."""

POSE = {"publish": ["pose"]}
WATCH = {"subscribe": ["pose"]}


def body(step: int) -> NDArray[np.float32]:
    return np.full((33, 4), step / 100, np.float32)


async def publish(peer: Peer, encoder: PoseEncoder, step: int) -> None:
    await peer.socket.send(build_frame(FrameType.POSE, encoder.encode(body(step), step), 3))


async def member(peers: Peers, device: str, **kinds: object) -> Peer:
    peer = await peers.connect(device)
    await peer.hello()
    await peer.join(**kinds)
    return peer


async def test_the_first_member_hosts_and_the_role_passes_on(peers: Peers) -> None:
    first = await peers.connect("aa:00:00:00:00:01")
    await first.hello()
    assert (await first.join())["role"] == "owner"
    second = await peers.connect("aa:00:00:00:00:02")
    await second.hello()
    welcome = await second.join()
    assert welcome["role"] == "member"
    assert [entry["member_id"] for entry in welcome["members"]] == [1, 2]
    assert (await first.receive("room", event="joined"))["member"]["device"] == "aa:00:00:00:00:02"
    await first.send(type="room", action="leave")
    assert (await second.receive("room", event="left"))["member_id"] == 1
    assert (await second.receive("room", event="role"))["member_id"] == 2


async def test_poses_reach_subscribers_with_the_publishers_id(peers: Peers) -> None:
    publisher = await member(peers, "aa:00:00:00:00:01", **POSE)
    watcher = await member(peers, "aa:00:00:00:00:02", **WATCH)
    encoder, decoder = PoseEncoder(BODY), PoseDecoder()
    for step in range(5):
        await publish(publisher, encoder, step)
    for step in range(5):
        frame = parse_frame(await watcher.receive_binary(), 3)
        assert frame.member_id == 1
        pose = decoder.decode(frame.payload)
        assert pose is not None
        assert np.abs(pose.values[BODY] - body(step)).max() <= HALF_A_STEP


async def test_who_joins_late_sees_the_next_delta(peers: Peers) -> None:
    publisher = await member(peers, "aa:00:00:00:00:01", **POSE)
    encoder = PoseEncoder(BODY)
    for step in range(10):
        await publish(publisher, encoder, step)
    await publisher.echo()
    watcher = await member(peers, "aa:00:00:00:00:02", **WATCH)
    await publish(publisher, encoder, 10)
    decoder = PoseDecoder()
    last = None
    while last is None or last.sequence < 10:
        last = decoder.decode(parse_frame(await watcher.receive_binary(), 3).payload)
    assert np.abs(last.values[BODY] - body(10)).max() <= HALF_A_STEP


async def test_who_joins_a_long_stream_gets_a_snapshot_and_the_publisher_is_left_alone(
    host: Host, peers: Peers
) -> None:
    publisher = await member(peers, "aa:00:00:00:00:01", **POSE)
    random = np.random.default_rng(0)
    encoder = PoseEncoder(BODY)
    for step in range(100):
        values = body(step) + random.normal(0, 0.01, (33, 4)).astype(np.float32)
        await publisher.socket.send(build_frame(FrameType.POSE, encoder.encode(values, step), 3))
    await publisher.echo()
    watcher = await member(peers, "aa:00:00:00:00:02", **WATCH)
    snapshot = parse_frame(await watcher.receive_binary(), 3).payload
    header = parse_header(snapshot)
    assert header is not None
    assert (header.kind, header.sequence) == (Kind.SNAPSHOT, 99)
    decoder = PoseDecoder()
    decoder.decode(snapshot)
    for step in range(100, 105):
        await publish(publisher, encoder, step)
        pose = decoder.decode(parse_frame(await watcher.receive_binary(), 3).payload)
        assert pose is not None
        assert pose.sequence == step
        assert np.abs(pose.values[BODY] - body(step)).max() <= HALF_A_STEP
    assert host.services.counters["pose_snapshots"] == 1
    await publisher.send(type="ping", id=2)
    assert json.loads(await publisher.socket.recv())["type"] in {"room", "pong"}  # no key was asked for


async def test_a_chain_that_does_not_decode_ends_in_a_key_request(peers: Peers) -> None:
    publisher = await member(peers, "aa:00:00:00:00:01", **POSE)
    random = np.random.default_rng(0)
    encoder = PoseEncoder(BODY)
    for step in range(100):
        packet = bytearray(encoder.encode(random.random((33, 4)).astype(np.float32), step))
        packet[-1] ^= step == 50  # damaged before it came here
        await publisher.socket.send(build_frame(FrameType.POSE, bytes(packet), 3))
    await publisher.echo()
    watcher = await member(peers, "aa:00:00:00:00:02", **WATCH)
    encoder.control(parse_frame(await publisher.receive_binary(), 3).payload)
    await publish(publisher, encoder, 100)
    pose = PoseDecoder().decode(parse_frame(await watcher.receive_binary(), 3).payload)
    assert pose is not None
    assert pose.sequence == 100


async def test_a_key_request_reaches_the_publisher(peers: Peers) -> None:
    publisher = await member(peers, "aa:00:00:00:00:01", **POSE)
    watcher = await member(peers, "aa:00:00:00:00:02", **WATCH)
    await publish(publisher, PoseEncoder(BODY), 0)
    await watcher.receive_binary()
    await watcher.socket.send(build_frame(FrameType.POSE, control(Control.KEY_REQUEST, 0, 0), 3, member_id=1))
    message = parse_control(parse_frame(await publisher.receive_binary(), 3).payload)
    assert message is not None
    assert message.control is Control.KEY_REQUEST


async def test_a_byte_budget_reaches_the_publisher_from_its_only_subscriber(peers: Peers) -> None:
    publisher = await member(peers, "aa:00:00:00:00:01", **POSE)
    watcher = await member(peers, "aa:00:00:00:00:02", **WATCH)
    encoder = PoseEncoder(BODY)
    await publish(publisher, encoder, 0)
    await watcher.receive_binary()
    await watcher.socket.send(build_frame(FrameType.POSE, control(Control.RATE, 0, 0, 60), 3, member_id=1))
    encoder.control(parse_frame(await publisher.receive_binary(), 3).payload)
    assert encoder.budget == 60
    await member(peers, "aa:00:00:00:00:03", **WATCH)
    await watcher.socket.send(build_frame(FrameType.POSE, control(Control.RATE, 0, 0, 50), 3, member_id=1))
    await watcher.echo()
    assert await publisher.echo() == []


@pytest.mark.parametrize(
    "packet", [control(Control.RATE, 0, 0, 10), control(Control.ACK, 0, 1), control(Control.KEY_REQUEST, 0, 0)]
)
async def test_who_does_not_get_a_stream_cannot_control_it(peers: Peers, packet: bytes) -> None:
    publisher = await member(peers, "aa:00:00:00:00:01", **POSE)
    watcher = await member(peers, "aa:00:00:00:00:02", **WATCH)
    other = await member(peers, "aa:00:00:00:00:03", subscribe=["audio", {"kind": "pose", "member_id": 2}])
    encoder = PoseEncoder(BODY)
    await publish(publisher, encoder, 0)
    await watcher.receive_binary()
    await other.socket.send(build_frame(FrameType.POSE, packet, 3, member_id=1))
    assert (await other.receive("error"))["code"] == "room_denied"
    # The first that reaches the publisher is from who may.
    await watcher.socket.send(build_frame(FrameType.POSE, control(Control.RATE, 0, 0, 60), 3, member_id=1))
    encoder.control(parse_frame(await publisher.receive_binary(), 3).payload)
    assert encoder.budget == 60
    # It holds for as long as it is about this subscription.
    await watcher.send(type="room", action="subscribe", subscribe=["audio"])
    encoder.control(parse_frame(await publisher.receive_binary(), 3).payload)
    assert encoder.budget is None


async def test_a_byte_budget_survives_the_publishers_return_and_ends_with_the_subscriber(peers: Peers) -> None:
    lost = await peers.connect("aa:00:00:00:00:01")
    session = (await lost.hello())["session_id"]
    await lost.join(**POSE)
    watcher = await member(peers, "aa:00:00:00:00:02", **WATCH)
    await publish(lost, PoseEncoder(BODY), 0)
    await watcher.receive_binary()
    await watcher.socket.send(build_frame(FrameType.POSE, control(Control.RATE, 0, 0, 60), 3, member_id=1))
    await watcher.echo()
    lost.socket.transport.abort()
    back = await peers.connect("aa:00:00:00:00:01")
    await back.hello(resume=session)
    encoder = PoseEncoder(BODY)
    encoder.control(parse_frame(await back.receive_binary(), 3).payload)
    assert encoder.budget == 60
    await watcher.send(type="room", action="leave")
    encoder.control(parse_frame(await back.receive_binary(), 3).payload)
    assert encoder.budget is None


async def test_a_key_request_for_nobody_is_refused(peers: Peers) -> None:
    watcher = await member(peers, "aa:00:00:00:00:02", **WATCH)
    await watcher.socket.send(build_frame(FrameType.POSE, control(Control.KEY_REQUEST, 0, 0), 3, member_id=9))
    assert (await watcher.receive("error"))["code"] == "not_in_room"


async def test_who_did_not_join_to_publish_cannot(peers: Peers) -> None:
    watcher = await member(peers, "aa:00:00:00:00:02", **WATCH)
    await publish(watcher, PoseEncoder(BODY), 0)
    assert (await watcher.receive("error"))["code"] == "room_denied"


async def test_pose_needs_both_hellos(peers: Peers) -> None:
    peer = await peers.connect()
    assert (await peer.hello(features={}))["features"] == {"pose": False}
    await peer.send(type="room", action="join", room="r", subscribe=["pose"])
    assert (await peer.receive("error"))["code"] == "bad_message"


async def test_audio_is_relayed_to_who_wants_it(peers: Peers) -> None:
    speaker = await member(peers, "aa:00:00:00:00:01", publish=["audio"])
    listener = await member(peers, "aa:00:00:00:00:02", subscribe=["audio"])
    await speaker.socket.send(build_frame(FrameType.AUDIO, bytes(1920), 3))
    assert parse_frame(await listener.receive_binary(), 3) == (FrameType.AUDIO, bytes(1920), 1, 0)


async def test_audio_has_its_time_where_both_sides_take_it(peers: Peers) -> None:
    publisher, listener, board = [
        await peers.connect(device) for device in ("aa:00:00:00:00:01", "aa:00:00:00:00:02", "aa:03")
    ]
    for peer in (publisher, listener):
        assert (await peer.hello(features={"pose": True, "audio_time": True}))["features"]["audio_time"] is True
    assert "audio_time" not in (await board.hello())["features"]
    await listener.join(subscribe=["audio"])
    await board.join(subscribe=["audio"])
    await publisher.join(publish=["audio"])
    await publisher.socket.send(build_frame(FrameType.TIMED_AUDIO, join_timed(0xFFFFFFFF, b"sound"), 3))
    await publisher.socket.send(build_frame(FrameType.AUDIO, b"plain", 3))
    timed, plain = [parse_frame(await listener.receive_binary(), 3) for _ in range(2)]
    assert (timed.type, split_timed(timed.payload)) == (FrameType.TIMED_AUDIO, (0xFFFFFFFF, b"sound"))
    assert (plain.type, plain.payload) == (FrameType.AUDIO, b"plain")
    frame = parse_frame(await board.receive_binary(), 3)
    assert (frame.type, frame.payload) == (FrameType.AUDIO, b"sound")
    for sender, sent in ((board, join_timed(1, b"x")), (publisher, b"abc")):
        await sender.socket.send(build_frame(FrameType.TIMED_AUDIO, sent, 3))
        assert (await sender.receive("error"))["code"] == "bad_frame"


async def test_a_broken_connection_comes_back_to_its_place(host: Host, peers: Peers) -> None:
    watcher = await member(peers, "aa:00:00:00:00:02", **WATCH)
    lost = await peers.connect("aa:00:00:00:00:01")
    session = (await lost.hello())["session_id"]
    member_id = (await lost.join(**POSE))["member_id"]
    lost.socket.transport.abort()
    back = await peers.connect("aa:00:00:00:00:01")
    answer = await back.hello(resume=session)
    assert (answer["resumed"], answer["session_id"]) == (True, session)
    assert (await back.receive("room", event="welcome"))["member_id"] == member_id
    await publish(back, PoseEncoder(BODY), 1)
    assert parse_frame(await watcher.receive_binary(), 3).member_id == member_id
    assert len(host.services.rooms.rooms["studio"].members) == 2


async def test_a_resume_while_the_host_has_not_noticed_the_loss(host: Host, peers: Peers) -> None:
    half_open = await peers.connect("aa:00:00:00:00:01")
    session = (await half_open.hello())["session_id"]
    member_id = (await half_open.join(**POSE))["member_id"]
    back = await peers.connect("aa:00:00:00:00:01")
    assert (await back.hello(resume=session))["resumed"] is True
    assert (await back.receive("room", event="welcome"))["member_id"] == member_id
    await half_open.socket.wait_closed()
    await back.echo()
    assert len(host.services.rooms.rooms["studio"].members) == 1
    assert host.services.registry.session(session) is not None


async def test_another_device_cannot_take_a_session(peers: Peers) -> None:
    owner = await peers.connect("aa:00:00:00:00:01")
    session = (await owner.hello())["session_id"]
    thief = await peers.connect("aa:00:00:00:00:02")
    answer = await thief.hello(resume=session)
    assert "resumed" not in answer
    assert answer["session_id"] != session


async def test_a_slow_subscriber_gets_gaps_never_a_wrong_pose(host: Host, peers: Peers) -> None:
    """The watcher does not read until the host has dropped packets for it; then it reads on."""
    publisher = await member(peers, "aa:00:00:00:00:01", **POSE)
    watcher = await member(peers, "aa:00:00:00:00:02", **WATCH)
    other = await member(peers, "aa:00:00:00:00:03", **WATCH)
    slow = host.services.rooms.rooms["studio"].members[2]
    random = np.random.default_rng(0)
    encoder = PoseEncoder(BODY)
    sent: list[NDArray[np.float32]] = []

    async def publish_on() -> None:
        while True:
            sent.append(random.random((33, 4)).astype(np.float32))
            await publisher.socket.send(build_frame(FrameType.POSE, encoder.encode(sent[-1], len(sent)), 3))
            await asyncio.sleep(0)

    async def answer_requests() -> None:
        while True:
            await publisher.receive_binary()
            encoder.request_key()

    async def follow() -> None:
        decoder = PoseDecoder()
        while True:
            decoder.decode(parse_frame(await other.receive_binary(), 3).payload)

    async with asyncio.timeout(60), asyncio.TaskGroup() as group:
        tasks = [group.create_task(work) for work in (publish_on(), answer_requests(), follow())]
        while slow.dropped["pose"] < 100:
            await asyncio.sleep(0.01)
        handler = host.services.registry.device("aa:00:00:00:00:02")
        assert handler is not None
        assert handler.queued_bytes < 2 * HIGH_WATER
        decoder = PoseDecoder()
        sequence, gaps, shown_after_gap = -1, 0, 0
        while shown_after_gap < 20:
            packet = parse_frame(await watcher.receive_binary(), 3).payload
            pose = decoder.decode(packet)
            assert pose is not None
            gaps += pose.sequence - sequence - 1
            sequence = pose.sequence
            shown_after_gap += gaps > 0
            assert np.abs(pose.values[BODY] - sent[sequence]).max() <= HALF_A_STEP
        assert not any(task.done() for task in tasks)
        for task in tasks:
            task.cancel()


async def test_a_slow_listener_loses_the_oldest_audio_and_gets_the_newest(host: Host, peers: Peers) -> None:
    speaker = await member(peers, "aa:00:00:00:00:01", publish=["audio"])
    listener = await member(peers, "aa:00:00:00:00:02", subscribe=["audio"])
    slow = host.services.rooms.rooms["studio"].members[2]
    sent = 0
    async with asyncio.timeout(60):
        while slow.dropped["audio"] < 50:
            for _ in range(10):
                sent += 1
                await speaker.socket.send(build_frame(FrameType.AUDIO, sent.to_bytes(2, "big") * 480, 3))
            await speaker.echo()
        heard: list[int] = []
        while not heard or heard[-1] < sent:
            payload = parse_frame(await listener.receive_binary(), 3).payload
            heard.append(int.from_bytes(payload[:2], "big"))
    missed = slow.dropped["audio"]
    assert len(heard) == sent - missed
    # One gap, and right behind it what was said last: half a second of it, not the beginning of the jam.
    assert heard == [*range(1, len(heard) - 8 + 1), *range(sent - 8 + 1, sent + 1)]


async def test_a_frame_that_is_too_long_for_a_device_is_left_out_for_it_alone(host: Host, peers: Peers) -> None:
    speaker = await member(peers, "aa:00:00:00:00:01", publish=["audio"])
    small = await peers.connect("aa:00:00:00:00:02")
    await small.hello(device={"board": "sim", "max_message": 1000})
    await small.join(subscribe=["audio"])
    large = await member(peers, "aa:00:00:00:00:03", subscribe=["audio"])
    for size in (2000, 996, 60):
        await speaker.socket.send(build_frame(FrameType.AUDIO, bytes(size), 3))
    assert [len(await large.receive_binary()) for _ in range(3)] == [2004, 1000, 64]
    assert len(await small.receive_binary()) == 64  # 996 and a header of up to 16 might be too long
    assert host.services.counters["room_frames_too_long"] == 2


async def test_a_welcome_to_a_room_of_many_fits_a_small_device(host: Host, peers: Peers) -> None:
    for number in range(3, 9):
        await member(peers, f"aa:00:00:00:00:{number:02x}")
    small = await peers.connect("aa:00:00:00:00:02")
    await small.hello(device={"board": "sim", "max_message": 480})
    welcome = await small.join()
    assert [entry["device"] for entry in welcome["members"]] == ["aa:00:00:00:00:02"]
    assert welcome["members_left_out"] == 6
    assert len(json.dumps(welcome)) < 480
    large = await peers.connect("aa:00:00:00:00:01")
    await large.hello(device={"board": "sim", "max_message": 8000})
    assert len((await large.join())["members"]) == 8


@pytest.mark.parametrize("compiled", [False, True])
async def test_the_desktop_client_follows_a_stream(host: Host, peers: Peers, compiled: bool) -> None:
    if compiled:
        pytest.importorskip("numba")
    publisher = await member(peers, "aa:00:00:00:00:01", **POSE)
    encoder = PoseEncoder(BODY)
    async with RoomClient(host.url, "studio", name="desk", compiled=compiled) as client:
        for step in range(20):
            await publish(publisher, encoder, step)
        poses = client.poses()
        for step in range(20):
            received = await anext(poses)
            assert received.device == "aa:00:00:00:00:01"
            assert received.pose.time_ms == step
            assert np.abs(received.pose.values[BODY] - body(step)).max() <= HALF_A_STEP
            assert all(isinstance(state.x, np.ndarray if compiled else list) for state in received.pose.states)
        count = client.counts()[1, 0]
        assert (count.packets, count.missing, count.undecodable) == (20, 0, 0)


WITHOUT_NUMBA = """
import asyncio, sys
sys.modules["numba"] = None
from posewire.client.room_client import RoomClient
asyncio.run(RoomClient("ws://127.0.0.1:9/", "studio", compiled=True).__aenter__())
"""


def test_the_desktop_client_says_what_the_compiled_codec_needs() -> None:
    command = [sys.executable, "-c", WITHOUT_NUMBA]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert "ConfigError" in done.stderr
    assert "pip install 'posewire[fast]'" in done.stderr
