"""Utterances of recognisers that need all of it: collected while it is spoken, and sent when it ends."""

import asyncio
from collections.abc import Awaitable, Callable

import numpy as np

from posewire.sound.pcm import SAMPLE_RATE, Pcm
from posewire.voice.asr.base import Transcript

_MAX_SAMPLES = SAMPLE_RATE * 60


class BufferedUtterance:
    """An ``Utterance`` that collects at most a minute; later samples are ignored."""

    partial = ""

    def __init__(self, recognise: Callable[[Pcm], Awaitable[str]]) -> None:
        self._recognise = recognise
        self._parts: list[Pcm] = []
        self._size = 0
        self._work: asyncio.Task[str] | None = None
        self._cancelled = False

    def feed(self, pcm: Pcm) -> None:
        """Add 16 kHz mono samples; returns at once."""
        if self._size + len(pcm) <= _MAX_SAMPLES:
            self._parts.append(pcm)
            self._size += len(pcm)

    async def finish(self) -> Transcript:
        """Recognise the utterance.

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
        """Stop recognising at once."""
        self._cancelled = True
        self._parts.clear()
        if self._work is not None:
            self._work.cancel()
