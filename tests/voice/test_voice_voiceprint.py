"""Who is speaking: recordings of three people, synthetic voices, a server over real HTTP, a whole host."""

import asyncio
import dataclasses
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import numpy as np
import pytest

from posewire.bench.standins import HttpStandIn
from posewire.bench.voiceprint import equal_error, trials
from posewire.errors import ProviderError, WireError
from posewire.identity.audit import read_entries
from posewire.server.host import Host
from posewire.server.settings import ServerSettings, Settings
from posewire.server.state.voiceprints import TABLES, Voiceprints
from posewire.store import Store, StoreSettings
from posewire.voice.asr.buffered import as_wav
from posewire.voice.settings import VoiceSettings
from posewire.voice.voiceprint.base import best_match
from posewire.voice.voiceprint.http import HttpVoiceprint, HttpVoiceprintOptions
from posewire.voice.voiceprint.spectral import SpectralVoiceprint, statistics
from server.conftest import Peers
from voice.conftest import COMMANDS, OTHERS, Pcm, recording, silence

PEOPLE = ("goforward", "numbers", "something")


async def test_three_people_are_told_apart_by_other_halves_of_what_they_said() -> None:
    engine = SpectralVoiceprint()
    first, second = {}, {}
    for name in PEOPLE:
        pcm = recording(name)
        first[name] = await engine.embed(pcm[: len(pcm) * 6 // 10])
        second[name] = await engine.embed(pcm[len(pcm) * 4 // 10 :])
    for name in PEOPLE:
        match = best_match(engine, second[name], first)
        assert match is not None
        assert match.name == name
        others = {other: vector for other, vector in first.items() if other != name}
        assert best_match(engine, second[name], others) is None


def test_the_synthetic_voices_of_the_recordings_are_told_apart() -> None:
    voices: dict[str, list[np.ndarray]] = {}
    for name in (*COMMANDS, *OTHERS):
        vector = statistics(recording(name))
        if vector is not None:
            voices.setdefault(name.rsplit("-", 1)[1], []).append(vector)
    assert len(voices) == 3
    own, others = trials(SpectralVoiceprint(), voices)
    rate, _ = equal_error(own, others)
    assert rate < 0.1


async def test_too_little_speech_has_no_voice() -> None:
    engine = SpectralVoiceprint()
    noise = np.random.default_rng(1).integers(-3, 3, 16000).astype(np.int16)
    for pcm in (silence(3), silence(0), noise, recording("goforward")[:4000]):
        assert await engine.embed(pcm) is None


async def test_people_are_enrolled_kept_recognised_and_erased(tmp_path: Path) -> None:
    store = Store(tmp_path / "s.db", [TABLES])
    voiceprints = Voiceprints(SpectralVoiceprint(), store)
    voice = recording("numbers")
    assert await voiceprints.heard("kitchen", voice) == ""
    await voiceprints.enrol("Ada", voice)
    again = Voiceprints(SpectralVoiceprint(), store)
    assert await again.heard("kitchen", voice[8000:]) == "Ada"
    assert await again.heard("kitchen", recording("something")) == ""
    assert await again.names() == ["Ada"]
    assert await again.erase("Ada")
    assert not await again.erase("Ada")
    assert await again.heard("kitchen", voice) == ""
    for name in ("", "x" * 41, "a\nb"):
        with pytest.raises(WireError, match="name"):
            await again.enrol(name, voice)
    with pytest.raises(WireError, match="too little"):
        await again.enrol("Ada", silence(2))
    store.close()
    assert voice[:100].tobytes() not in (tmp_path / "s.db").read_bytes()


async def test_the_next_utterances_are_enrolled_on_demand_on_that_device_only(tmp_path: Path) -> None:
    store = Store(tmp_path / "s.db", [TABLES])
    voiceprints = Voiceprints(SpectralVoiceprint(), store)
    voiceprints.enrol_next("kitchen", "Ada", utterances=2)
    voice = recording("numbers")
    assert await voiceprints.heard("hall", voice) == ""
    assert await voiceprints.heard("kitchen", voice) == "Ada"
    assert await voiceprints.names() == []
    await voiceprints.heard("kitchen", voice[4000:])
    assert await voiceprints.names() == ["Ada"]
    store.close()


async def test_a_server_of_ones_own_makes_the_vectors() -> None:
    replies = [b'{"embedding": [3, 4]}', b'{"embedding": "x"}', b'{"embedding": [[1]]}', b"no", b'{"embedding": [NaN]}']

    async def body(text: bytes) -> AsyncIterator[bytes]:
        yield text

    async with HttpStandIn(
        lambda request: (200, "application/json", body(replies[len(server.requests) - 1]))
    ) as server:
        engine = HttpVoiceprint(HttpVoiceprintOptions(server.base_url))
        vector = await engine.embed(silence(1))
        assert vector is not None
        assert server.requests[0].body == as_wav(silence(1))
        assert engine.score(vector, np.array([6, 8], np.float32)) == pytest.approx(1)
        assert engine.score(vector, np.array([-4, 3], np.float32)) == pytest.approx(0)
        for _ in replies[1:]:
            with pytest.raises(ProviderError, match="voiceprint server"):
                await engine.embed(silence(1))
        await engine.close()
    away = HttpVoiceprint(HttpVoiceprintOptions("http://127.0.0.1:9/"))
    with pytest.raises(ProviderError, match="cannot be reached"):
        await away.embed(silence(1))
    await away.close()


def posewire(*arguments: str, store: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "posewire", *arguments]
    variables = {**os.environ, "POSEWIRE_STORE": str(store)}
    return subprocess.run(command, capture_output=True, text=True, timeout=60, env=variables)


async def speak(peers: Peers, pcm: Pcm) -> None:
    peer = await peers.connect()
    await peer.hello()
    await peer.send(type="listen", state="start", mode="manual")
    for start in range(0, len(pcm) - 960, 960):
        await peer.socket.send(b"\x00\x00\x07\x80" + pcm[start : start + 960].tobytes())
    await peer.send(type="listen", state="stop")
    await peer.receive("tts", state="stop")


async def test_a_host_enrols_recognises_lists_and_erases(tmp_path: Path) -> None:
    store = tmp_path / "store.db"
    host = Host(
        dataclasses.replace(
            Settings(),
            server=ServerSettings(port=0),
            store=StoreSettings(str(store)),
            voice=VoiceSettings(tts="none", voiceprint="spectral"),
        )
    )
    await host.start()
    api = host.url.replace("ws://", "http://").removesuffix("posewire/v1/") + "api/"
    peers = Peers(host.url)
    async with httpx2.AsyncClient(base_url=api) as operator:
        assert (await operator.post("voiceprints/Ada", content=b"no wav")).status_code >= 400
        assert (await operator.post("voiceprints/Ada", content=as_wav(recording("goforward")))).status_code == 201
        assert (await operator.get("voiceprints")).json() == {"voiceprints": ["Ada"], "engine": "spectral"}
        await speak(peers, recording("goforward"))
        handler = host.services.registry.device("aa:bb:cc:00:00:01")
        assert handler is not None
        await handler.all_tools.call("set_timer", {"minutes": 5, "label": "tea"})
        listed = await asyncio.to_thread(posewire, "privacy", "list", store=store)
        assert "voiceprint of Ada" in listed.stdout
        assert "timer for tea" in listed.stdout
        assert (await operator.delete("voiceprints/Ada")).status_code == 200
        assert (await operator.delete("voiceprints/Ada")).status_code == 404
        asked = await operator.post("devices/aa:bb:cc:00:00:01/enrol", json={"name": "Bob", "utterances": 1})
        assert asked.status_code == 202
        await speak(peers, recording("numbers"))
        assert (await operator.get("voiceprints")).json()["voiceprints"] == ["Bob"]
    # Who ordered it is kept, whose voices these are is not: the audit log cannot be erased.
    audited = [entry for entry in await host.services.store.run(lambda c: read_entries(c, 10)) if entry.who == "local"]
    assert [entry.event for entry in audited] == ["voiceprint enrolled", "voiceprint erased", "voiceprint wanted"]
    assert "Ada" not in str(audited)
    assert audited[2].device == "aa:bb:cc:00:00:01"
    await peers.close()
    await host.stop()
    assert (await asyncio.to_thread(posewire, "privacy", "erase", store=store)).returncode == 2
    for what, status in ((("--voiceprint", "Bob"), 0), (("--device", "AA:BB:CC:00:00:01"), 0), (("--everything",), 1)):
        assert (await asyncio.to_thread(posewire, "privacy", "erase", *what, store=store)).returncode == status
    assert (await asyncio.to_thread(posewire, "privacy", "list", store=store)).stdout == "nothing is kept\n"
