"""Speech synthesis: real engines, at one rate and loudness; cancelling leaves nothing."""

import asyncio
import shutil
import threading
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from posewire.config import read_table
from posewire.errors import ConfigError, ProviderError
from posewire.voice.commands.sentences import load_sentences
from posewire.voice.providers import load_provider, load_synthesizer
from posewire.voice.settings import VoiceSettings
from posewire.voice.tts.base import SentenceSynthesizer, Speech, SpeechSynthesizer
from posewire.voice.tts.espeak_lib import EspeakLibrary
from posewire.voice.tts.speech_program import read_wav, run_speech_program
from posewire.voice.tts.synthesis import Level, Speaker
from voice.conftest import eventually

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
    return "".join((task / "children").read_text() for task in path.iterdir())


async def test_two_objects_speak_with_their_own_voices_in_one_process() -> None:
    one, two = EspeakLibrary("en-us", 1.0), EspeakLibrary("en-us+f3", 1.0)
    first = (await one.synthesize("hello")).samples
    other, again = await asyncio.gather(two.synthesize("hello"), one.synthesize("hello"))
    assert not np.array_equal(other.samples, first)
    assert len(again.samples) == pytest.approx(len(first), rel=0.05)
    await one.close()
    await two.close()


async def test_loudness_and_rate_are_the_same_for_all() -> None:
    speaker = Speaker(engine("espeak-lib"))
    for text in ("The light is on.", "It is blue!", "That was all of it, I think."):
        pcm = np.concatenate([piece async for piece in speaker.say(text)])
        assert pcm.dtype == np.int16
        assert np.abs(pcm.astype(int)).max() == pytest.approx(32768 * 10 ** (-3 / 20), rel=0.01)
    await speaker.engine.close()


class Counting(SentenceSynthesizer):
    """An engine that counts what it is asked for."""

    name = "counting"

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def synthesize(self, text: str) -> Speech:
        self.asked.append(text)
        return Speech(np.full(16_000 * 10, 1000, np.int16), 16_000)

    async def close(self) -> None: ...


async def test_a_sentence_is_synthesized_once_and_the_oldest_forgotten() -> None:
    counting = Counting()
    speaker = Speaker(counting)
    for text in ("One.", "One.", "Two.", "One.", *map(str, range(11)), "Two.", "One."):
        async for _ in speaker.say(text):
            pass
    # 10 s each, two minutes are kept: the last of the numbers drove out "Two.", used longest ago.
    assert [text for text in counting.asked if not text.isdigit()] == ["One.", "Two.", "Two.", "One."]
    assert (speaker.cache.counts.hits, speaker.cache.size) == (2, 16_000 * 120)


@given(st.lists(st.lists(st.integers(-32768, 32767), max_size=400), min_size=1, max_size=5))
def test_any_audio_is_brought_to_level_without_clipping(pieces: list[list[int]]) -> None:
    level = Level()
    for samples in pieces:
        pcm = level.apply(np.array(samples, np.float32))
        # A piece that is suddenly louder takes the gain down within 10 ms.
        assert np.abs(pcm[160:].astype(int)).max(initial=0) <= 23198


@given(st.binary(max_size=200))
def test_garbage_is_no_wav(data: bytes) -> None:
    with pytest.raises(ProviderError):
        read_wav(b"RIFF" + data, "x")


async def test_a_program_that_fails_says_why() -> None:
    with pytest.raises(ProviderError, match="cannot be started"):
        await run_speech_program("/no/such/program", text="x")
    with pytest.raises(ProviderError, match="no such voice"):
        await run_speech_program("/bin/sh", "-c", "echo no such voice >&2; exit 3", text="x")


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


def test_a_provider_that_is_not_there_is_named_with_those_that_are() -> None:
    with pytest.raises(ConfigError, match="there is no 'magic'; there are silero, energy"):
        load_provider("vad", "magic", VoiceSettings(), SENTENCES)


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"vda": "silero"}, "no setting 'vda'"),
        ({"providers": {"sst": {}}}, "providers can have the tables vad, asr, llm, tts"),
        ({"providers": {"llm": {"openai": 1}}}, "providers.llm must have a table for each provider"),
        ({"end_silence_ms": "long"}, "end_silence_ms must be a whole number"),
        ({"end_silence_ms": True}, "end_silence_ms must be a whole number"),
        ({"asr_threshold": 1}, "asr_threshold must be between -100 and 0, not 1"),
        ({"tts_rate": 9}, "tts_rate must be between 0.5 and 2, not 9"),
        ({"sentences": ["/no/such/file.yaml"]}, "sentences must be files that exist"),
        ({"sentences": [3]}, "sentences must be a string or a list of strings"),
        ({"chat": {"memery": True}}, r"\[voice.chat\] has no setting 'memery'"),
        ({"chat": {"memory": "yes"}}, r"\[voice.chat\] memory must be true or false"),
    ],
)
def test_a_wrong_setting_is_named(values: dict[str, object], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        read_table(VoiceSettings, values, "voice")


def test_settings_are_read() -> None:
    assert read_table(VoiceSettings, {"tts_rate": 1, "vad": "energy", "end_silence_ms": 700}, "voice") == VoiceSettings(
        tts_rate=1.0, vad="energy", end_silence_ms=700
    )
