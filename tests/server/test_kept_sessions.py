"""A host that is stopped and started again: places in rooms, states and dialogues are there for who comes back."""

import asyncio
import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from posewire.bench.standins import Call, HttpStandIn, OpenAiScript
from posewire.server.host import Host
from posewire.server.settings import ServerSettings, Settings
from posewire.store import StoreSettings
from posewire.voice.settings import VoiceSettings
from support.peers import Peer, Peers

FIRST, SECOND, THIRD = (f"aa:00:00:00:00:0{number}" for number in (1, 2, 3))


class Machine:
    """Runs one host after another on the same store."""

    def __init__(self, folder: Path, voice: VoiceSettings | None = None) -> None:
        self.path = folder / "store.db"
        self.voice = voice
        self.host: Host | None = None
        self.peers = Peers("")

    async def start(self, resume_window: float = 5.0) -> Host:
        server = ServerSettings(port=0, resume_window=resume_window)
        self.host = Host(Settings(server=server, voice=self.voice, store=StoreSettings(str(self.path))))
        await self.host.start()
        self.peers = Peers(self.host.url)
        return self.host

    async def stop(self) -> None:
        if self.host is not None:
            await self.host.stop()
            self.host = None
        await self.peers.close()

    async def restart(self, resume_window: float = 5.0) -> Host:
        await self.stop()
        return await self.start(resume_window)

    async def resume(self, device: str, session: str) -> tuple[Peer, bool]:
        peer = await self.peers.connect(device)
        return peer, bool((await peer.hello(resume=session)).get("resumed"))

    def kept(self) -> int:
        with sqlite3.connect(self.path) as connection:
            return int(connection.execute("SELECT count(*) FROM kept_sessions").fetchone()[0])


@pytest_asyncio.fixture
async def machine(tmp_path: Path) -> AsyncIterator[Machine]:
    made = Machine(tmp_path)
    await made.start()
    yield made
    await made.stop()


async def enter(machine: Machine, device: str, **join: object) -> tuple[Peer, str]:
    peer = await machine.peers.connect(device)
    session = (await peer.hello())["session_id"]
    await peer.join(**join)
    return peer, str(session)


async def test_members_find_their_room_again_as_they_left_it(machine: Machine) -> None:
    first, one = await enter(machine, FIRST, publish=["pose"])
    second, two = await enter(machine, SECOND, subscribe=[{"kind": "audio", "member_id": 1}])
    _, three = await enter(machine, THIRD, publish=["audio"])
    await first.send(type="room", action="kick", member_id=3, reason="noise")
    await first.send(type="room", action="role", member_id=2)
    await second.receive("room", event="role", member_id=2)
    await second.send(type="room", action="lock")
    await second.receive("room", event="locked")

    await machine.restart()

    back, resumed = await machine.resume(SECOND, two)
    assert resumed
    welcome = await back.receive("room", event="welcome")
    assert (welcome["room"], welcome["member_id"], welcome["role"], welcome["locked"]) == ("studio", 2, "owner", True)
    assert welcome["members"][0] == {
        "member_id": 1,
        "device": FIRST,
        "role": "member",
        "publish": ["pose"],
        "away": True,
    }
    again, resumed = await machine.resume(FIRST, one)
    assert resumed
    assert (await back.receive("room", event="back"))["member_id"] == 1
    # What was denied is denied still, and numbers are not given out twice.
    outcast, _ = await machine.resume(THIRD, three)
    await outcast.send(type="room", action="join", room="studio")
    assert (await outcast.receive("error"))["code"] == "room_denied"
    await back.send(type="room", action="unlock")
    await again.receive("room", event="locked", locked=False)
    newcomer = await machine.peers.connect("aa:00:00:00:00:04")
    await newcomer.hello()
    assert (await newcomer.join())["member_id"] == 4


async def test_how_a_member_is_encoded_is_known_after_a_restart(machine: Machine) -> None:
    _, _ = await enter(machine, FIRST, publish=["audio"])
    _, session = await enter(machine, SECOND)
    await machine.restart()
    back, _ = await machine.resume(SECOND, session)
    speaker = (await back.receive("room", event="welcome"))["members"][0]
    assert speaker["audio"] == {"format": "pcm", "sample_rate": 16000, "channels": 1, "frame_duration": 60}


async def test_states_go_on(machine: Machine) -> None:
    peer, session = await enter(machine, FIRST)
    await peer.send(type="state", action="subscribe", name="room:studio")
    whole = await peer.receive("state")
    await peer.send(
        type="state", action="patch", name="room:studio", base=whole["version"], patch="p1", changes={"scene": 3}
    )
    version = (await peer.receive("state", patch="p1"))["version"]

    await machine.restart()

    back, _ = await machine.resume(FIRST, session)
    await back.send(type="state", action="subscribe", name="room:studio", version=version)
    whole = await back.receive("state")
    assert whole["value"] == {"scene": 3}
    assert whole["version"] > version


