"""A connection comes back by itself, with its room, and says once what was said meanwhile."""

from __future__ import annotations

import asyncio
import random
import time
from pathlib import Path
from typing import Any

import jwt
import numpy as np
import pytest

import posewire
from client.conftest import Link
from posewire.client.connection import HostConnection
from posewire.client.endpoints import Endpoint
from posewire.client.link import dialer
from posewire.client.link.connection_state import ConnectionState
from posewire.client.reconnect import NO_RECONNECT, FixedDelay, ReconnectPolicy
from posewire.client.room.frames import ReceivedFrame
from posewire.client.room_client import RoomClient
from posewire.errors import ConfigError, HostUnreachableError, NotConnectedError, UnauthorizedError, WireError
from posewire.identity.settings import AuthSettings, JwtKey
from posewire.server.host import Host
from posewire.server.settings import ServerSettings, Settings
from posewire.wire.frames import FrameType
from posewire.wire.messages import AudioParams
from posewire.wire.pose import PoseEncoder
from support.certificates import self_signed
from support.hosts import running, settings

NOBODY = "ws://127.0.0.1:9/posewire/v1/"
QUICK = ReconnectPolicy(FixedDelay(0.02))


async def lost(connection: HostConnection) -> None:
    while connection.connected:
        await asyncio.sleep(0.002)


async def test_a_connection_says_where_it_is(host: Host) -> None:
    connection = posewire.connect(host.url)
    assert connection.state is ConnectionState.NEW
    with pytest.raises(NotConnectedError):
        connection.send({"type": "ping"})
    changes: list[str] = []
    connection.on("changed", lambda old, new: changes.append(new.value))
    async with connection:
        await connection.join("studio")
        status = connection.status()
        assert (status["state"], status["url"], status["room"]) == ("connected", host.url, "studio")
        assert status["round_trip_ms"] > 0
        (listed,) = await connection.list_rooms()
        assert (listed["room"], listed["members"], listed["locked"]) == ("studio", 1, False)
        assert listed == await connection.room_info("studio")
        with pytest.raises(WireError, match="no room"):
            await connection.room_info("attic")
    assert changes == ["connecting", "connected", "closed"]
    assert connection.status()["close_reason"] == "closed by this program"
    counts = connection.statistics()
    assert (counts["attempts"], counts["successes"], counts["reconnects"]) == (1, 1, 0)
    assert counts["messages_in"] > 3
    assert counts["bytes_out"] > 300
    with pytest.raises(NotConnectedError):
        await connection.join("studio")


async def test_a_lost_connection_resumes_its_place(host: Host, link: Link) -> None:
    events: list[Any] = []
    async with (
        posewire.connect(link.url, device="seen", reconnect=QUICK) as connection,
        posewire.connect(host.url) as other,
    ):
        connection.on("connected", lambda resumed: events.append(resumed))
        connection.on("disconnected", lambda reason: events.append("lost"))
        room = await connection.join("studio", publish=["pose"])
        watching = await other.join("studio", publish=["pose"])
        session, member_id = connection.session_id, room.member_id
        sender, poses = watching.sender(fps=500), room.poses()
        sender.send(body=np.full((33, 4), 0.25))
        assert (await anext(poses)).values["body33"][0, 0] == 0.25
        await link.cut()
        await lost(connection)
        await link.mend()
        await connection.wait_connected(5)
        assert (connection.session_id, room.member_id, room.closed) == (session, member_id, None)
        assert {member.device for member in room.members.values()} == {"seen", other.device}
        while sender.send(body=np.full((33, 4), 0.5)):
            if (await anext(poses)).values["body33"][0, 0] == 0.5:
                break
    assert events == ["lost", True]
    assert connection.statistics()["resumed"] == 1


async def test_a_host_that_has_forgotten_the_session_is_joined_anew(link: Link, host: Host) -> None:
    async with posewire.connect(link.url, device="seen", reconnect=QUICK) as connection:
        room = await connection.join("studio", publish=["pose"], subscribe=["pose", "audio"])
        await link.cut()
        await lost(connection)
        connection.forget_session()
        await link.mend()
        await connection.wait_connected(5)
        assert room.closed is None
        assert [member.device for member in room.members.values()] == ["seen"]
        assert room.members[room.member_id].publish == ("pose",)


