"""Rooms beyond the relay: who may do what, subscriptions, presence, idle rooms, replay, recordings."""

import asyncio
import base64
import json
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest

from posewire.cli import main
from posewire.client.commands.record_command import Recorded, record
from posewire.client.commands.replay_command import replay
from posewire.client.room_client import HostUnreachableError, ReceivedFrame, RoomClient
from posewire.errors import WireError
from posewire.rooms.recording import AUDIO, MAGIC, POSE, Record, pack, read_recording
from posewire.server.host import Host
from posewire.server.settings import ServerSettings, Settings
from posewire.wire.frames import FrameType, build_frame, parse_frame
from posewire.wire.messages import AudioParams
from posewire.wire.pose import PoseDecoder, PoseEncoder
from support.peers import Peer, Peers

BODY = "body33"
POSES = {"publish": ["pose"]}
FIRST, SECOND, THIRD = "aa:00:00:00:00:01", "aa:00:00:00:00:02", "aa:00:00:00:00:03"


async def member(peers: Peers, device: str, **kinds: object) -> Peer:
    peer = await peers.connect(device)
    await peer.hello()
    await peer.join(**kinds)
    return peer


async def refused(peer: Peer, **message: object) -> str:
    await peer.send(type="room", **message)
    return str((await peer.receive("error"))["code"])


async def publish(peer: Peer, encoder: PoseEncoder, step: int) -> None:
    pose = encoder.encode(np.full((33, 4), step / 100, np.float32), step)
    await peer.socket.send(build_frame(FrameType.POSE, pose, 3))


# --- who may do what


async def test_only_the_owner_locks_and_a_locked_room_takes_nobody(peers: Peers) -> None:
    host = await member(peers, FIRST)
    guest = await member(peers, SECOND)
    assert await refused(guest, action="lock") == "not_owner"
    await host.send(type="room", action="lock")
    assert (await guest.receive("room", event="locked"))["locked"] is True
    late = await peers.connect(THIRD)
    await late.hello()
    assert await refused(late, action="join", room="studio") == "room_locked"
    await host.send(type="room", action="unlock")
    await guest.receive("room", event="locked", locked=False)
    assert len((await late.join())["members"]) == 3


async def test_a_kicked_member_is_out_and_stays_out(peers: Peers) -> None:
    host = await member(peers, FIRST)
    guest = await member(peers, SECOND, **POSES)
    assert await refused(guest, action="kick", member_id=1) == "not_owner"
    assert await refused(host, action="kick", member_id=9) == "not_in_room"
    await host.send(type="room", action="kick", member_id=2, reason="too loud")
    assert (await guest.receive("room", event="kicked"))["reason"] == "too loud"
    assert (await host.receive("room", event="left"))["reason"] == "kicked"
    assert await refused(guest, action="join", room="studio") == "room_denied"
    await publish(guest, PoseEncoder(BODY), 0)
    assert (await guest.receive("error"))["code"] == "not_in_room"


async def test_a_host_passes_its_role_on(peers: Peers) -> None:
    host = await member(peers, FIRST)
    guest = await member(peers, SECOND)
    await host.send(type="room", action="role", member_id=2)
    assert (await guest.receive("room", event="role"))["member_id"] == 2
    assert await refused(host, action="lock") == "not_owner"


async def test_create_wants_a_new_room_and_join_may_want_an_old_one(peers: Peers) -> None:
    first = await peers.connect(FIRST)
    await first.hello()
    assert await refused(first, action="join", room="studio", create=False) == "no_such_room"
    await first.send(type="room", action="create", room="studio")
    assert (await first.receive("room", event="welcome"))["role"] == "owner"
    second = await peers.connect(SECOND)
    await second.hello()
    assert await refused(second, action="create", room="studio") == "room_exists"
    await second.join("den")
    assert await refused(second, action="create", room="studio") == "room_exists"
    await second.send(type="room", action="lock")
    assert (await second.receive("room", event="locked"))["room"] == "den"
    await second.send(type="room", action="leave")
    await second.send(type="room", action="list")
    rooms = (await second.receive("room", event="rooms"))["rooms"]
    assert [(room["room"], room["members"], room["locked"]) for room in rooms] == [("studio", 1, False)]


