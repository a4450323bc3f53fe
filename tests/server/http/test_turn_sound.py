"""The sound of turns, from a host that keeps it: played again by those who may act, and forgotten."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx2
import numpy as np
import pytest

from posewire.errors import ProviderError
from posewire.identity.audit import read_entries
from posewire.identity.settings import AuthSettings
from posewire.identity.stored import issue_token
from posewire.server.host import Config, Host
from posewire.server.settings import Settings
from posewire.server.state.settings import TurnSettings
from posewire.sim.board import SimBoard
from posewire.sim.memory_model import ROOMY_CHIP
from posewire.sound.pcm import Pcm
from posewire.sound.wav import read_wav
from posewire.store.settings import StoreSettings
from posewire.voice.output import TurnReport
from posewire.voice.settings import VoiceSettings
from posewire.wire.audio import frame_decoder
from posewire.wire.frames import FrameType, build_frame, parse_frame
from posewire.wire.messages import AudioParams
from posewire.wire.opus import require_opus
from support.hosts import http_url, running, settings
from support.peers import Peer, Peers
from support.recordings import SPEECH, recording
from support.waiting import eventually

DEVICE = "aa:bb:cc:00:00:01"
LIGHT = "command-turn_on_the_light-rms"
KEEP = TurnSettings(sound=True)


def keeping(**more: Any) -> Settings:
    return replace(settings(), voice=VoiceSettings(tts="espeak-lib"), turns=KEEP, **more)


@asynccontextmanager
async def speaking(host: Host, device: str = DEVICE, audio: str = "pcm") -> AsyncIterator[Peer]:
    peers = Peers(host.url)
    peer = await peers.connect(device)
    await peer.hello(audio_params={"format": audio, "sample_rate": 16000, "channels": 1, "frame_duration": 60})
    yield peer
    await peers.close()


async def say(peer: Peer, sound: Pcm) -> None:
    """Hold the button while a recording is spoken."""
    await peer.send(type="listen", state="start", mode="manual")
    for start in range(0, len(sound), 960):
        await peer.socket.send(build_frame(FrameType.AUDIO, sound[start : start + 960].tobytes(), 3))
        await asyncio.sleep(0)
    await peer.send(type="listen", state="stop")


async def reply(peer: Peer) -> list[bytes]:
    """The frames of the reply that comes."""
    frames: list[bytes] = []
    while True:
        raw = await peer.socket.recv()
        if isinstance(raw, bytes):
            frames.append(bytes(parse_frame(raw, 3).payload))
        elif (message := json.loads(raw))["type"] == "tts" and message["state"] == "stop":
            return frames


async def last_turn(host: Host, device: str = DEVICE) -> dict[str, Any]:
    """The device's last turn, once it is over."""
    turns = host.services.turns
    await eventually(lambda: bool(turns.of(device)) and turns.of(device)[-1]["outcome"])
    return turns.of(device)[-1]


def sound_url(host: Host, turn: dict[str, Any], part: str, device: str = DEVICE) -> str:
    return http_url(host, f"/api/devices/{device}/turns/{turn['id']}/{part}.wav")


async def test_what_was_heard_and_said_is_played_again_as_it_was() -> None:
    async with running(keeping()) as host, speaking(host) as peer, httpx2.AsyncClient() as client:
        assert "sound" in (await client.get(http_url(host, "/api/session"))).json()["can"]
        spoken = recording(LIGHT)
        await say(peer, spoken)
        sent = await reply(peer)
        turn = await last_turn(host)
        assert turn["sound"] == ["heard", "said"]
        said = await client.get(sound_url(host, turn, "said"))
        assert (said.headers["content-type"], said.headers["cache-control"]) == ("audio/wav", "no-store")
        samples, rate = read_wav(said.content)
        assert rate == 16000
        assert samples.tobytes() == b"".join(sent)
        # The utterance is a part of what was spoken, sample for sample.
        heard, rate = read_wav((await client.get(sound_url(host, turn, "heard"))).content)
        assert rate == 16000
        assert len(heard) > 0.5 * 16000
        assert heard[: 16 * 512].tobytes() in spoken.tobytes()
        # Without authentication, too, no page of another site gets at it.
        embedded = await client.get(sound_url(host, turn, "said"), headers={"Sec-Fetch-Site": "cross-site"})
        assert embedded.status_code == 403
        audited = await host.services.store.run(lambda connection: read_entries(connection, 10))
        heard_again = [entry.device for entry in audited if entry.event == "turn listened to"]
        assert heard_again == [DEVICE, DEVICE]


async def test_a_reply_in_opus_is_decoded_when_somebody_asks_for_it() -> None:
    try:
        require_opus()
    except ProviderError as error:
        pytest.skip(str(error))
    async with running(keeping()) as host, speaking(host, audio="opus") as peer, httpx2.AsyncClient() as client:
        await peer.send(type="listen", state="detect", text="what time is it")
        sent = await reply(peer)
        turn = await last_turn(host)
        assert turn["sound"] == ["said"]
        samples, _ = read_wav((await client.get(sound_url(host, turn, "said"))).content)
        decoder = frame_decoder(AudioParams("opus", 16000, 1, 60))
        assert samples.tobytes() == np.concatenate([decoder.decode(frame) for frame in sent]).tobytes()
        # What is kept is what was sent: an hour of it is some megabytes.
        assert host.services.turns.sounds.held_bytes < 2 * len(samples) / 4