async def test_who_does_not_come_back_in_time_has_left(machine: Machine) -> None:
    _, one = await enter(machine, FIRST)
    _, two = await enter(machine, SECOND)
    host = await machine.restart(resume_window=0.3)
    back, resumed = await machine.resume(SECOND, two)
    assert resumed
    assert (await back.receive("room", event="left"))["reason"] == "timeout"
    assert (await back.receive("room", event="role"))["member_id"] == 2
    _, resumed = await machine.resume(FIRST, one)
    assert not resumed
    assert list(host.services.rooms.rooms["studio"].members) == [2]


async def test_what_was_kept_is_erased_when_it_is_taken_back(machine: Machine) -> None:
    await enter(machine, FIRST)
    await machine.stop()
    assert machine.kept() == 1
    await machine.start()
    assert machine.kept() == 0


async def test_a_peer_that_said_goodbye_leaves_nothing(machine: Machine) -> None:
    peer, session = await enter(machine, FIRST)
    await peer.send(type="goodbye")
    await peer.socket.wait_closed()
    host = await machine.restart()
    assert not host.services.rooms.rooms
    _, resumed = await machine.resume(FIRST, session)
    assert not resumed


async def test_what_another_version_kept_does_not_keep_the_host_from_starting(machine: Machine) -> None:
    _, session = await enter(machine, FIRST)
    await machine.stop()
    with sqlite3.connect(machine.path) as connection:
        connection.execute("UPDATE kept_rooms SET content = ?", (json.dumps({"from": "the future"}),))
    host = await machine.start()
    assert not host.services.rooms.rooms
    _, resumed = await machine.resume(FIRST, session)
    assert resumed
    with sqlite3.connect(machine.path) as connection:
        assert connection.execute("SELECT room FROM kept_rooms").fetchall() == [("studio",)]


# --- the dialogue


def reply(messages: Sequence[Mapping[str, Any]]) -> str | Call:
    """Look at the clock when asked for the time, as models do; chat otherwise."""
    if messages[-1]["role"] == "user" and "time" in messages[-1]["content"]:
        return Call("get_time", {})
    return "I see."


async def ask(peer: Peer, text: str) -> None:
    await peer.send(type="listen", state="detect", text=text)
    await peer.receive("tts", state="stop")


@pytest_asyncio.fixture
async def model() -> AsyncIterator[HttpStandIn]:
    async with HttpStandIn(OpenAiScript(reply)) as running:
        yield running


@pytest_asyncio.fixture
async def talking(tmp_path: Path, model: HttpStandIn) -> AsyncIterator[Machine]:
    options = {"llm": {"openai": {"base_url": model.base_url}}}
    made = Machine(tmp_path, VoiceSettings(tts="none", llm="openai", providers=options))
    await made.start()
    yield made
    await made.stop()


async def introduce(machine: Machine) -> tuple[Peer, str]:
    peer = await machine.peers.connect(FIRST)
    session = str((await peer.hello())["session_id"])
    await ask(peer, "I am Ada. What time is it?")
    return peer, session


def said_to(model: HttpStandIn) -> list[dict[str, Any]]:
    """The model's last question, without the prompt."""
    return [message for message in model.requests[-1].json()["messages"] if message["role"] != "system"]


@pytest.mark.parametrize("restart", [False, True], ids=["connection lost", "host restarted"])
async def test_the_dialogue_goes_on(talking: Machine, model: HttpStandIn, restart: bool) -> None:
    peer, session = await introduce(talking)
    before = said_to(model)
    if restart:
        await talking.restart()
    else:
        peer.socket.transport.abort()
        await peer.socket.wait_closed()
    back, resumed = await talking.resume(FIRST, session)
    assert resumed
    await ask(back, "Who am I?")
    said = said_to(model)
    assert [message["role"] for message in said] == ["user", "assistant", "tool", "assistant", "user"]
    assert said[:3] == before
    assert said[-1]["content"] == "Who am I?"
    # When the session is over, nothing of what was said is left on the disk.
    await back.send(type="goodbye")
    await back.socket.wait_closed()
    await talking.stop()
    assert b"Ada" not in on_disk(talking.path.parent)


def on_disk(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.iterdir())


async def test_a_kept_dialogue_can_be_seen_and_erased(talking: Machine) -> None:
    _, session = await introduce(talking)
    await talking.stop()
    assert (await asyncio.to_thread(privacy, talking, "list")).startswith(f"{FIRST}  dialogue of ")
    erased = await asyncio.to_thread(privacy, talking, "erase", "--device", FIRST)
    assert erased == "1 erased\na host that runs forgets the last turns within a second, too\n"
    await talking.start()
    _, resumed = await talking.resume(FIRST, session)
    assert not resumed


def privacy(machine: Machine, *words: str) -> str:
    return subprocess.run(
        [sys.executable, "-m", "posewire", "privacy", *words],
        env={**os.environ, "POSEWIRE_STORE": str(machine.path)},
        capture_output=True,
        text=True,
        check=True,
    ).stdout


async def test_another_device_does_not_hear_of_the_dialogue(talking: Machine, model: HttpStandIn) -> None:
    _, session = await introduce(talking)
    await talking.restart()
    stranger, resumed = await talking.resume(SECOND, session)
    assert not resumed
    await ask(stranger, "Who am I?")
    assert "Ada" not in str(said_to(model))