# --- subscriptions and presence


async def test_a_subscription_to_one_member_and_its_change(peers: Peers) -> None:
    one = await member(peers, FIRST, **POSES)
    two = await member(peers, SECOND, **POSES)
    watcher = await member(peers, THIRD, subscribe=[{"kind": "pose", "device": SECOND}])
    encoders = PoseEncoder(BODY), PoseEncoder(BODY)
    await publish(one, encoders[0], 0)
    await one.echo()
    await publish(two, encoders[1], 0)
    assert parse_frame(await watcher.receive_binary(), 3).member_id == 2
    await watcher.send(type="room", action="subscribe", subscribe=[{"kind": "pose", "member_id": 1}])
    await watcher.receive("room", event="subscribed")
    await publish(two, encoders[1], 1)
    await two.echo()
    await publish(one, encoders[0], 1)
    decoder = PoseDecoder()
    for _ in range(2):  # what came before it, from the key packet on, and then the new one
        frame = parse_frame(await watcher.receive_binary(), 3)
        assert frame.member_id == 1
        assert decoder.decode(frame.payload) is not None


async def test_who_breaks_off_is_away_until_it_is_back(peers: Peers) -> None:
    watcher = await member(peers, FIRST, subscribe=["pose"])
    publisher = await peers.connect(SECOND)
    session = (await publisher.hello())["session_id"]
    await publisher.join(**POSES)
    encoder, decoder = PoseEncoder(BODY), PoseDecoder()
    await publish(publisher, encoder, 0)
    assert decoder.decode(parse_frame(await watcher.receive_binary(), 3).payload) is not None
    publisher.socket.transport.abort()
    assert (await watcher.receive("room", event="away"))["member_id"] == 2
    again = await peers.connect(SECOND)
    assert (await again.hello(resume=session))["resumed"] is True
    assert (await watcher.receive("room", event="back"))["member_id"] == 2
    welcome = await again.receive("room", event="welcome")
    assert (welcome["member_id"], welcome["members"][1]["publish"]) == (2, ["pose"])
    await publish(again, encoder, 1)
    await publish(again, encoder, 2)
    for step in (1, 2):
        pose = decoder.decode(parse_frame(await watcher.receive_binary(), 3).payload)
        assert pose is not None
        assert abs(float(pose.values[BODY][0, 0]) - step / 100) < 2**-7


async def test_a_board_that_restarts_has_its_room_again_and_leaves_no_ghosts(host: Host, peers: Peers) -> None:
    board = await member(peers, FIRST)
    guest = await member(peers, SECOND)
    await board.send(type="room", action="lock")
    await guest.receive("room", event="locked")
    for _ in range(4):
        board.socket.transport.abort()
        await guest.receive("room", event="away")
        board = await peers.connect(FIRST)
        await board.hello()
        welcome = await board.join()
        assert (welcome["role"], len(welcome["members"])) == ("owner", 2)
        assert (await guest.receive("room", event="left"))["reason"] == "replaced"
    # The host has not noticed yet that the board is gone.
    board = await peers.connect(FIRST)
    await board.hello()
    assert len((await board.join())["members"]) == 2
    # Joining once more is no way out of a locked room.
    assert (await board.join())["role"] == "owner"
    # Into another room it goes without leaving a place behind.
    board.socket.transport.abort()
    await guest.receive("room", event="away")
    board = await peers.connect(FIRST)
    await board.hello()
    await board.join("hall")
    assert (await guest.receive("room", event="role"))["member_id"] == 2
    assert [entry.device for entry in host.services.rooms.rooms["studio"].members.values()] == [SECOND]
    assert list(host.services.resumption.kept()) == []


