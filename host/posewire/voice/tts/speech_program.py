"""Speech from a program that writes a WAV file to its standard output."""

from posewire.child_process import run_program, run_program_blocking
from posewire.errors import ProviderError
from posewire.sound.wav import read_wav
from posewire.voice.tts.base import Speech

_TIMEOUT = 20.0
_MAX_SPEECH = 16 * 1024 * 1024
"""Longest output for a sentence, in bytes: three minutes at 44.1 kHz."""

_MAX_ANSWER = 1024 * 1024


def ask_program(*command: str) -> str:
    """Return the output of a program.

    Raises:
        ProviderError: it does not run, fails, takes over 20 s, or writes over 1 MB.
    """
    try:
        done = run_program_blocking(*command, within=_TIMEOUT, max_output=_MAX_ANSWER)
    except TimeoutError:
        raise ProviderError(f"{command[0]} took over {_TIMEOUT:.0f} s") from None
    except (OSError, ValueError) as exc:
        raise ProviderError(f"{command[0]} does not run: {exc}") from None
    if done.returncode != 0:
        raise ProviderError(f"{command[0]} does not run: {_short(done.stderr) or f'exit code {done.returncode}'}")
    return done.stdout.decode(errors="replace")


async def run_speech_program(*command: str, text: str = "") -> Speech:
    """Run a program with the text on its standard input. Cancelling kills it.

    Raises:
        ProviderError: it cannot be started, fails, takes over 20 s, writes over 16 MB, or no WAV.
    """
    try:
        done = await run_program(*command, text=text.encode(), within=_TIMEOUT, max_output=_MAX_SPEECH)
    except TimeoutError:
        raise ProviderError(f"{command[0]} took over {_TIMEOUT:.0f} s") from None
    except OSError as exc:
        raise ProviderError(f"{command[0]} cannot be started: {exc.strerror}") from None
    except ValueError as exc:
        raise ProviderError(f"{command[0]} does not end its output: {exc}") from None
    if done.returncode != 0:
        raise ProviderError(f"{command[0]} failed: {_short(done.stderr)}")
    try:
        return Speech(*read_wav(done.stdout))
    except ValueError as exc:
        raise ProviderError(f"{command[0]} wrote no speech: {exc}") from None


def _short(errors: bytes) -> str:
    return errors.decode(errors="replace").strip()[:200]
