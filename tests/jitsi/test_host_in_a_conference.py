"""Programs that reach a host through a conference: who is let in, what goes through, what follows when parts die."""

import asyncio
import itertools
import os
import signal
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from itertools import pairwise
from typing import Any

import aiohttp
import numpy as np
import pytest

import posewire
from jitsi.conftest import TOKEN, address_of, host_in
from posewire.client.connection import HostConnection
from posewire.client.endpoints import Endpoint
from posewire.client.reconnect import ReconnectPolicy
from posewire.client.transports.jitsi import Jitsi
from posewire.client.transports.switches import FallbackPolicy
from posewire.errors import ConfigError, HostUnreachableError, UnauthorizedError
from posewire.jitsi.address import read_address
from posewire.jitsi.conference import join
from posewire.server.connection.settings import FloodSettings
from posewire.server.host import Host
from posewire.server.jitsi.settings import JitsiSettings
from posewire.sim.network.link_proxy import LinkProxy
from support.conference.deployment import Deployment
from support.conference.prosody import Prosody
from support.hosts import http_url, settings
from support.waiting import eventually


def connect(address: str, device: str = "camera", **options: Any) -> HostConnection:
    return posewire.connect(address, token=TOKEN, device=device, **options)


def body(number: float) -> np.ndarray[Any, Any]:
    return np.full((33, 4), number / 64, np.float32)


class Numbered:
    """Poses with a number in each, and which of them have come: none may be wrong, doubled or older than one before."""

    def __init__(self) -> None:
        self._numbers: Iterator[int] = itertools.count()
        self.arrived: list[float] = []
        """The number of each pose that came, by its values."""

        self._times: list[int] = []

    def send(self, sender: Any) -> None:
        sender.send(body(next(self._numbers) % 4096 / 64))

    def take(self, pose: Any) -> None:
        values = pose.values["body33"][:, :3] * 64 * 64
        assert np.ptp(values) < 40, "a pose of several"
        self.arrived.append(float(values.mean()))
        self._times.append(pose.pose.time_ms)

    def check(self) -> None:
        """No pose came twice, or after a newer one, or with the values of another."""
        assert self._times == sorted(set(self._times))
        assert all((later - earlier + 40) % 4096 < 2048 for earlier, later in pairwise(self.arrived))


async def test_poses_audio_and_messages_go_through_the_bridge_channel(deployment: Deployment) -> None:
    async with (
        host_in(deployment.address) as host,
        connect(address_of(host)) as camera,
        connect(address_of(host), "screen") as screen,
    ):
        room = await camera.join("studio", publish=["pose", "audio"])
        seen = await screen.join("studio", subscribe=["pose", "audio"])
        await eventually(lambda: camera.status()["transport"]["name"] == "jitsi")
        await eventually(lambda: screen.status()["transport"]["name"] == "jitsi")
        sender, poses, sounds, said = room.sender(fps=500), seen.poses(), [], asyncio.Queue[Any]()
        seen.on("audio", sounds.append)
        seen.on("message", said.put_nowait)
        for number in range(1, 30):
            sender.send(body=body(number))
            assert (await anext(poses)).values["body33"][0, 0] * 64 == pytest.approx(number, abs=0.1)
        assert await room.publish_audio(bytes(485))
        await eventually(lambda: bool(sounds))
        assert await room.send({"scene": 4}) == 1
        assert (await said.get()).data == {"scene": 4}
        blob = bytes(range(256)) * 60
        assert await room.send(blob, to="screen") == 1
        assert (await said.get()).data == blob
        counts = screen.status()["transport"]
        assert counts["conference"]["room"] == "studio@conference.meet.test"
        assert counts["seconds"]["jitsi"] > 0
        assert {peer.websocket.peer[:6] for peer in host.services.registry} == {"jitsi/"}
        headers = {"Authorization": f"Bearer {TOKEN}"}
        url = http_url(host, "/api/statistics")
        async with aiohttp.ClientSession(headers=headers) as session, session.get(url) as answer:
            told = (await answer.json())["conference"]
        assert (told["streams"], told["members"], told["bridge_channel"]) == (2, 2, "open")
        assert told["address"] == address_of(host)


