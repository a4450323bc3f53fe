"""The offline speech engines: they speak, and a cancelled sentence leaves nothing."""

import asyncio
import contextlib
import shutil
import threading
from pathlib import Path

import numpy as np
import pytest

from posewire.errors import ProviderError
from posewire.voice.commands.sentences_file import load_sentences
from posewire.voice.providers import load_synthesizer
from posewire.voice.settings import VoiceSettings
from posewire.voice.tts.base import SpeechSynthesizer
from posewire.voice.tts.espeak_lib import EspeakLibrary
from support.waiting import eventually

SENTENCES = load_sentences()
LONG = "This is a rather long sentence, " * 40


def engine(name: str, rate: float = 1.0) -> SpeechSynthesizer:
    if name != "espeak-lib" and shutil.which(name) is None:
        pytest.skip(f"{name} is not installed")
    made = load_synthesizer(VoiceSettings(tts=name, tts_rate=rate), SENTENCES)
    assert made is not None
    return made


@pytest.mark.parametrize("name", ["espeak-lib", "espeak-ng", "flite"])
async def test_an_engine_speaks(name: str) -> None:
    slow, fast = engine(name, 0.8), engine(name, 1.6)
    speech = await slow.synthesize("The light is on.")
    assert 0.5 < len(speech.samples) / speech.rate < 4
    assert len((await fast.synthesize("The light is on.")).samples) < 0.8 * len(speech.samples)
    await slow.close()
    await fast.close()


@pytest.mark.parametrize("name", ["espeak-lib", "espeak-ng", "flite"])
async def test_a_text_that_looks_like_an_option_is_spoken(name: str) -> None:
    made = engine(name)
    assert len((await made.synthesize("-o is an option")).samples) > 1000
    await made.close()


@pytest.mark.parametrize("name", ["espeak-lib", "espeak-ng", "flite"])
async def test_cancelled_speech_leaves_nothing_and_the_next_is_spoken(name: str) -> None:
    made = engine(name)
    before = asyncio.all_tasks()
    speaking = asyncio.create_task(made.synthesize(LONG))
    await asyncio.sleep(0.02)
    speaking.cancel()
    await asyncio.wait([speaking])
    assert asyncio.all_tasks() == before
    await eventually(lambda: not children())
    assert len((await made.synthesize("Okay.")).samples) > 1000
    await made.close()
    assert not any(thread.name.startswith("posewire-tts") for thread in threading.enumerate())


def children() -> str:
    """Ids of this process's children."""
    path = Path("/proc/self/task")
    if not path.exists():
        pytest.skip("needs /proc")
    ids = ""
    for task in path.iterdir():
        with contextlib.suppress(FileNotFoundError):  # the thread ended meanwhile
            ids += (task / "children").read_text()
    return ids


async def test_two_objects_speak_with_their_own_voices_in_one_process() -> None:
    one, two = EspeakLibrary("en-us", 1.0), EspeakLibrary("en-us+f3", 1.0)
    first = (await one.synthesize("hello")).samples
    other, again = await asyncio.gather(two.synthesize("hello"), one.synthesize("hello"))
    assert not np.array_equal(other.samples, first)
    assert len(again.samples) == pytest.approx(len(first), rel=0.05)
    await one.close()
    await two.close()


def test_an_engine_that_is_not_there_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(ProviderError, match="apt install espeak-ng"):
        load_synthesizer(VoiceSettings(tts="espeak-ng"), SENTENCES)
    with pytest.raises(ProviderError, match="apt install flite"):
        load_synthesizer(VoiceSettings(tts="flite"), SENTENCES)
    found = load_synthesizer(VoiceSettings(), SENTENCES)
    assert found is not None
    assert "library" in found.name
    with pytest.raises(ProviderError, match="no voice 'no-such-voice'"):
        load_synthesizer(VoiceSettings(tts="espeak-lib", tts_voice="no-such-voice"), SENTENCES)