async def test_who_is_kicked_while_away_does_not_come_back_into_the_room(peers: Peers) -> None:
    host = await member(peers, FIRST)
    guest = await peers.connect(SECOND)
    session = (await guest.hello())["session_id"]
    await guest.join()
    guest.socket.transport.abort()
    await host.receive("room", event="away")
    await host.send(type="room", action="kick", member_id=2)
    await host.receive("room", event="left")
    again = await peers.connect(SECOND)
    await again.hello(resume=session)
    assert await refused(again, action="lock") == "not_in_room"


ADPCM = {"format": "ima-adpcm", "sample_rate": 16000, "channels": 1, "frame_duration": 60}
OPUS = {**ADPCM, "format": "opus"}


async def test_who_hears_a_member_is_told_how_it_is_encoded(peers: Peers) -> None:
    first = await member(peers, FIRST, publish=["pose"])
    speaker = await peers.connect(SECOND)
    session = (await speaker.hello(audio_params=ADPCM))["session_id"]
    welcome = await speaker.join(publish=["audio"])
    assert [entry.get("audio") for entry in welcome["members"]] == [None, ADPCM]
    assert (await first.receive("room", event="joined"))["member"]["audio"] == ADPCM
    speaker.socket.transport.abort()
    await first.receive("room", event="away")
    again = await peers.connect(SECOND)
    await again.hello(resume=session, audio_params=OPUS)
    assert (await first.receive("room", event="back"))["audio"] == OPUS
    # Before the host has noticed the loss as well.
    once_more = await peers.connect(SECOND)
    await once_more.hello(resume=session, audio_params=ADPCM)
    assert (await first.receive("room", event="back"))["audio"] == ADPCM


# --- the last frames


async def test_the_last_hundred_frames_of_a_member(peers: Peers) -> None:
    publisher = await member(peers, FIRST, **POSES)
    encoder = PoseEncoder(BODY, key_every=20)
    for step in range(130):
        await publish(publisher, encoder, step)
    await publisher.echo()
    late = await member(peers, SECOND)
    await late.send(type="room", action="replay", member_id=1)
    frames: list[dict[str, object]] = []
    end = False
    while not end:
        part = await late.receive("room", event="replay")
        frames += part["frames"]
        end = part["end"]
    assert len(frames) == 100
    ages = [frame["age_ms"] for frame in frames]
    assert ages == sorted(ages, reverse=True)
    decoder, shown = PoseDecoder(), []
    for frame in frames:
        try:
            pose = decoder.decode(base64.b64decode(str(frame["data"])))
        except WireError:
            continue  # before the first key packet in it
        assert pose is not None
        shown.append(pose.sequence)
    assert shown[-1] == 129
    assert len(shown) >= 80


async def test_large_frames_are_kept_for_a_replay_up_to_a_quarter_megabyte(peers: Peers) -> None:
    publisher = await member(peers, FIRST, publish=["audio"])
    for step in range(40):
        await publisher.socket.send(build_frame(FrameType.AUDIO, bytes([step]) * 20_000, 3))
    await publisher.send(type="room", action="replay", member_id=1)
    frames: list[dict[str, object]] = []
    end = False
    while not end:
        part = await publisher.receive("room", event="replay")
        frames += part["frames"]
        end = part["end"]
    assert [base64.b64decode(str(frame["data"]))[0] for frame in frames] == list(range(27, 40))


# --- recordings


async def test_a_recorded_room_plays_back_the_same_poses(host: Host, peers: Peers, tmp_path: Path) -> None:
    file = tmp_path / "room.pwrec"
    publisher = await member(peers, FIRST, **POSES)
    counts = Recorded()
    recorder = asyncio.create_task(record("studio", file, host.url, recorded=counts))
    await publisher.receive("room", event="joined")
    encoder = PoseEncoder(BODY, key_every=10)
    for step in range(25):
        await publish(publisher, encoder, step)
    while counts.pose < 25:
        await asyncio.sleep(0.01)
    recorder.cancel()
    await asyncio.gather(recorder, return_exceptions=True)
    async with RoomClient(host.url, "again", name="watcher") as watcher:
        player = asyncio.create_task(replay(file, host.url, "again", speed=50))
        seen = []
        async for pose in watcher.poses():
            seen.append(float(pose.pose.values[BODY][0, 0]))
            if len(seen) == 25:
                break
        assert await player == 25
    assert np.abs(np.array(seen) - np.arange(25) / 100).max() <= 2**-13 + 2**-12