async def test_a_board_is_listened_to_again() -> None:
    async with running(keeping()) as host, httpx2.AsyncClient() as client:

        def speak() -> tuple[str, Pcm]:
            with SimBoard(url=host.url, chip=ROOMY_CHIP, imu=False) as board:
                board.wait_connected(timeout=60)
                board.mic.play(SPEECH / f"{LIGHT}.wav")
                board.button.press(hold=0.1)
                board.wait(lambda: board.stt, timeout=60, what="the words")
                board.wait(lambda: board.speaker.audible_seconds > 0.3, timeout=60, what="the answer")
                board.wait(lambda: board.snapshot()["state"] == "idle", timeout=60, what="the end of the reply")
                return board.device_id, board.stt[-1]

        device, words = await asyncio.to_thread(speak)
        assert words == "turn on the light"
        turn = await last_turn(host, device)
        heard, _ = read_wav((await client.get(sound_url(host, turn, "heard", device))).content)
        said, _ = read_wav((await client.get(sound_url(host, turn, "said", device))).content)
        assert np.abs(heard).max() > 1000
        assert np.abs(said).max() > 1000
        # Said again to the recogniser, it is the same words.
        async with speaking(host) as peer:
            await say(peer, heard)
            assert (await peer.receive("stt"))["text"] == words


async def test_sound_is_for_those_who_may_act() -> None:
    token = "a-token-that-is-long-enough"
    async with running(replace(settings(), turns=KEEP, auth=AuthSettings(token=token, pairing=True))) as host:
        turns = host.services.turns
        turns.note_sent(DEVICE, {"type": "tts", "state": "start"})
        turns.note_frame(DEVICE, AudioParams("pcm", 16000, 1, 60), bytes(1920))
        looker = await host.services.store.run(lambda c: issue_token(c, "x", "person", ["operator.read"]))
        await host.services.identities.refresh(force=True)
        listing = http_url(host, f"/api/devices/{DEVICE}/turns")
        async with httpx2.AsyncClient() as client:

            async def ask(bearer: str, url: str, method: str = "GET") -> httpx2.Response:
                return await client.request(method, url, headers={"Authorization": f"Bearer {bearer}"})

            (turn,) = (await ask(token, listing)).json()["turns"]
            assert turn["sound"] == [], "it is not over yet"
            turns.note_sent(DEVICE, {"type": "stt", "text": "a secret"})
            turns.note_end(DEVICE, TurnReport("answered", {}))
            (turn,) = (await ask(token, listing)).json()["turns"]
            url = sound_url(host, turn, "said")
            assert (await ask(token, url)).status_code == 200
            assert (await ask(looker, url)).status_code == 403
            assert (await ask(looker, listing)).json()["turns"][0]["sound"] == []
            assert (await ask(looker, listing, "DELETE")).status_code == 403
            assert (await ask("wrong", url)).status_code == 401
            for other in (url.replace(turn["id"], "0" * 16), url.replace("said", "heard"), url.replace("01/", "02/")):
                assert (await ask(token, other)).json()["code"] == "not_found"
            assert (await ask(token, listing, "DELETE")).status_code == 200
            assert (await ask(token, url)).status_code == 404
            assert turns.sounds.held_bytes == 0


async def test_a_reply_that_is_interrupted_by_another_keeps_its_own_words_and_sound() -> None:
    async with running(keeping()) as host, speaking(host) as peer:
        await peer.send(type="listen", state="detect", text="what can you do")
        await peer.receive_binary()
        voice = host.services.registry.device(DEVICE)
        assert voice is not None
        session = voice.voice.get_or_create()
        assert session is not None
        session.text("what time is it")
        await eventually(lambda: len(host.services.turns.of(DEVICE)) == 2)
        turns = host.services.turns
        await eventually(lambda: turns.of(DEVICE)[-1]["outcome"])
        first, second = turns.of(DEVICE)
        assert (first["heard"], first["outcome"]) == ("what can you do", "interrupted")
        assert (second["heard"], second["outcome"]) == ("what time is it", "answered")
        assert len(second["said"]) == 1
        assert first["sound"] == second["sound"] == ["said"]


async def test_sound_is_kept_and_forgotten_while_the_host_runs() -> None:
    """The setting is taken over at once; what was kept is gone with it."""
    wanted = keeping()
    host = Host(replace(wanted, turns=TurnSettings()), Config(lambda: wanted))
    await host.start()
    try:
        async with speaking(host) as peer:
            await peer.send(type="listen", state="detect", text="what time is it")
            await reply(peer)
            assert (await last_turn(host))["sound"] == []
            assert "[turns] sound" in await host.services.control.reload()
            await peer.send(type="listen", state="detect", text="what can you do")
            await reply(peer)
            assert (await last_turn(host))["sound"] == ["said"]
            wanted = replace(wanted, turns=TurnSettings())
            await host.services.control.reload()
            assert (await last_turn(host))["sound"] == []
            assert host.services.turns.sounds.held_bytes == 0
    finally:
        await host.stop()


@pytest.mark.parametrize("what", [("--device", DEVICE), ("--everything",)])
async def test_what_privacy_erases_a_running_host_forgets(tmp_path: Path, what: tuple[str, ...]) -> None:
    store = tmp_path / "posewire.db"
    async with running(keeping(store=StoreSettings(path=str(store)))) as host, speaking(host) as peer:
        await peer.send(type="listen", state="detect", text="what time is it")
        await reply(peer)
        assert (await last_turn(host))["sound"] == ["said"]
        erased = await asyncio.to_thread(
            subprocess.run,
            [sys.executable, "-m", "posewire", "privacy", "erase", *what],
            env={**os.environ, "POSEWIRE_STORE": str(store)},
            capture_output=True,
            text=True,
        )
        assert "a host that runs forgets the last turns" in erased.stdout, erased.stderr
        await eventually(lambda: not host.services.turns.of(DEVICE))
        assert host.services.turns.sounds.held_bytes == 0
