"""The rules that every provider of a kind must keep, checked on all that can run here."""

import asyncio
import contextlib
import shutil
import sys
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from importlib.metadata import EntryPoint
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from posewire.bench.standins import HttpStandIn, OpenAiScript, WyomingStandIn
from posewire.errors import ConfigError, ProviderError
from posewire.voice import providers
from posewire.voice.asr.base import AcousticProfile
from posewire.voice.commands.sentences_file import load_sentences
from posewire.voice.llm.base import ChatMessage
from posewire.voice.providers import load_provider, provider_names
from posewire.voice.settings import VoiceSettings
from posewire.voice.tts.base import Speech
from posewire.voice.vad.base import VAD_FRAME
from support.recordings import as_spoken, recording, silence
from support.waiting import eventually

SENTENCES = load_sentences()
NEEDS_MODEL = {"vosk", "sherpa-onnx", "silero-onnx"}
NEEDS = {"flite": "flite", "espeak-ng": "espeak-ng"}


def here(kind: str) -> list[str]:
    """The providers that can run on this machine; those with a model file of the user's are looked at below."""
    return [name for name in provider_names(kind) if name not in NEEDS_MODEL]  # type: ignore[arg-type]


@asynccontextmanager
async def provider(kind: str, name: str, slow: float = 0.0) -> AsyncIterator[tuple[Any, Any]]:
    """A provider and, where it needs one, its server, that takes ``slow`` seconds."""
    if name in NEEDS and shutil.which(NEEDS[name]) is None:
        pytest.skip(f"{name} is not installed")
    if name == "webrtc" and find_spec("webrtcvad") is None:
        pytest.skip("webrtcvad is not installed")
    async with contextlib.AsyncExitStack() as stack:
        server: Any = None
        table: dict[str, Any] = {}
        if name == "openai":
            script = OpenAiScript(
                "Fine. Thank you.", first_s=slow, asr_s=slow, tts_s=slow, heard="go forward ten meters"
            )
            server = await stack.enter_async_context(HttpStandIn(script))
            table = {"base_url": server.base_url}
        elif name == "wyoming":
            server = await stack.enter_async_context(WyomingStandIn("go forward ten meters", slow, slow))
            table = {"uri": server.uri}
        settings = VoiceSettings(providers={kind: {name: table}})
        made = await asyncio.to_thread(load_provider, kind, name, settings, SENTENCES)  # type: ignore[arg-type]
        assert made.name
        yield made, server
        if kind != "vad":
            await made.close()


@pytest.mark.parametrize("name", here("vad"))
async def test_a_detector_tells_speech_from_silence(name: str) -> None:
    async with provider("vad", name) as (engine, _):
        noise = np.random.default_rng(1).integers(-20, 20, 32_000).astype(np.int16)
        pcm = np.concatenate((noise, recording("goforward")))
        detector = engine.detector()
        found = [detector.probability(pcm[i : i + VAD_FRAME]) for i in range(0, len(pcm) - VAD_FRAME, VAD_FRAME)]
        assert all(0 <= value <= 1 for value in found)
        quiet, spoken = found[20:60], found[63:]
        assert np.mean(quiet) < 0.3
        assert np.mean(np.array(spoken) > 0.5) > 0.3


@pytest.mark.parametrize("name", here("vad"))
async def test_detectors_share_no_state_and_forget(name: str) -> None:
    async with provider("vad", name) as (engine, _):
        frames = recording("goforward")[: 40 * VAD_FRAME].reshape(-1, VAD_FRAME)
        one, two = engine.detector(), engine.detector()
        alone = [one.probability(frame) for frame in frames]
        for frame in frames[::-1]:
            one.probability(frame)
        assert [two.probability(frame) for frame in frames] == alone
        one.reset()
        assert [one.probability(frame) for frame in frames] == alone


@pytest.mark.parametrize("name", here("asr"))
async def test_a_recogniser_hears_what_was_said(name: str) -> None:
    async with provider("asr", name) as (recognizer, _):
        recognizer.prepare()
        utterance = recognizer.utterance(AcousticProfile())
        pcm = as_spoken("goforward")
        for start in range(0, len(pcm), 960):
            utterance.feed(pcm[start : start + 960])
        transcript = await utterance.finish()
        assert (transcript.text, transcript.accepted) == ("go forward ten meters", True)
        utterance.cancel()


