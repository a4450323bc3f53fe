"""Utterances that are recognised as a whole."""

import asyncio

import numpy as np
import pytest

from posewire.sound.pcm import Pcm
from posewire.voice.asr.buffered import BufferedUtterance
from support.recordings import silence


async def test_everything_up_to_a_minute_is_recognised_at_once() -> None:
    heard: list[Pcm] = []

    async def recognise(pcm: Pcm) -> str:
        heard.append(pcm)
        return "  Turn on\nthe light. "

    utterance = BufferedUtterance(recognise)
    for second in range(70):
        utterance.feed(np.full(16_000, second, np.int16))
    transcript = await utterance.finish()
    assert (transcript.text, transcript.accepted) == ("Turn on the light.", True)
    assert [len(pcm) for pcm in heard] == [60 * 16_000]
    assert heard[0][-1] == 59


async def test_nothing_is_sent_of_an_empty_or_cancelled_utterance() -> None:
    async def recognise(_: Pcm) -> str:
        pytest.fail("it was sent")

    for empty in (True, False):
        utterance = BufferedUtterance(recognise)
        if not empty:
            utterance.feed(silence(1))
            utterance.cancel()
        assert not (await utterance.finish()).accepted


async def test_cancelling_stops_the_request() -> None:
    asked, stopped = asyncio.Event(), asyncio.Event()

    async def recognise(_: Pcm) -> str:
        asked.set()
        try:
            await asyncio.Event().wait()
        finally:
            stopped.set()
        return ""

    utterance = BufferedUtterance(recognise)
    utterance.feed(silence(1))
    finishing = asyncio.create_task(utterance.finish())
    await asked.wait()
    utterance.cancel()
    with pytest.raises(asyncio.CancelledError):
        await finishing
    assert stopped.is_set()
