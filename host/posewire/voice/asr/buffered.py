"""Recognisers that take an utterance as a whole: it is collected while it is spoken, and sent off at its end."""

import asyncio
import io
import wave
from collections.abc import Awaitable, Callable

import numpy as np
from numpy.typing import NDArray

from posewire.voice.asr.base import Transcript
from posewire.voice.vad.base import SAMPLE_RATE

_MAX_SAMPLES = SAMPLE_RATE * 60


class WholeUtterance:
    """Collects at most a minute (what comes after that is not heard); an ``Utterance``."""

    partial = ""

    def __init__(self, recognise: Callable[[NDArray[np.int16]], Awaitable[str]]) -> None:
        self._recognise = recognise
        self._parts: list[NDArray[np.int16]] = []
        self._size = 0
        self._work: asyncio.Task[str] | None = None
        self._cancelled = False

    def feed(self, pcm: NDArray[np.int16]) -> None:
        """Take 16 kHz mono samples; returns at once."""
        if self._size + len(pcm) <= _MAX_SAMPLES:
            self._parts.append(pcm)
            self._size += len(pcm)

    async def finish(self) -> Transcript:
        """Have it recognised.

        Raises:
            ProviderError: the engine failed.
        """
        if self._cancelled or not self._size:
            return Transcript("", accepted=False)
        self._work = asyncio.ensure_future(self._recognise(np.concatenate(self._parts)))
        try:
            text = " ".join((await self._work).split())
        finally:
            self._work.cancel()
        return Transcript(text, accepted=bool(text))

    def cancel(self) -> None:
        """Stop at once."""
        self._cancelled = True
        self._parts.clear()
        if self._work is not None:
            self._work.cancel()


def as_wav(pcm: NDArray[np.int16]) -> bytes:
    """Return 16 kHz mono samples as a WAV file."""
    file = io.BytesIO()
    with wave.open(file, "wb") as wav:
        wav.setnchannels(1)
        wav.setsampwidth(2)
        wav.setframerate(SAMPLE_RATE)
        wav.writeframes(pcm.astype("<i2", copy=False).tobytes())
    return file.getvalue()
