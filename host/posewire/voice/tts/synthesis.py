"""From a sentence to 16 kHz samples at one loudness, remembered where it was said before."""

import logging
from collections.abc import AsyncIterator, Iterable
from contextlib import aclosing

import numpy as np
import soxr
from numpy.typing import NDArray

from posewire.errors import ProviderError
from posewire.ttl_cache import TtlCache
from posewire.voice.llm.sentence_splitter import split_sentences
from posewire.voice.tts.base import SpeechSynthesizer
from posewire.voice.vad.base import SAMPLE_RATE

_log = logging.getLogger(__name__)

Pcm = NDArray[np.int16]

_PEAK = 23197
"""-3 dB below full scale."""

_MAX_GAIN = 8.0
_QUIET = 200
"""Below this peak a piece says nothing about how loud the voice is."""

_TELLING = 4800
"""A first piece of 300 ms has a peak that says how loud the voice is."""

_RAMP = 160
"""Samples (10 ms) over which the gain changes, so that it does not click."""

_CACHED_SAMPLES = 16_000 * 120
"""Two minutes of sentences, about 4 MB."""

_CACHED_PIECE = 16_000 * 10
"""A longer sentence is not one that will be said again."""


class Speaker:
    """Synthesizes sentences and remembers them; shared by all sessions."""

    def __init__(self, engine: SpeechSynthesizer, ttl: float = 86_400.0) -> None:
        self.engine = engine
        self.cache: TtlCache[str, Pcm] = TtlCache(_CACHED_SAMPLES, ttl, len)
        self._gain = 1.0

    async def warm(self, phrases: Iterable[str]) -> None:
        """Make the audio of what will be said often, one after the other; stops at the first that fails."""
        for phrase in phrases:
            for sentence in split_sentences(phrase):
                try:
                    async for _ in self.say(sentence):
                        pass
                except ProviderError as exc:
                    _log.warning("fixed phrases are not prepared: %s", exc)
                    return

    async def say(self, sentence: str) -> AsyncIterator[Pcm]:
        """Yield the audio of a sentence (16 kHz, mono) as it is made.

        Raises:
            ProviderError: the engine failed.
        """
        known = self.cache.get(sentence)
        if known is not None:
            yield known
            return
        parts: list[Pcm] = []
        level, resampler = Level(self._gain), None
        async with aclosing(self.engine.speak(sentence)) as pieces:  # type: ignore[type-var]
            async for piece in pieces:
                samples = piece.samples.astype(np.float32)
                if piece.rate != SAMPLE_RATE:
                    resampler = resampler or soxr.ResampleStream(
                        piece.rate, SAMPLE_RATE, 1, dtype="float32", quality="HQ"
                    )
                    samples = resampler.resample_chunk(samples)
                if len(samples):
                    parts.append(level.apply(samples))
                    yield parts[-1]
        if resampler is not None and len(tail := resampler.resample_chunk(np.empty(0, np.float32), last=True)):
            parts.append(level.apply(tail))
            yield parts[-1]
        self._gain = level.fitting
        whole = np.concatenate(parts) if parts else np.empty(0, np.int16)
        if 0 < len(whole) <= _CACHED_PIECE:
            self.cache.put(sentence, whole)


class Level:
    """Brings the peaks of a voice to -3 dBFS while it is still being made; noise is not blown up over eightfold.

    Begins with the gain that fitted the sentence before, unless the first piece is long enough to tell. After that the
    gain only falls, where a piece would be too loud: a voice must not swell while it speaks.
    """

    def __init__(self, gain: float = 1.0) -> None:
        self.fitting = gain
        """The gain that fits all that was heard so far."""

        self._gain = gain
        self._begun = False
        self._loudest = 0.0

    def apply(self, samples: NDArray[np.float32]) -> Pcm:
        """Return a piece at its level."""
        before = self._gain
        self._loudest = max(self._loudest, float(np.abs(samples).max(initial=0.0)))
        if self._loudest > _QUIET:
            self.fitting = min(_MAX_GAIN, _PEAK / self._loudest)
            tells = not self._begun and len(samples) >= _TELLING
            self._gain = self.fitting if tells else min(before, self.fitting)
        gains = np.full(len(samples), self._gain, np.float32)
        if self._begun and before != self._gain:
            ramp = min(_RAMP, len(samples))
            gains[:ramp] = np.linspace(before, self._gain, ramp, dtype=np.float32)
        self._begun = True
        return np.clip(np.round(samples * gains), -32768, 32767).astype(np.int16)
