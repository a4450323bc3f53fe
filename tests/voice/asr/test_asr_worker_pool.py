"""The worker processes: they are replaced, closed, and never hold up the event loop."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from posewire.errors import ProviderError
from posewire.voice.asr.base import AcousticProfile
from posewire.voice.asr.grammar import Grammar
from posewire.voice.asr.worker_pool import WorkerPool
from posewire.voice.commands.sentences_file import load_sentences
from support.programs.sphinx import recognise, sphinx
from support.recordings import as_spoken, recording
from support.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="module")
SENTENCES = load_sentences()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def recognizer() -> AsyncIterator[WorkerPool]:
    made = sphinx(Grammar(SENTENCES))
    yield made
    await made.close()


async def test_a_cancelled_utterance_gives_its_decoder_back(recognizer: WorkerPool) -> None:
    recognizer.prepare()
    await eventually(lambda: bool(recognizer.pids()))
    before = asyncio.all_tasks()
    for _ in range(6):
        utterance = recognizer.utterance(AcousticProfile())
        utterance.feed(recording("numbers"))
        await asyncio.sleep(0)
        utterance.cancel()
    await eventually(lambda: asyncio.all_tasks() <= before)
    transcript = await recognise(recognizer, as_spoken("goforward"))
    assert transcript.text == "go forward ten meters"


async def test_a_worker_that_is_killed_is_replaced_and_nobody_notices(recognizer: WorkerPool) -> None:
    utterance = recognizer.utterance(AcousticProfile())
    utterance.feed(recording("goforward")[:20000])
    await eventually(lambda: bool(recognizer.pids()))
    os.kill(recognizer.pids()[0], signal.SIGKILL)
    utterance.feed(recording("goforward")[20000:])
    assert (await utterance.finish()).text == "go forward ten meters"
    assert recognizer.restarts == 1


async def test_a_worker_that_hangs_is_noticed_and_its_utterances_are_moved(recognizer: WorkerPool) -> None:
    before = recognizer.restarts
    await recognise(recognizer, as_spoken("goforward"))
    began = time.monotonic()
    utterances = [recognizer.utterance(AcousticProfile()) for _ in range(2)]
    os.kill(recognizer.pids()[0], signal.SIGSTOP)
    for utterance in utterances:
        utterance.feed(recording("goforward"))
    async with asyncio.timeout(30):
        transcripts = await asyncio.gather(*(utterance.finish() for utterance in utterances))
    assert [transcript.text for transcript in transcripts] == ["go forward ten meters"] * 2
    assert recognizer.restarts == before + 1
    assert time.monotonic() - began < 20


async def test_a_hung_worker_does_not_hold_up_the_end() -> None:
    made = sphinx(Grammar(SENTENCES))
    made.prepare()
    await eventually(lambda: bool(made.pids()))
    pid = made.pids()[0]
    os.kill(pid, signal.SIGSTOP)
    async with asyncio.timeout(10):
        await made.close()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


async def test_the_event_loop_does_not_wait_for_the_decoder(recognizer: WorkerPool) -> None:
    utterances = [recognizer.utterance(AcousticProfile()) for _ in range(4)]
    for utterance in utterances:
        utterance.feed(recording("numbers"))
    steps = 0
    waiting = asyncio.gather(*(utterance.finish() for utterance in utterances))
    while not waiting.done():
        await asyncio.sleep(0.001)
        steps += 1
    # In a thread of this process the decoder would hold the interpreter's lock for most of this time.
    assert steps > 100
    await waiting


async def test_a_recogniser_that_is_closed_leaves_no_process_and_says_so() -> None:
    before = asyncio.all_tasks()
    recognizer = sphinx(Grammar(SENTENCES))
    utterance = recognizer.utterance(AcousticProfile())
    utterance.feed(recording("goforward"))
    await eventually(lambda: bool(recognizer.pids()))
    pid = recognizer.pids()[0]
    await recognizer.close()
    with pytest.raises(ProviderError):
        await utterance.finish()
    with pytest.raises(ProviderError, match="closed"):
        recognizer.utterance(AcousticProfile())
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    await eventually(lambda: asyncio.all_tasks() <= before)