@pytest.mark.parametrize("name", here("asr"))
async def test_an_utterance_that_is_cancelled_leaves_nothing(name: str) -> None:
    async with provider("asr", name, slow=1) as (recognizer, server):
        recognizer.prepare()
        before = asyncio.all_tasks()
        utterance = recognizer.utterance(AcousticProfile())
        utterance.feed(recording("goforward"))
        finishing = asyncio.create_task(utterance.finish())
        if server is not None:
            await eventually(lambda: server.open == 1)
        finishing.cancel()
        utterance.cancel()
        utterance.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await finishing
        if server is not None:
            await eventually(lambda: server.open == 0)
        await eventually(lambda: len(asyncio.all_tasks()) <= len(before) + 1)


@pytest.mark.parametrize("name", here("asr"))
async def test_an_empty_utterance_is_no_text(name: str) -> None:
    async with provider("asr", name) as (recognizer, _):
        utterance = recognizer.utterance(AcousticProfile())
        if name != "wyoming":  # its server would be a real recogniser
            assert not (await utterance.finish()).accepted
        utterance.cancel()


@pytest.mark.parametrize("name", here("llm"))
async def test_a_model_answers_and_can_be_stopped(name: str) -> None:
    question = [ChatMessage("user", "How are you?")]
    async with provider("llm", name) as (model, _):
        assert "".join([piece async for piece in model.chat(question)]) == "Fine. Thank you."
    async with provider("llm", name, slow=5) as (model, server):
        answering = asyncio.create_task(anext(model.chat(question)))
        await eventually(lambda: server.open == 1)
        answering.cancel()
        await eventually(lambda: server.open == 0)


@pytest.mark.parametrize("name", here("tts"))
async def test_a_voice_speaks(name: str) -> None:
    async with provider("tts", name) as (voice, _):
        pieces = [piece async for piece in voice.speak("The light is on.")]
        assert {piece.rate for piece in pieces} <= {8000, 16_000, 22_050, 24_000, 48_000}
        assert len({piece.rate for piece in pieces}) == 1
        samples = np.concatenate([piece.samples for piece in pieces])
        assert samples.dtype == np.int16
        assert 0.5 < len(samples) / pieces[0].rate < 5
        assert np.abs(samples.astype(int)).max() > 1000


@pytest.mark.parametrize("name", here("tts"))
async def test_a_voice_that_is_cancelled_leaves_nothing(name: str) -> None:
    async with provider("tts", name, slow=1) as (voice, server):
        before = asyncio.all_tasks()

        async def speak() -> None:
            async with aclosing(voice.speak("This is a rather long sentence, " * 20)) as pieces:
                async for _ in pieces:
                    pass

        speaking = asyncio.create_task(speak())
        await (eventually(lambda: server.open == 1) if server is not None else asyncio.sleep(0))
        speaking.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await speaking
        if server is not None:
            await eventually(lambda: server.open == 0)
        await eventually(lambda: len(asyncio.all_tasks()) <= len(before) + 1)