async def test_a_deployment_without_a_bridge_is_enough(prosody: Prosody) -> None:
    async with (
        host_in(prosody.address("plain")) as host,
        connect(address_of(host)) as camera,
        connect(host.url, "screen") as screen,
    ):
        sender = (await camera.join("studio", publish=["pose"])).sender(fps=500)
        poses = (await screen.join("studio")).poses()
        for number in range(20):
            sender.send(body=body(number))
            assert (await anext(poses)).values["body33"][0, 0] * 64 == pytest.approx(number, abs=0.1)
        assert camera.status()["transport"]["name"] == "jitsi-muc"
    await eventually(lambda: not host.services.jitsi.status()["streams"])  # type: ignore[union-attr]


async def test_an_xmpp_server_that_limits_rates_slows_down_and_loses_nothing(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    with Prosody(tmp_path_factory.mktemp("limited"), limits=6000) as limited:
        async with host_in(limited.address()) as host, connect(address_of(host)) as camera:
            room = await camera.join("studio", publish=["pose"])
            async with connect(host.url, "screen") as screen:
                other, said = await screen.join("studio"), asyncio.Queue[Any]()
                other.on("message", said.put_nowait)
                for number in range(6):
                    assert await room.send({"number": number, "filling": "x" * 2000}) == 1
                assert [(await said.get()).data["number"] for _ in range(6)] == list(range(6))
                assert camera.statistics()["reconnects"] == 0


# --- who is let in


async def test_a_member_without_the_hosts_token_gets_nothing(prosody: Prosody) -> None:
    async with host_in(prosody.address("guarded")) as host:
        for token in ("", "wrong"):
            with pytest.raises(UnauthorizedError, match=r"the host at jitsi\+ws://\S+ (wants a|refuses the) token"):
                await posewire.connect(address_of(host), token=token).open()
        assert host.services.counters["refused_unauthorized"] == 2
        # One who is in the conference, and says the host's own words to the stream that he has opened, is no further.
        address = read_address(prosody.address("guarded"))
        member = await join(address, "stranger", 10)
        await eventually(lambda: any(seen.fingerprint for seen in member.members.values()))
        endpoint = next(iter(member.members))
        heard: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        member.receive = lambda sender, way, said: heard.put_nowait(said)
        stream = {"type": "posewire", "stream": "0" * 16}
        await member.send(endpoint, "muc", {**stream, "kind": "open"})
        assert (await heard.get())["kind"] == "opened"
        hello = {"kind": "piece", "at": 0, "arrived": 0, "turn": 0, "data": "eyJ0eXBlIjoiaGVsbG8ifQ=="}
        await member.send(endpoint, "muc", {**stream, **hello})
        assert host.services.jitsi is not None
        await eventually(lambda: not host.services.jitsi.status()["streams"])  # type: ignore[union-attr]
        assert not list(host.services.registry)
        await member.leave()


async def test_who_passes_for_the_host_is_found_out(prosody: Prosody) -> None:
    async with host_in(prosody.address("impostor")) as host:
        right = address_of(host)
        wrong = f"{right.partition('#')[0]}#{'A' * 43}"
        # Somebody says that he is the host of that address: he has not its certificate, whatever he shows.
        impostor = await join(read_address(prosody.address("impostor")), "Posewire host", 10, fingerprint="A" * 43)
        heard: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

        def answer(sender: str, way: Any, said: dict[str, Any]) -> None:
            heard.put_nowait(said)
            opened = {**said, "kind": "opened", "certificate": "AAAA"}
            asyncio.ensure_future(impostor.send(sender, way, opened))  # noqa: RUF006 - the loop outlives it

        impostor.receive = answer
        with pytest.raises(HostUnreachableError, match="has not the host's certificate"):
            await connect(wrong).open()
        assert [(said["kind"], "data" in said) for said in iter_now(heard)] == [("open", False)]
        await impostor.leave()
        async with connect(right):
            pass


async def test_who_shows_the_fingerprint_of_another_keeps_nobody_out_for_long(prosody: Prosody) -> None:
    async with host_in(prosody.address("double")) as host:
        shown = address_of(host).partition("#")[2]
        impostor = await join(read_address(prosody.address("double")), "Posewire host", 10, fingerprint=shown)

        def refuse(sender: str, way: Any, said: dict[str, Any]) -> None:
            asyncio.ensure_future(impostor.send(sender, way, {**said, "kind": "refused", "why": "no"}))  # noqa: RUF006

        impostor.receive = refuse
        opened = False
        for _ in range(40):  # each asks one of the two
            with suppress(HostUnreachableError):
                async with connect(address_of(host)):
                    opened = True
                    break
        assert opened
        await impostor.leave()


def iter_now(queue: "asyncio.Queue[dict[str, Any]]") -> Iterator[dict[str, Any]]:
    while not queue.empty():
        yield queue.get_nowait()


async def test_a_host_that_is_not_there_and_an_address_without_a_fingerprint(prosody: Prosody) -> None:
    with pytest.raises(HostUnreachableError, match="no host with this fingerprint answers in the room empty"):
        await connect(f"{prosody.address('empty')}#{'A' * 43}", timeout_s=0.5).open()
    with pytest.raises(ConfigError, match="ends with # and the host's fingerprint"):
        await connect(prosody.address("empty")).open()


async def test_a_host_takes_so_many_and_floods_end_as_elsewhere(prosody: Prosody) -> None:
    flood = FloodSettings(text_rate=5, text_burst=5)
    async with host_in(prosody.address("full"), max_clients=1, flood=flood) as host, connect(address_of(host)) as one:
        with pytest.raises(HostUnreachableError, match="takes at most 1 programs by the conference"):
            await connect(address_of(host), "other").open()
        for _ in range(100):
            one.send({"type": "room", "action": "list"})
        await eventually(lambda: host.services.counters["flood_text"] > 0)


def test_a_conference_needs_authentication() -> None:
    wanted = replace(settings(), jitsi=JitsiSettings(url="jitsi+wss://meet.example/studio"))
    with pytest.raises(ConfigError, match=r"taking part in a conference .* needs authentication"):
        Host(wanted)
    for url in ("wss://meet.example/studio", f"jitsi+wss://meet.example/studio#{'A' * 43}"):
        with pytest.raises(ConfigError, match=r"\[jitsi\] url"):
            JitsiSettings(url=url)


# --- when parts die


async def test_a_bridge_that_dies_is_left_and_taken_again_and_no_pose_is_wrong(fragile: Deployment) -> None:
    options = Jitsi(fallback=FallbackPolicy(probe_s=0.5, patience_s=5.0))
    async with (
        host_in(fragile.address) as host,
        connect(address_of(host), jitsi=options) as camera,
        connect(host.url, "screen") as screen,
    ):
        sender = (await camera.join("studio", publish=["pose"])).sender(fps=100, adapt=False)
        numbered = Numbered()
        (await screen.join("studio")).on("pose", numbered.take)

        async def until(name: str) -> None:
            """Send until poses go by this way, and some have come by it."""
            while camera.status()["transport"]["name"] != name:
                numbered.send(sender)
                await asyncio.sleep(0.01)
            count = len(numbered.arrived)
            while len(numbered.arrived) < count + 10:
                numbered.send(sender)
                await asyncio.sleep(0.01)

        await until("jitsi")
        fragile.bridge.kill()
        await until("jitsi-muc")
        fragile.bridge.start()
        await until("jitsi")
        numbered.check()
        assert host.services.counters["refused_bad_pose"] == 0
        assert camera.statistics()["reconnects"] == 0
        causes = [switch["cause"] for switch in camera.status()["transport"]["switches"]]
        assert causes[-2:] == ["the bridge channel was lost", "works again"]


async def test_a_bridge_that_hangs_is_left_and_taken_again(fragile: Deployment) -> None:
    async with host_in(fragile.address) as host, connect(address_of(host)) as camera:
        await eventually(lambda: camera.status()["transport"]["name"] == "jitsi")
        os.kill(fragile.bridge.pid, signal.SIGSTOP)
        await eventually(lambda: camera.status()["transport"]["name"] == "jitsi-muc")
        assert await camera.list_rooms() == []
        os.kill(fragile.bridge.pid, signal.SIGCONT)
        await eventually(lambda: camera.status()["transport"]["name"] == "jitsi")
        assert camera.statistics()["reconnects"] == 0


async def test_a_focus_that_hangs_costs_the_bridge_channel_only(fragile: Deployment) -> None:
    async with host_in(fragile.address) as host:
        await eventually(lambda: bool(host.services.counters["conference_joined"]))
        os.kill(fragile.focus.pid, signal.SIGSTOP)
        async with connect(address_of(host)) as camera:
            assert await camera.list_rooms() == []
            said = camera.status()["transport"]["conference"]["bridge_channel"]
            assert said == "focus.meet.test does not answer"


async def test_rollback_goes_through_the_room_until_it_is_called_again(deployment: Deployment) -> None:
    async with host_in(deployment.address) as host, connect(address_of(host)) as camera:
        await eventually(lambda: camera.status()["transport"]["name"] == "jitsi")
        camera.rollback()
        await eventually(lambda: camera.status()["transport"]["name"] == "jitsi-muc")
        assert await camera.list_rooms() == []
        camera.rollback()
        await eventually(lambda: camera.status()["transport"]["name"] == "jitsi")
        assert "rolled back" in [switch["cause"] for switch in camera.status()["transport"]["switches"]]


async def test_host_and_program_come_back_into_a_conference_that_has_died(fragile: Deployment) -> None:
    async with host_in(fragile.address) as host, connect(address_of(host)) as camera:
        session, back = camera.session_id, asyncio.Queue[bool]()
        room = await camera.join("studio", publish=["pose"])
        camera.on("connected", back.put_nowait)
        fragile.prosody.kill()
        fragile.focus.kill()
        await eventually(lambda: not camera.connected)
        fragile.prosody.start()
        fragile.focus.start()
        assert await back.get()
        assert camera.session_id == session
        assert room.closed is None
        assert await camera.list_rooms()
        await eventually(lambda: camera.status()["transport"]["name"] == "jitsi")


# --- beside a WebSocket


@pytest.mark.parametrize("preferred", ["conference", "websocket"])
async def test_a_way_that_dies_is_left_for_a_stand_by_and_taken_again(fragile: Deployment, preferred: str) -> None:
    async with host_in(fragile.address) as host, LinkProxy(host.url) as network:
        urls = {"conference": address_of(host), "websocket": network.url}
        endpoints = [Endpoint(url, weight=float(kind == preferred)) for kind, url in urls.items()]
        policy = ReconnectPolicy(return_s=0.2)
        async with (
            posewire.connect(endpoints, token=TOKEN, device="camera", reconnect=policy) as camera,
            connect(host.url, "screen") as screen,
        ):
            session, numbered = camera.session_id, Numbered()
            room = await camera.join("studio", publish=["pose"])
            sender = room.sender(fps=100, adapt=False)
            (await screen.join("studio")).on("pose", numbered.take)

            async def poses_by(kind: str) -> None:
                """Send until the host is reached like this, and some poses have come."""
                while not camera.connected or camera.status()["url"] != urls[kind]:
                    numbered.send(sender)
                    await asyncio.sleep(0.01)
                count = len(numbered.arrived)
                while len(numbered.arrived) < count + 10:
                    numbered.send(sender)
                    await asyncio.sleep(0.01)

            await poses_by(preferred)
            if preferred == "conference":
                fragile.prosody.kill()
                fragile.focus.kill()
                await poses_by("websocket")
                fragile.prosody.start()
                fragile.focus.start()
            else:
                await network.change(refuse=True)
                network.reset()
                await poses_by("conference")
                await network.change(refuse=False)
            await poses_by(preferred)
            assert camera.session_id == session
            assert room.closed is None
            numbered.check()
            assert host.services.counters["refused_bad_pose"] == 0
            moves = [switch for switch in camera.status()["transport"]["switches"] if switch["address"]]
            assert [move["address"] for move in moves[-2:]] == [
                urls[kind].partition("#")[0] for kind in sorted(urls, key=preferred.__eq__)
            ]
