"""eSpeak NG (or the older eSpeak) as a program: over a hundred languages, robotic, everywhere.

It runs as a program, not as a library in this process: eSpeak NG is GPL-3.
"""

import re
import shutil

from posewire.errors import ProviderError
from posewire.voice.providers import ProviderContext
from posewire.voice.tts.base import SentenceSynthesizer, Speech
from posewire.voice.tts.speech_program import ask_program, run_speech_program

WORDS_PER_MINUTE = 165
VOICE = "en-us"


def make(context: ProviderContext) -> "EspeakProgram":
    """Make the provider."""
    return EspeakProgram(context.settings.tts_voice, context.settings.tts_rate)


class EspeakProgram(SentenceSynthesizer):
    """Runs ``espeak-ng`` (or ``espeak``) once a sentence.

    Raises:
        ProviderError: neither program is installed, or it does not run.
    """

    def __init__(self, voice: str, rate: float) -> None:
        program = shutil.which("espeak-ng") or shutil.which("espeak")
        if program is None:
            raise ProviderError(
                'espeak-ng is not installed: "apt install espeak-ng", "brew install espeak-ng", '
                'or "pip install posewire[espeak]"'
            )
        version = re.search(r"\d+\.\d+[.\d]*", ask_program(program, "--version"))
        self.name = f"espeak-ng {version[0] if version else ''}".strip()
        words = str(round(WORDS_PER_MINUTE * rate))
        self._command = (program, "-v", voice or VOICE, "-s", words, "-b", "1", "--stdin", "--stdout")

    async def synthesize(self, text: str) -> Speech:
        """Return the audio of one sentence. Cancelling kills the program.

        Raises:
            ProviderError: the program failed.
        """
        return await run_speech_program(*self._command, text=text)

    async def close(self) -> None:
        """Do nothing: the program runs only during a sentence."""
