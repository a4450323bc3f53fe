"""Speech from a program's standard output."""

import asyncio
import base64
import sys

import numpy as np
import pytest

from posewire.errors import ProviderError
from posewire.sound.wav import wav_bytes
from posewire.voice.tts.speech_program import ask_program, run_speech_program

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the programs are shell scripts")


async def test_a_program_that_fails_says_why() -> None:
    with pytest.raises(ProviderError, match="cannot be started"):
        await run_speech_program("/no/such/program", text="x")
    with pytest.raises(ProviderError, match="no such voice"):
        await run_speech_program("/bin/sh", "-c", "echo no such voice >&2; exit 3", text="x")


async def test_a_program_that_floods_its_output_is_stopped() -> None:
    with pytest.raises(ProviderError, match="does not end its output"):
        await run_speech_program("/bin/sh", "-c", "yes", text="x")
    with pytest.raises(ProviderError, match="the output has more than"):
        ask_program("/bin/sh", "-c", "yes")


async def test_speech_counts_when_the_program_leaves_a_child_that_holds_the_pipe() -> None:
    wav = base64.b64encode(wav_bytes(np.zeros(800, np.int16), 16_000)).decode()
    async with asyncio.timeout(10):
        speech = await run_speech_program("/bin/sh", "-c", f"sleep 60 & echo {wav} | base64 -d", text="x")
    assert speech.rate == 16_000
    assert len(speech.samples) == 800


async def test_cancelling_returns_though_a_child_holds_the_pipe() -> None:
    speaking = asyncio.create_task(run_speech_program("/bin/sh", "-c", "sleep 60 & sleep 60", text="x"))
    await asyncio.sleep(0.1)
    speaking.cancel()
    async with asyncio.timeout(10):
        with pytest.raises(asyncio.CancelledError):
            await speaking