async def test_recorded_audio_is_played_back_as_what_it_is(host: Host, peers: Peers, tmp_path: Path) -> None:
    file = tmp_path / "room.pwrec"
    speaker = await peers.connect(FIRST)
    await speaker.hello(audio_params=OPUS)
    await speaker.join(publish=["audio"])
    counts = Recorded()
    recorder = asyncio.create_task(record("studio", file, host.url, recorded=counts))
    await speaker.receive("room", event="joined")
    sizes = [41 + 2 * number for number in range(20)]  # odd, as Opus packets may be and PCM frames may not
    for size in sizes:
        await speaker.socket.send(build_frame(FrameType.AUDIO, bytes(size), 3))
    while counts.audio < len(sizes):
        await asyncio.sleep(0.01)
    recorder.cancel()
    await asyncio.gather(recorder, return_exceptions=True)
    async with RoomClient(host.url, "again", name="watcher", subscribe=["audio"]) as watcher:
        player = asyncio.create_task(replay(file, host.url, "again", speed=50))
        heard = []
        async for arrival in watcher.arrivals():
            if isinstance(arrival, ReceivedFrame):
                heard.append(len(arrival.payload))
                assert watcher.members[arrival.member_id].audio == AudioParams(**OPUS)
                assert watcher.members[arrival.member_id].publish == ("audio",)
            if len(heard) == len(sizes):
                break
        assert await player == len(sizes)
    assert heard == sizes


async def test_two_recorders_do_not_end_each_other(host: Host, peers: Peers, tmp_path: Path) -> None:
    rooms = {"one": Recorded(), "two": Recorded()}
    speakers = {name: await peers.connect(f"aa:00:00:00:00:0{number}") for number, name in enumerate(rooms)}
    recorders = []
    for name, counts in rooms.items():
        await speakers[name].hello()
        await speakers[name].join(name, publish=["audio"])
        recorders.append(asyncio.create_task(record(name, tmp_path / name, host.url, recorded=counts)))
        await speakers[name].receive("room", event="joined")
    for name, counts in rooms.items():
        await speakers[name].socket.send(build_frame(FrameType.AUDIO, bytes(960), 3))
        while not counts.audio:
            await asyncio.sleep(0.01)
    assert [counts.losses for counts in rooms.values()] == [0, 0]
    for recorder in recorders:
        recorder.cancel()
    await asyncio.gather(*recorders, return_exceptions=True)


async def test_a_recorder_waits_for_its_host_and_goes_on_in_the_same_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, counts, port, recorder = tmp_path / "room.pwrec", Recorded(), 0, None
    for expected in (1, 2):
        host = Host(Settings(server=ServerSettings(port=port), voice=None))
        await host.start()
        port = urlsplit(host.url).port or 0
        peers = Peers(host.url)
        speaker = await member(peers, FIRST, publish=["audio"])
        if recorder is None:
            recorder = asyncio.create_task(record("studio", file, host.url, recorded=counts))
        if len(host.services.rooms.rooms["studio"].members) < 2:
            await speaker.receive("room", event="joined")
        await speaker.socket.send(build_frame(FrameType.AUDIO, bytes(960), 3))
        while counts.audio < expected:
            await asyncio.sleep(0.01)
        await peers.close()
        await host.stop()
    assert recorder is not None
    recorder.cancel()
    await asyncio.gather(recorder, return_exceptions=True)
    assert len([entry for entry in read_recording(file) if entry.kind == AUDIO]) == 2
    assert counts.losses >= 1
    said = capsys.readouterr().err
    assert "waiting for it, until Ctrl-C" in said
    assert "recording again" in said


