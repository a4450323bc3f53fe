"""Speech from a program that writes a WAV file to its standard output."""

import asyncio
import contextlib
import subprocess

from posewire.errors import ProviderError
from posewire.voice.tts.base import Speech
from posewire.wav import read_wav

_TIMEOUT = 20.0


def ask_program(*command: str) -> str:
    """Return the output of a program.

    Raises:
        ProviderError: it does not run, or fails.
    """
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_TIMEOUT, check=True)  # noqa: S603
    except (OSError, subprocess.SubprocessError) as exc:
        raise ProviderError(f"{command[0]} does not run: {exc}") from None
    return done.stdout


async def run_speech_program(*command: str, text: str = "") -> Speech:
    """Run a program with the text on its standard input. Cancelling kills it.

    Raises:
        ProviderError: it cannot be started, fails, takes over 20 s, or writes no WAV.
    """
    pipe = asyncio.subprocess.PIPE
    try:
        process = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe, stderr=pipe)
    except OSError as exc:
        raise ProviderError(f"{command[0]} cannot be started: {exc.strerror}") from None
    try:
        async with asyncio.timeout(_TIMEOUT):
            wav, errors = await process.communicate(text.encode())
    except TimeoutError:
        raise ProviderError(f"{command[0]} took over {_TIMEOUT:.0f} s") from None
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    if process.returncode != 0:
        raise ProviderError(f"{command[0]} failed: {errors.decode(errors='replace').strip()[:200]}")
    try:
        return Speech(*read_wav(wav))
    except ValueError as exc:
        raise ProviderError(f"{command[0]} wrote no speech: {exc}") from None