async def test_a_room_that_does_not_take_the_program_back_is_closed(link: Link, host: Host) -> None:
    async with (
        posewire.connect(host.url) as owner,
        posewire.connect(link.url, device="out", reconnect=QUICK) as connection,
    ):
        own = await owner.join("studio")
        room = await connection.join("studio")
        poses = room.poses()
        await link.cut()
        await lost(connection)
        await own.kick(room.member_id, "enough")
        await link.mend()
        await connection.wait_connected(5)
        assert room.closed is not None
        assert "removed this device" in room.closed
        assert [pose async for pose in poses] == []  # the loop ends
        with pytest.raises(WireError) as refused:
            await connection.join("studio")
        assert refused.value.code == "room_denied"
        assert (await connection.join("elsewhere")).closed is None


async def test_a_host_that_goes_silent_is_noticed(host: Host, link: Link) -> None:
    reasons: list[str] = []
    connection = posewire.connect(link.url, heartbeat_s=0.05, silence_s=0.3, reconnect=QUICK)
    async with connection:
        connection.on("disconnected", reasons.append)
        await link.change(stall=True)
        await lost(connection)
        assert "has sent nothing for 0.3" in reasons[0]
        await link.change(stall=False)
        await connection.wait_connected(5)


async def test_another_address_stands_in(host: Host, link: Link, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dialer, "_HEAD_START", 60.0)  # what is refused is refused at once
    addresses = [NOBODY, Endpoint(link.url, weight=2), Endpoint(host.url, weight=0)]
    async with posewire.connect(addresses, reconnect=QUICK) as connection:
        assert connection.endpoint is not None
        assert connection.endpoint.url == link.url
        await link.cut()
        await lost(connection)
        await connection.wait_connected(5)
        assert connection.endpoint.url == host.url
        used = {entry["url"]: entry for entry in connection.statistics()["endpoints"]}
    assert used[link.url]["connected_s"] > 0
    assert used[link.url]["failures"] >= 1
    assert used[host.url]["attempts"] == 1


async def test_who_wants_no_attempts_goes_back_to_the_preferred_address_all_the_same(host: Host, link: Link) -> None:
    await link.change(refuse=True)
    addresses = [Endpoint(link.url), Endpoint(host.url, weight=0)]
    policy = ReconnectPolicy(NO_RECONNECT.strategy, return_s=0.05)
    async with posewire.connect(addresses, reconnect=policy) as connection:
        assert connection.endpoint is not None
        assert connection.endpoint.url == host.url
        session, back = connection.session_id, asyncio.Queue[bool]()
        connection.on("connected", back.put_nowait)
        await link.change(refuse=False)
        assert await back.get()
        assert (connection.endpoint.url, connection.session_id) == (link.url, session)


async def test_attempts_are_given_up(link: Link) -> None:
    policy = ReconnectPolicy(FixedDelay(0.01), attempts=3)
    async with posewire.connect(link.url, reconnect=policy) as connection:
        room = await connection.join("studio")
        await link.cut()
        assert (await connection.wait_closed()).startswith("given up after 3 attempts: the host at")
        assert room.closed == connection.close_reason
        assert connection.statistics()["attempts"] == 4


async def test_nobody_there_is_said_at_once(host: Host) -> None:
    with pytest.raises(HostUnreachableError, match="cannot be reached"):
        await posewire.connect(NOBODY).open()
    with pytest.raises(ConfigError, match="must begin with ws:// or wss://"):
        posewire.connect("http://127.0.0.1:9/")
    with pytest.raises(ConfigError, match="needs the URL"):
        posewire.connect([])


async def test_what_cannot_be_is_said_before_it_is_tried(host: Host) -> None:
    wrong: list[dict[str, Any]] = [
        {"heartbeat_s": 0}, {"silence_s": -1}, {"timeout_s": 0}, {"device": "two\nlines"}, {"reconnect": 5},
    ]  # fmt: skip
    for options in wrong:
        with pytest.raises(ConfigError):
            posewire.connect(host.url, **options)
    connection = posewire.connect(host.url)
    async with connection:
        pass
    with pytest.raises(NotConnectedError, match="make another one"):
        await connection.open()


async def test_a_room_that_was_left_is_not_confused_with_the_present_one(host: Host) -> None:
    async with posewire.connect(host.url) as connection:
        old = await connection.join("one")
        room = await connection.join("two")
        await old.leave()
        with pytest.raises(WireError) as refused:
            await old.lock()
        assert (refused.value.code, room.closed, room.locked) == ("not_in_room", None, False)


