"""Speech from a program's standard output."""

import pytest

from posewire.errors import ProviderError
from posewire.voice.tts.speech_program import run_speech_program


async def test_a_program_that_fails_says_why() -> None:
    with pytest.raises(ProviderError, match="cannot be started"):
        await run_speech_program("/no/such/program", text="x")
    with pytest.raises(ProviderError, match="no such voice"):
        await run_speech_program("/bin/sh", "-c", "echo no such voice >&2; exit 3", text="x")
