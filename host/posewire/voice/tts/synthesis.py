"""The synthesis of sentences: 16 kHz samples at one loudness, cached for the next time."""

import logging
from collections.abc import AsyncIterator, Iterable
from contextlib import aclosing

import numpy as np
from numpy.typing import NDArray

from posewire.errors import ProviderError
from posewire.sound.pcm import SAMPLE_RATE, Pcm, to_int16
from posewire.sound.resampling import Resampler
from posewire.ttl_cache import TtlCache
from posewire.voice.phrase import Phrase, Sound
from posewire.voice.provider_timeout import each_within
from posewire.voice.tts.base import SpeechSynthesizer

_log = logging.getLogger(__name__)

_PEAK = 23197
"""-3 dB below full scale."""

_MAX_GAIN = 8.0
_QUIET = 200
"""A piece with a lower peak says nothing about the loudness of the voice."""

_LEVEL_SAMPLES = SAMPLE_RATE * 3 // 10
"""A first piece of 300 ms has a peak that tells the loudness of the voice."""

_RAMP = 160
"""Samples (10 ms) over which the gain changes, so that it does not click."""

_CACHED_SAMPLES = SAMPLE_RATE * 120
"""Two minutes of audio, about 4 MB."""

_CACHED_SENTENCE = SAMPLE_RATE * 10
"""A longer sentence is unlikely to be spoken again."""


class Synthesis:
    """Synthesizes sentences and caches them; shared by all voice sessions."""

    def __init__(self, engine: SpeechSynthesizer, ttl: float = 86_400.0, piece_within: float = 60.0) -> None:
        self.engine = engine
        self._piece_within = piece_within
        self.cache: TtlCache[str, Phrase] = TtlCache(_CACHED_SAMPLES, ttl, lambda phrase: len(phrase.samples))
        self._gain = 1.0

    async def fill_cache(self, sentences: Iterable[str]) -> None:
        """Synthesize sentences that will be spoken often, one after the other; stop at the first that fails."""
        try:
            for sentence in sentences:
                async for _ in self.synthesize(sentence):
                    pass
        except ProviderError as exc:
            _log.warning("fixed phrases are not prepared: %s", exc)

    async def synthesize(self, sentence: str) -> AsyncIterator[Sound]:
        """Yield the audio of a sentence (16 kHz, mono) as it is made; of one that is known, all at once.

        Raises:
            ProviderError: the engine failed.
        """
        known = self.cache.get(sentence)
        if known is not None:
            yield known
            return
        parts: list[Pcm] = []
        level = Level(self._gain)
        resampler: Resampler[np.float32] | None = None
        bounded = each_within(self.engine.speak(sentence), self._piece_within, self.engine.name)
        async with aclosing(bounded) as pieces:  # type: ignore[type-var]
            async for piece in pieces:
                if resampler is None:
                    resampler = Resampler(piece.rate, SAMPLE_RATE, np.float32, "HQ")
                samples = resampler.push(piece.samples.astype(np.float32))
                if len(samples):
                    parts.append(level.apply(samples))
                    yield parts[-1]
        if resampler is not None and len(tail := resampler.flush()):
            parts.append(level.apply(tail))
            yield parts[-1]
        self._gain = level.fitting
        whole = np.concatenate(parts) if parts else np.empty(0, np.int16)
        if 0 < len(whole) <= _CACHED_SENTENCE:
            self.cache.put(sentence, Phrase(whole))


class Level:
    """Brings the peaks of a voice to -3 dBFS while it is made; it amplifies at most eightfold, because of the noise.

    It begins with the gain of the sentence before, unless the first piece is long enough to tell its own. After that
    the gain only falls, where a piece would be too loud: a voice must not swell while it speaks.
    """

    def __init__(self, gain: float = 1.0) -> None:
        self.fitting = gain
        """The gain that fits all pieces so far."""

        self._gain = gain
        self._begun = False
        self._loudest = 0.0

    def apply(self, samples: NDArray[np.float32]) -> Pcm:
        """Return a piece at the common level."""
        before = self._gain
        self._loudest = max(self._loudest, float(np.abs(samples).max(initial=0.0)))
        if self._loudest > _QUIET:
            self.fitting = min(_MAX_GAIN, _PEAK / self._loudest)
            long_enough = not self._begun and len(samples) >= _LEVEL_SAMPLES
            self._gain = self.fitting if long_enough else min(before, self.fitting)
        gains = np.full(len(samples), self._gain, np.float32)
        if self._begun and before != self._gain:
            ramp = min(_RAMP, len(samples))
            gains[:ramp] = np.linspace(before, self._gain, ramp, dtype=np.float32)
        self._begun = True
        return to_int16(samples * gains)