@pytest.mark.parametrize("kind", ["asr", "tts"])
async def test_a_wyoming_server_that_is_away_or_talks_nonsense_is_an_error(kind: str) -> None:
    async def nonsense(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b'{"type": "x", "payload_length": 99999999999}\n')
        await writer.drain()

    server = await asyncio.start_server(nonsense, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    settings = VoiceSettings(providers={kind: {"wyoming": {"uri": f"tcp://127.0.0.1:{port}"}}})
    made = load_provider(kind, "wyoming", settings, SENTENCES)  # type: ignore[arg-type]

    async def use() -> None:
        if kind == "tts":
            [piece async for piece in made.speak("hello")]
        else:
            utterance = made.utterance(AcousticProfile())
            utterance.feed(silence(0.1))
            await utterance.finish()

    with pytest.raises(ProviderError, match=r"does not speak Wyoming|broke off"):
        await use()
    server.close()
    with pytest.raises(ProviderError, match=r"cannot be reached|broke off"):
        await use()


@pytest.mark.parametrize(
    ("kind", "name", "table", "complaint"),
    [
        ("asr", "openai", {}, "needs the setting base_url"),
        ("asr", "wyoming", {"uri": "http://x"}, "uri must be like tcp://"),
        ("tts", "wyoming", {"uri": "tcp://x"}, "uri must be like tcp://"),
        ("tts", "openai", {"base_url": "http://x/v1", "format": "mp3"}, "format must be pcm or wav, not 'mp3'"),
        ("asr", "pocketsphinx", {"mode": "guess"}, "mode must be grammar or dictation, not 'guess'"),
        ("vad", "webrtc", {"aggressiveness": 4}, "must be between 0 and 3, not 4"),
        ("vad", "silero-onnx", {"model_path": "/no/model.onnx"}, "must be a file that exists"),
    ],
)
def test_wrong_options_are_named(kind: str, name: str, table: dict[str, Any], complaint: str) -> None:
    settings = VoiceSettings(providers={kind: {name: table}})
    with pytest.raises(ConfigError, match=rf"\[voice.providers.{kind}.{name}\].*{complaint}"):
        load_provider(kind, name, settings, SENTENCES)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("kind", "name", "module", "extra"),
    [
        ("asr", "vosk", "vosk", "vosk"),
        ("asr", "sherpa-onnx", "sherpa_onnx", "sherpa"),
        ("vad", "webrtc", "webrtcvad", "webrtcvad"),
        ("vad", "silero-onnx", "onnxruntime", "onnx"),
    ],
)
def test_an_engine_that_is_not_installed_says_what_to_install(
    kind: str, name: str, module: str, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.setattr("posewire.voice.asr.vosk.find_spec", lambda _: None)
    monkeypatch.setattr("posewire.voice.asr.sherpa.find_spec", lambda _: None)
    settings = VoiceSettings(providers={kind: {name: {"model_path": __file__} if "onnx" in name else {}}})
    with pytest.raises(ProviderError, match=rf"posewire\[{extra}\]"):
        load_provider(kind, name, settings, SENTENCES)  # type: ignore[arg-type]


def test_what_is_not_configured_is_not_imported() -> None:
    import subprocess

    code = (
        "import sys\n"
        "from posewire.voice.assistant import Assistant\n"
        "from posewire.voice.settings import VoiceSettings\n"
        "Assistant.create(VoiceSettings(tts='none'))\n"
        "print([m for m in ('aiohttp', 'onnxruntime', 'torch', 'vosk', 'posewire.voice.protocols.wyoming') "
        "if m in sys.modules])"
    )
    path = str(Path(providers.__file__).parent.parent.parent)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env={"PYTHONPATH": path})
    assert done.stdout.strip() == "[]", done.stderr


class _Echo:
    """A plug-in's synthesizer."""

    name = "echo"

    def __init__(self, context: providers.ProviderContext) -> None:
        self.section = context.section

    async def speak(self, text: str) -> AsyncIterator[Speech]:
        yield Speech(np.full(len(text), 1, np.int16), 16_000)

    async def close(self) -> None: ...


async def test_a_plug_in_is_a_provider_like_any_other(monkeypatch: pytest.MonkeyPatch) -> None:
    point = EntryPoint("tts.echo", f"{__name__}:_Echo", providers.GROUP)
    broken = EntryPoint("tts.broken", "no_such_module:x", providers.GROUP)
    monkeypatch.setattr(providers, "entry_points", lambda group: [point, broken])
    assert provider_names("tts")[-2:] == ["echo", "broken"]
    voice = load_provider("tts", "echo", VoiceSettings(), SENTENCES)
    assert [len(piece.samples) async for piece in voice.speak("abc")] == [3]
    with pytest.raises(ProviderError, match=r"tts\.broken .* does not load"):
        load_provider("tts", "broken", VoiceSettings(), SENTENCES)


def test_a_provider_that_is_not_there_is_named_with_those_that_are() -> None:
    with pytest.raises(ConfigError, match="there is no 'magic'; there are silero, energy"):
        load_provider("vad", "magic", VoiceSettings(), SENTENCES)