async def test_a_recorder_that_is_thrown_out_says_so(
    host: Host, peers: Peers, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    owner = await member(peers, FIRST)
    store = str(tmp_path / "store.db")
    words = ("record", "studio", str(tmp_path / "r"), "--url", host.url, "--store", store)
    recorder = asyncio.create_task(asyncio.to_thread(main, words))
    member_id = (await owner.receive("room", event="joined"))["member"]["member_id"]
    await owner.send(type="room", action="kick", member_id=member_id, reason="no recordings here")
    assert await recorder == 2
    assert "no recordings here" in capsys.readouterr().err


def posewire(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert main(words) == 0
    return capsys.readouterr().out


async def test_recordings_are_listed(
    host: Host, peers: Peers, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, store = tmp_path / "room.pwrec", str(tmp_path / "store.db")
    publisher = await member(peers, FIRST, publish=["audio"])

    async def record_one_frame() -> None:
        words = ("record", "studio", str(file), "--url", host.url, "--seconds", "0.5", "--store", store)
        recorder = asyncio.create_task(asyncio.to_thread(posewire, capsys, *words))
        await publisher.receive("room", event="joined")
        await publisher.socket.send(build_frame(FrameType.AUDIO, bytes(960), 3))
        assert "1 audio frames" in await recorder

    await record_one_frame()
    first = json.loads(posewire(capsys, "recordings", "--json", "--store", store))
    assert (first["number"], first["room"], first["audio"], first["pose"]) == (1, "studio", 1, 0)
    assert (first["members"], first["file"], first["there"]) == ([FIRST], str(file), True)
    assert 0 <= first["seconds"] <= 0.6

    # Appended to, it is the same recording, and longer.
    await record_one_frame()
    longer = json.loads(posewire(capsys, "recordings", "--json", "--store", store))
    assert (longer["number"], longer["audio"]) == (1, 2)
    assert longer["seconds"] > first["seconds"]
    assert posewire(capsys, "recordings", "--room", "another", "--store", store) == ""

    file.unlink()
    assert posewire(capsys, "recordings", "--store", store).endswith("(the file is gone)\n")
    posewire(capsys, "recordings", "--forget", "1", "--store", store)
    assert posewire(capsys, "recordings", "--store", store) == ""
    assert main(("recordings", "--forget", "1", "--store", store)) == 2
    assert "there is no recording 1" in capsys.readouterr().err


async def test_a_list_that_cannot_be_kept_does_not_keep_from_recording(
    host: Host, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = tmp_path / "store.db"
    store.write_text("this is no database, and long enough to be told from an empty one" * 20)
    words = ("record", "studio", str(tmp_path / "r"), "--url", host.url, "--seconds", "0.1", "--store", str(store))
    assert await asyncio.to_thread(main, words) == 0
    assert "the list of recordings will lack this one" in capsys.readouterr().err
    assert (tmp_path / "r").stat().st_size > 0


@pytest.mark.parametrize(
    ("url", "said"),
    [("ws://127.0.0.1:1/", "cannot be reached"), ("ftp://127.0.0.1:1/", "is not the address of a host")],
)
def test_a_host_that_is_not_there_is_said_and_leaves_no_file(
    url: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "room.pwrec"
    assert main(["record", "studio", str(file), "--url", url]) == 2
    assert said in capsys.readouterr().err
    assert not file.exists()
    file.write_bytes(MAGIC + pack(Record(0, POSE, 1, b"pose")))
    assert main(["replay", str(file), "--room", "studio", "--url", url]) == 2
    assert said in capsys.readouterr().err


async def test_a_host_that_is_full_says_so_in_its_own_words(host: Host, peers: Peers) -> None:
    for number in range(8):
        await peers.connect(f"aa:00:00:00:00:{number:02}")
    with pytest.raises(HostUnreachableError, match="refuses: this host takes at most 8"):
        async with RoomClient(host.url, "studio"):
            pass