async def test_a_refused_frame_is_not_taken_for_an_answer(host: Host) -> None:
    async with posewire.connect(host.url) as connection:
        room = await connection.join("studio", publish=[])
        refused: asyncio.Future[WireError] = asyncio.get_running_loop().create_future()
        connection.on("error", refused.set_result)
        packet = PoseEncoder("coco17").encode(np.full((17, 3), 0.5, np.float32), 0)
        assert await connection.deliver(FrameType.POSE, packet)
        await room.lock()
        assert (room.locked, (await refused).code) == (True, "room_denied")


async def test_who_joins_two_rooms_at_once_is_in_the_last(host: Host) -> None:
    async with posewire.connect(host.url) as connection:
        rooms = await asyncio.gather(*(connection.join(f"room-{number}") for number in range(3)))
        assert [room.closed for room in rooms] == ["this program has joined another room"] * 2 + [None]
        assert connection.room is rooms[2]
        assert await rooms[2].send("I am here") == 0


async def test_the_same_device_elsewhere_ends_the_connection(host: Host) -> None:
    first = posewire.connect(host.url, device="twin", reconnect=QUICK)
    async with first, posewire.connect(host.url, device="twin"):
        assert await first.wait_closed() == 'another program has connected with the device id "twin"'


async def test_two_loops_and_a_handler_all_get_everything(host: Host) -> None:
    async with posewire.connect(host.url) as publishing, posewire.connect(host.url) as watching:
        sender = (await publishing.join("studio", publish=["pose"])).sender(fps=1000, qos="ordered")
        room = await watching.join("studio")
        handled: list[Any] = []
        room.on("pose", handled.append)
        loops = [room.poses(), room.poses()]
        arrivals = room.arrivals()
        for step in range(20):
            sender.send(coco=np.full((17, 3), step / 100))
        seen = [[await anext(loop) for _ in range(20)] for loop in loops]
        assert seen[0] == seen[1] == handled
        assert (await anext(arrivals))["event"] == "welcome"  # type: ignore[index]


async def test_a_handler_that_fails_harms_nobody_else(host: Host) -> None:
    async with posewire.connect(host.url) as connection:
        errors: list[BaseException] = []

        async def fails(message: object) -> None:
            raise RuntimeError("of a handler")

        connection.on("error", errors.append)
        connection.on("pong", lambda message: 1 / 0)
        connection.on("pong", fails)
        await connection.join("studio")
        while len(errors) < 2:
            await asyncio.sleep(0.002)
        assert {type(error) for error in errors} == {ZeroDivisionError, RuntimeError}
        assert connection.connected


class TestCredentials:
    SETTINGS = Settings(server=ServerSettings(port=0), auth=AuthSettings(token="a-shared-token-of-16"), voice=None)

    async def test_a_wrong_token_is_refused_and_a_file_is_read_again(self, tmp_path: Path) -> None:
        host = Host(self.SETTINGS)
        await host.start()
        try:
            with pytest.raises(UnauthorizedError):
                await posewire.connect(host.url, token="wrong").open()
            file = tmp_path / "token"
            file.write_text("a-shared-token-of-16\n")
            async with posewire.connect(host.url, token=file) as connection:
                assert connection.connected
            asked: list[int] = []

            async def token() -> str:
                asked.append(1)
                return "stale" if len(asked) == 1 else "a-shared-token-of-16"

            async with posewire.connect(host.url, token=token):
                assert len(asked) == 2
            with pytest.raises(ConfigError, match="cannot be read"):
                await posewire.connect(host.url, token=tmp_path / "nothing").open()
        finally:
            await host.stop()

    async def test_a_jwt_is_renewed_before_it_expires(self) -> None:
        secret = b"a secret of 32 bytes or more, as HS256 wants it"
        keys = {"one": JwtKey("HS256", secret)}
        auth = AuthSettings(jwt_issuer="issuer", jwt_audience="posewire", jwt_keys=keys)
        host = Host(Settings(server=ServerSettings(port=0, resume_window=5.0), auth=auth, voice=None))
        await host.start()
        issued: list[str] = []

        def token() -> str:
            claims = {
                "sub": "camera", "iss": "issuer", "aud": "posewire", "exp": time.time() + (2 if not issued else 3600),
                "scope": "room.join:* room.publish:*",
            }  # fmt: skip
            issued.append(jwt.encode(claims, secret, algorithm="HS256", headers={"kid": "one"}))
            return issued[-1]

        try:
            async with posewire.connect(host.url, token=token, reconnect=QUICK) as connection:
                reasons: list[str] = []
                connection.on("disconnected", reasons.append)
                room = await connection.join("studio", publish=["pose"])
                await lost(connection)
                await connection.wait_connected(5)
                assert len(issued) == 2
                assert reasons == ["the token is about to expire: a new one is asked for"]
                assert (room.closed, connection.statistics()["resumed"]) == (None, 1)
        finally:
            await host.stop()


