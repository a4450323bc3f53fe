"""Speech from a program that writes a WAV file to its standard output."""

import asyncio
import contextlib
import subprocess

import numpy as np

from posewire.errors import ProviderError
from posewire.voice.tts.base import Speech

_TIMEOUT = 20.0


def ask_program(*command: str) -> str:
    """Return what a program prints.

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
            wav, complaint = await process.communicate(text.encode())
    except TimeoutError:
        raise ProviderError(f"{command[0]} took over {_TIMEOUT:.0f} s") from None
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    if process.returncode != 0:
        raise ProviderError(f"{command[0]} failed: {complaint.decode(errors='replace').strip()[:200]}")
    return read_wav(wav, command[0])


def read_wav(wav: bytes, source: str) -> Speech:
    """Take the samples out of a WAV file; its length fields are ignored, because a pipe's writer cannot know them.

    Raises:
        ProviderError: not a mono 16-bit WAV.
    """
    mono16 = (b"\x01\x00\x01\x00", b"\x10\x00")
    position, rate = 12, 0
    while wav[:4] == b"RIFF" and position + 8 <= len(wav):
        kind, size = wav[position : position + 4], int.from_bytes(wav[position + 4 : position + 8], "little")
        body = position + 8
        if kind == b"fmt " and (wav[body : body + 4], wav[body + 14 : body + 16]) == mono16:
            rate = int.from_bytes(wav[body + 4 : body + 8], "little")
        elif kind == b"data" and rate:
            length = min(size, len(wav) - body) // 2
            return Speech(np.frombuffer(wav, "<i2", length, body).astype(np.int16), rate)
        position = body + size + size % 2
    raise ProviderError(f"{source} wrote no mono 16-bit WAV")
