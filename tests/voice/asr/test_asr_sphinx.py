"""PocketSphinx on recordings: it understands commands, rejects other speech, and shares its decoders."""

import asyncio
from collections.abc import AsyncIterator, Callable

import numpy as np
import pytest
import pytest_asyncio

from posewire.errors import ConfigError
from posewire.sound.pcm import Pcm
from posewire.voice.asr import pocketsphinx as asr_pocketsphinx
from posewire.voice.asr.base import AcousticProfile
from posewire.voice.asr.grammar import Grammar
from posewire.voice.asr.sphinx_decoders import SphinxConfig
from posewire.voice.asr.worker_pool import WorkerPool
from posewire.voice.commands.intents import IntentMatcher
from posewire.voice.commands.sentences_file import load_sentences, merge_sentences
from posewire.wire.adpcm import AdpcmEncoder, adpcm_decode
from support.programs.sphinx import recognise, sphinx
from support.recordings import COMMANDS, OTHERS, as_spoken, recording, silence, text_of

pytestmark = pytest.mark.asyncio(loop_scope="module")
SENTENCES = load_sentences()
MATCHER = IntentMatcher(SENTENCES)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def recognizer() -> AsyncIterator[WorkerPool]:
    made = sphinx(Grammar(SENTENCES))
    yield made
    await made.close()


def as_wired(pcm: Pcm) -> Pcm:
    """Through the codec that boards use."""
    encoder = AdpcmEncoder()
    return np.concatenate([adpcm_decode(encoder.encode(pcm[i : i + 960])) for i in range(0, len(pcm), 960)])


def means_the_same(heard: str, said: str) -> bool:
    found, expected = MATCHER.match(heard), MATCHER.match(said)
    assert expected is not None
    return found is not None and (found.intent.name, found.values) == (expected.intent.name, expected.values)


@pytest.mark.parametrize("wired", [np.copy, as_wired], ids=["pcm", "adpcm"])
async def test_commands_are_understood(recognizer: WorkerPool, wired: Callable[[Pcm], Pcm]) -> None:
    understood = []
    for name in COMMANDS:
        transcript = await recognise(recognizer, wired(as_spoken(name)))
        if transcript.accepted and means_the_same(transcript.text, text_of(name)):
            understood.append(name)
    missed = set(COMMANDS) - set(understood)
    assert len(missed) <= 1, missed


async def test_a_human_is_understood(recognizer: WorkerPool) -> None:
    transcript = await recognise(recognizer, as_wired(as_spoken("goforward")))
    assert transcript.accepted
    assert transcript.text == "go forward ten meters"


async def test_humans_are_understood_with_sentences_of_ones_own() -> None:
    own = """
language: en
intents:
  Errand:
    sentences: ["go (somewhere|nowhere|home) and do (something|nothing|everything)"]
    reply: [Off I go.]
  Drive:
    sentences: ["go (forward|backward) {n} (meter|meters)"]
    reply: [Here I go.]
lists:
  n: {from: 1, to: 100}
"""
    recognizer = sphinx(Grammar(merge_sentences([("own", own)])))
    try:
        for name, said in (("goforward", "go forward ten meters"), ("something", "go somewhere and do something")):
            transcript = await recognise(recognizer, as_wired(as_spoken(name)))
            assert (transcript.accepted, transcript.text) == (True, said)
    finally:
        await recognizer.close()


async def test_speech_that_is_no_command_is_rejected(recognizer: WorkerPool) -> None:
    taken = []
    for name in [*OTHERS, "something", "numbers"]:
        transcript = await recognise(recognizer, as_spoken(name))
        if transcript.accepted and MATCHER.match(transcript.text):
            taken.append((name, transcript))
    assert len(taken) <= 1, taken


async def test_the_result_does_not_depend_on_what_was_heard_before(recognizer: WorkerPool) -> None:
    alone = await recognise(recognizer, as_spoken("goforward"))
    await recognise(recognizer, (as_spoken("numbers") // 8).astype(np.int16))
    assert await recognise(recognizer, as_spoken("goforward")) == alone


@pytest.mark.parametrize("pcm", [silence(0), silence(2)], ids=["nothing", "digital silence"])
async def test_silence_is_no_command(recognizer: WorkerPool, pcm: Pcm) -> None:
    utterance = recognizer.utterance(AcousticProfile())
    utterance.feed(pcm)
    assert not (await utterance.finish()).accepted


async def test_more_utterances_than_decoders_all_get_their_turn(recognizer: WorkerPool) -> None:
    utterances = [recognizer.utterance(AcousticProfile()) for _ in range(5)]
    for utterance in utterances:
        utterance.feed(recording("goforward"))
    texts = [(await utterance.finish()).text for utterance in utterances]
    assert texts == ["go forward ten meters"] * 5


def own(pronunciations: str = "") -> Grammar:
    text = f"intents: {{A: {{sentences: 'hello posewire', reply: ok}}}}\n{pronunciations}"
    return Grammar(merge_sentences([("own.yaml", text)]))


async def test_a_word_without_a_pronunciation_is_named() -> None:
    with pytest.raises(ConfigError, match=r"own\.yaml: intent A: no pronunciation is known for 'posewire'"):
        sphinx(own())


async def test_a_wrong_pronunciation_is_named() -> None:
    with pytest.raises(ConfigError, match="posewire: 'POSE WIRE'"):
        sphinx(own(), {"posewire": "POSE WIRE"})


async def test_a_word_with_its_own_pronunciation_is_taken() -> None:
    await sphinx(own(), {"posewire": "P OW Z W AY R"}).close()


async def test_utterances_beyond_the_decoders_wait_and_the_cancelled_do_not_count() -> None:
    recognizer = sphinx(Grammar(SENTENCES), decoders=1)
    first, second, third = (recognizer.utterance(AcousticProfile()) for _ in range(3))
    for utterance in (first, second, third):
        utterance.feed(recording("goforward"))
    second.cancel()
    transcripts = await asyncio.gather(third.finish(), first.finish())
    assert [transcript.text for transcript in transcripts] == ["go forward ten meters"] * 2
    await recognizer.close()


async def test_dictation_gives_words_while_they_are_spoken() -> None:
    recognizer = asr_pocketsphinx.recognizer(SphinxConfig(1), 1)
    utterance = recognizer.utterance(AcousticProfile())
    utterance.feed(as_spoken("goforward"))
    transcript = await utterance.finish()
    assert transcript.accepted
    assert "forward" in transcript.text
    assert "forward" in utterance.partial
    await recognizer.close()


async def test_a_session_learns_how_its_microphone_sounds(recognizer: WorkerPool) -> None:
    acoustics = AcousticProfile()
    for _ in range(2):
        before = acoustics.learned
        utterance = recognizer.utterance(acoustics)
        utterance.feed(recording("goforward"))
        await utterance.finish()
        assert acoustics.learned not in ("", before)
    learned = acoustics.learned
    utterance = recognizer.utterance(acoustics)
    utterance.feed(recording("goforward")[:4000])
    await utterance.finish()
    assert acoustics.learned == learned  # too short to say anything