async def test_audio_is_what_both_sides_agreed_on(host: Host) -> None:
    asked = AudioParams("ima-adpcm", 16000, 1, 60)
    async with posewire.connect(host.url, audio=asked) as connection:
        assert connection.audio == asked


@pytest.mark.parametrize("seed", range(3))
async def test_a_link_that_is_cut_at_random_moments_is_lived_through(host: Host, link: Link, seed: int) -> None:
    chance = random.Random(seed)
    async with (
        posewire.connect(link.url, device="walker", reconnect=QUICK, heartbeat_s=0.1, silence_s=0.5) as walking,
        posewire.connect(host.url) as standing,
    ):
        room = await walking.join("studio", publish=["pose"])
        watcher = await standing.join("studio")
        sender, poses = room.sender(fps=500), watcher.poses()
        for _ in range(6):
            for _ in range(chance.randrange(20)):
                sender.send(coco=np.full((17, 3), 0.25))
                await asyncio.sleep(chance.uniform(0, 0.005))
            if chance.random() < 0.5:
                await link.cut()
                await asyncio.sleep(chance.uniform(0, 0.1))
                await link.mend()
            else:
                await link.change(stall=True)
                await asyncio.sleep(chance.uniform(0, 0.8))
                await link.change(stall=False)
            await asyncio.sleep(0.001)
            await walking.wait_connected(5)
            assert room.closed is None
        found = None
        for _ in range(400):
            if walking.connected:
                sender.send(coco=np.full((17, 3), 0.5))
            try:
                async with asyncio.timeout(0.05):
                    found = await anext(poses)
            except TimeoutError:
                continue
            value = float(found.values["coco17"][0, 0])
            assert value in (0.25, 0.5), "a wrong pose"
            if value == 0.5:
                break
        assert found is not None
        assert float(found.values["coco17"][0, 0]) == 0.5


async def test_a_hello_of_ones_own_that_comes_late_is_no_other_program(host: Host, link: Link) -> None:
    async with posewire.connect(link.url, device="seen", reconnect=QUICK) as connection:
        room = await connection.join("studio")
        late = HostConnection(host.url, device="seen", reconnect=NO_RECONNECT)
        late._dialer.client_id = connection._dialer.client_id
        await late.open()
        await lost(connection)
        await connection.wait_connected(5)
        assert room.closed is None
        assert connection.session_id
        await late.close()


async def test_a_program_that_keeps_packets_need_not_decode_them(host: Host) -> None:
    async with posewire.connect(host.url) as publishing, posewire.connect(host.url) as keeping:
        sender = (await publishing.join("studio", publish=["pose"])).sender(fps=500)
        room = await keeping.join("studio", decode=False)
        arrivals = room.arrivals()
        sender.send(coco=np.full((17, 3), 0.5))
        while not isinstance(arrival := await anext(arrivals), ReceivedFrame):
            assert arrival["event"] in ("welcome", "joined")
        assert (arrival.kind, arrival.payload[0] >> 5) == ("pose", 1)
        assert room.counts() == {}


async def test_a_certificate_that_is_not_trusted_is_told_with_the_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate, key = self_signed(tmp_path)
    async with running(settings(certificate=certificate, key=key)) as host:
        for opened in (posewire.connect(host.url), RoomClient(host.url, "studio")):
            with pytest.raises(
                HostUnreachableError, match=r"not trusted here \(self.signed certificate\): .*SSL_CERT_FILE"
            ):
                async with opened:
                    pass
        # The remedy is one.
        monkeypatch.setenv("SSL_CERT_FILE", certificate)
        async with posewire.connect(host.url) as connection:
            assert connection.connected
