"""The synthesis of sentences: one rate, one loudness, cached."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from posewire.voice.phrase import samples_of
from posewire.voice.tts.base import SentenceSynthesizer, Speech
from posewire.voice.tts.espeak_lib import EspeakLibrary
from posewire.voice.tts.synthesis import Level, Synthesis


async def test_loudness_and_rate_are_the_same_for_all() -> None:
    synthesis = Synthesis(EspeakLibrary("", 1.0))
    for text in ("The light is on.", "It is blue!", "That was all of it, I think."):
        pcm = np.concatenate([samples_of(sound) async for sound in synthesis.synthesize(text)])
        assert pcm.dtype == np.int16
        assert np.abs(pcm.astype(int)).max() == pytest.approx(32768 * 10 ** (-3 / 20), rel=0.01)
    await synthesis.engine.close()


class Counting(SentenceSynthesizer):
    """An engine that counts what it is asked for."""

    name = "counting"

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def synthesize(self, text: str) -> Speech:
        self.asked.append(text)
        return Speech(np.full(16_000 * 10, 1000, np.int16), 16_000)

    async def close(self) -> None: ...


async def test_a_sentence_is_synthesized_once_and_the_oldest_forgotten() -> None:
    counting = Counting()
    synthesis = Synthesis(counting)
    for text in ("One.", "One.", "Two.", "One.", *map(str, range(11)), "Two.", "One."):
        async for _ in synthesis.synthesize(text):
            pass
    # 10 s each, two minutes are kept: the last of the numbers drove out "Two.", used longest ago.
    assert [text for text in counting.asked if not text.isdigit()] == ["One.", "Two.", "Two.", "One."]
    assert (synthesis.cache.counts.hits, synthesis.cache.size) == (2, 16_000 * 120)


@given(st.lists(st.lists(st.integers(-32768, 32767), max_size=400), min_size=1, max_size=5))
def test_any_audio_is_brought_to_level_without_clipping(pieces: list[list[int]]) -> None:
    level = Level()
    for samples in pieces:
        pcm = level.apply(np.array(samples, np.float32))
        # A piece that is suddenly louder takes the gain down within 10 ms.
        assert np.abs(pcm[160:].astype(int)).max(initial=0) <= 23198
