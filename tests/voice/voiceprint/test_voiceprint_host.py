"""Enrolled people: in the store, over the HTTP interface, in the shell, in a whole host."""

import asyncio
import dataclasses
import os
import subprocess
import sys
from pathlib import Path

import httpx2
import pytest

from posewire.errors import WireError
from posewire.identity.audit import read_entries
from posewire.server.host import Host
from posewire.server.settings import ServerSettings, Settings
from posewire.server.state.voiceprints import TABLES, Voiceprints
from posewire.sound.pcm import SAMPLE_RATE, Pcm
from posewire.sound.wav import wav_bytes
from posewire.store import Store, StoreSettings
from posewire.voice.settings import VoiceSettings
from posewire.voice.voiceprint.spectral import SpectralVoiceprint
from support.peers import Peers
from support.recordings import recording, silence


async def test_people_are_enrolled_kept_recognised_and_erased(tmp_path: Path) -> None:
    store = Store(tmp_path / "s.db", [TABLES])
    voiceprints = Voiceprints(SpectralVoiceprint(), store)
    voice = recording("numbers")
    assert await voiceprints.identify("kitchen", voice) == ""
    await voiceprints.enrol("Ada", voice)
    again = Voiceprints(SpectralVoiceprint(), store)
    assert await again.identify("kitchen", voice[8000:]) == "Ada"
    assert await again.identify("kitchen", recording("something")) == ""
    assert await again.names() == ["Ada"]
    assert await again.erase("Ada")
    assert not await again.erase("Ada")
    assert await again.identify("kitchen", voice) == ""
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
    assert await voiceprints.identify("hall", voice) == ""
    assert await voiceprints.identify("kitchen", voice) == "Ada"
    assert await voiceprints.names() == []
    await voiceprints.identify("kitchen", voice[4000:])
    assert await voiceprints.names() == ["Ada"]
    store.close()


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
        assert (
            await operator.post("voiceprints/Ada", content=wav_bytes(recording("goforward"), SAMPLE_RATE))
        ).status_code == 201
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
