"""The segmenter on written probabilities: which events a stream has, and what belongs to an utterance."""

import asyncio
from contextlib import aclosing

from posewire.sound.pcm import Pcm
from posewire.voice.asr.base import AcousticProfile
from posewire.voice.audio_inbox import AudioInbox
from posewire.voice.settings import VoiceSettings
from posewire.voice.speech_segmenter import (
    IdleTooLong,
    NothingSaid,
    PartialText,
    SpeechEvent,
    SpeechSegmenter,
    SpeechStarted,
    UtteranceEnded,
)
from posewire.voice.vad.base import VAD_FRAME
from posewire.voice.vad.batches import VadBatches
from posewire.wire.messages import ListenMode
from support.scripted import ScriptedRecognizer, ScriptedVad, samples_of_probability

SPEECH, PAUSE = [90] * 20, [0] * 40
SETTINGS = VoiceSettings(end_silence_ms=320, idle_goodbye_s=3)


async def events_of(
    mode: ListenMode, pcm: Pcm, recognizer: ScriptedRecognizer | None = None, replying: bool = False, size: int = 960
) -> list[SpeechEvent]:
    """All events of a stream that is fed at once and then stopped; without the partial texts."""
    inbox = AudioInbox()
    for start in range(0, len(pcm), size):
        inbox.put(pcm[start : start + size])
    inbox.end()
    segmenter = SpeechSegmenter(
        SETTINGS, VadBatches(ScriptedVad()), recognizer or ScriptedRecognizer(), AcousticProfile()
    )
    async with aclosing(segmenter.events(mode, inbox, lambda: replying)) as events:
        return [event async for event in events if not isinstance(event, PartialText)]


async def test_silence_ends_an_utterance_in_auto_mode_and_the_stream_with_it() -> None:
    started, ended = await events_of("auto", samples_of_probability(*SPEECH, *PAUSE, *SPEECH))
    assert started == SpeechStarted()
    assert isinstance(ended, UtteranceEnded)
    assert (ended.endpoint_ms, ended.speech_frames, ended.stopped) == (320, 20, False)


async def test_a_pause_does_not_end_the_utterance_in_manual_mode() -> None:
    recognizer = ScriptedRecognizer()
    pcm = samples_of_probability(*SPEECH, *PAUSE, *SPEECH)
    _, ended = await events_of("manual", pcm, recognizer)
    assert isinstance(ended, UtteranceEnded)
    assert (ended.speech_frames, ended.stopped) == (40, True)
    (utterance,) = recognizer.utterances
    assert sum(map(len, utterance.heard)) == len(pcm)


async def test_realtime_mode_has_one_utterance_after_another() -> None:
    kinds = [type(event) for event in await events_of("realtime", samples_of_probability(*SPEECH, *PAUSE, *SPEECH))]
    assert kinds == [SpeechStarted, UtteranceEnded, SpeechStarted, UtteranceEnded]


async def test_a_stream_without_speech_is_told() -> None:
    for mode in ("auto", "manual", "realtime"):
        assert await events_of(mode, samples_of_probability(0, 10, 0)) == [NothingSaid()]  # type: ignore[arg-type]


async def test_nobody_who_speaks_for_long_is_told_but_not_while_a_reply_runs_or_in_manual_mode() -> None:
    almost, long = (samples_of_probability(*[0] * count) for count in (3 * 16_000 // VAD_FRAME, 100))
    assert await events_of("auto", almost) == [NothingSaid()]
    assert await events_of("auto", long) == [IdleTooLong()]
    assert await events_of("auto", long, replying=True) == [NothingSaid()]
    assert await events_of("manual", long) == [NothingSaid()]


async def test_the_last_samples_belong_to_the_utterance_though_they_fill_no_frame() -> None:
    recognizer = ScriptedRecognizer()
    await events_of("manual", samples_of_probability(*SPEECH)[:-200], recognizer, size=100)
    (utterance,) = recognizer.utterances
    assert sum(map(len, utterance.heard)) == 20 * VAD_FRAME
    assert not utterance.heard[-1][-200:].any()


async def test_partial_texts_come_while_somebody_speaks() -> None:
    inbox = AudioInbox()
    inbox.put(samples_of_probability(*SPEECH))
    segmenter = SpeechSegmenter(SETTINGS, VadBatches(ScriptedVad()), ScriptedRecognizer(), AcousticProfile())
    async with aclosing(segmenter.events("auto", inbox, lambda: False)) as events:
        assert await anext(events) == SpeechStarted()
        assert await anext(events) == PartialText("3 frames")
        assert await anext(events) == PartialText("4 frames")


async def test_a_listening_that_is_cancelled_cancels_its_utterance() -> None:
    recognizer, inbox = ScriptedRecognizer(), AudioInbox()
    segmenter = SpeechSegmenter(SETTINGS, VadBatches(ScriptedVad()), recognizer, AcousticProfile())
    speaking = asyncio.Event()

    async def listen() -> None:
        async with aclosing(segmenter.events("auto", inbox, lambda: False)) as events:
            async for _ in events:
                speaking.set()

    inbox.put(samples_of_probability(*SPEECH))
    listening = asyncio.create_task(listen())
    await speaking.wait()
    listening.cancel()
    await asyncio.wait([listening])
    assert recognizer.utterances[0].cancelled
