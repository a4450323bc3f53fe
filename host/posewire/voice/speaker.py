"""From a reply's text to 16 kHz samples at one loudness: sentence by sentence, the next one made while one plays."""

import asyncio
import re
from collections import OrderedDict
from collections.abc import AsyncIterator

import numpy as np
import soxr
from numpy.typing import NDArray

from posewire.voice.tts import Speech, SpeechSynthesizer
from posewire.voice.vad import SAMPLE_RATE

_PEAK = 23197
"""-3 dB below full scale."""

_MAX_GAIN = 8.0
_CACHED_SAMPLES = 16_000 * 120
"""Two minutes of sentences, about 4 MB."""

_SENTENCE_END = re.compile(r"(?<=[.!?])\s+")


class Speaker:
    """Synthesizes sentences and remembers them; shared by all sessions."""

    def __init__(self, engine: SpeechSynthesizer) -> None:
        self.engine = engine
        self._cache: OrderedDict[str, NDArray[np.int16]] = OrderedDict()
        self._cached = 0

    async def say(self, text: str) -> AsyncIterator[tuple[str, NDArray[np.int16]]]:
        """Yield each sentence with its audio (16 kHz, mono).

        Raises:
            ProviderError: the engine failed.
        """
        sentences = split_sentences(text)
        following: asyncio.Task[NDArray[np.int16]] | None = None
        try:
            for number, sentence in enumerate(sentences):
                pcm = await (following or self._sentence(sentence))
                following = None
                if number + 1 < len(sentences):
                    following = asyncio.create_task(self._sentence(sentences[number + 1]))
                yield sentence, pcm
        finally:
            if following is not None:
                following.cancel()

    async def _sentence(self, text: str) -> NDArray[np.int16]:
        known = self._cache.get(text)
        if known is not None:
            self._cache.move_to_end(text)
            return known
        pcm = at_level(await self.engine.synthesize(text))
        if text not in self._cache:
            self._cache[text] = pcm
            self._cached += len(pcm)
        while self._cached > _CACHED_SAMPLES:
            self._cached -= len(self._cache.popitem(last=False)[1])
        return pcm


def split_sentences(text: str) -> list[str]:
    """Cut a text after full stops, question and exclamation marks."""
    return [sentence for sentence in _SENTENCE_END.split(text.strip()) if sentence]


def at_level(speech: Speech) -> NDArray[np.int16]:
    """Resample to 16 kHz and bring the peak to -3 dBFS (quiet noise is not blown up more than eightfold)."""
    samples = speech.samples.astype(np.float32)
    if speech.rate != SAMPLE_RATE:
        samples = soxr.resample(samples, speech.rate, SAMPLE_RATE, quality="HQ")
    peak = float(np.abs(samples).max(initial=1.0))
    return np.round(samples * min(_MAX_GAIN, _PEAK / peak)).astype(np.int16)
