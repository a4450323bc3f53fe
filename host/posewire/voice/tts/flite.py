"""Flite as a program: English, small, 16 kHz, voices made from recorded speech."""

import shutil
import sys

from posewire.errors import ProviderError
from posewire.voice.providers import ProviderContext
from posewire.voice.tts.base import SentenceSynthesizer, Speech
from posewire.voice.tts.speech_program import ask_program, run_speech_program

_VOICE = "slt"


def make(context: ProviderContext) -> "FliteProgram":
    """Make the provider."""
    return FliteProgram(context.settings.tts_voice, context.settings.tts_rate)


class FliteProgram(SentenceSynthesizer):
    """Runs ``flite`` once a sentence.

    Raises:
        ProviderError: the program is not installed, or has no such voice.
    """

    def __init__(self, voice: str, rate: float) -> None:
        program = shutil.which("flite")
        if program is None or sys.platform == "win32":
            raise ProviderError('flite is not installed: "apt install flite" or "brew install flite"')
        self._program = program
        voices = _voices(program)
        # The rate and the default voice differ between builds: the list tells the voices of this one.
        chosen = voice or (_VOICE if _VOICE in voices else voices[0])
        if chosen not in voices:
            raise ProviderError(f"flite has no voice {chosen!r}; it has {', '.join(voices)}")
        self._options = ("-voice", chosen, "--setf", f"duration_stretch={1 / rate:.3f}")
        self.name = f"flite ({chosen})"

    async def synthesize(self, text: str) -> Speech:
        """Return the audio of one sentence. Cancelling kills the program.

        Raises:
            ProviderError: the program failed.
        """
        # As an argument: flite does not read its text from a pipe.
        return await run_speech_program(self._program, *self._options, "-t", text, "-o", "/dev/stdout")

    async def close(self) -> None:
        """Do nothing: the program runs only during a sentence."""


def _voices(program: str) -> list[str]:
    voices = ask_program(program, "-lv").partition(":")[2].split()
    if not voices:
        raise ProviderError("flite has no voices")
    return voices
