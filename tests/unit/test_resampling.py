"""Streams and recordings at another rate."""

import numpy as np
import pytest

from posewire.sound.pcm import Pcm
from posewire.sound.resampling import Resampler, resample


def tone(rate: int, seconds: float = 1.0, hertz: float = 440.0) -> Pcm:
    return (10_000 * np.sin(2 * np.pi * hertz * np.arange(round(rate * seconds)) / rate)).astype(np.int16)


def loudest_hertz(pcm: Pcm, rate: int) -> float:
    return float(np.fft.rfftfreq(len(pcm), 1 / rate)[np.abs(np.fft.rfft(pcm)).argmax()])


@pytest.mark.parametrize(("source", "target"), [(24_000, 16_000), (16_000, 24_000), (8000, 48_000), (44_100, 16_000)])
def test_a_stream_keeps_its_pitch_and_its_length(source: int, target: int) -> None:
    resampler = Resampler(source, target, np.int16)
    pcm = tone(source)
    parts = [resampler.push(pcm[start : start + 441]) for start in range(0, len(pcm), 441)]
    whole = np.concatenate([*parts, resampler.flush()])
    assert len(whole) == pytest.approx(target, abs=2)
    assert loudest_hertz(whole, target) == pytest.approx(440, abs=1)
    assert loudest_hertz(resample(pcm, source, target), target) == pytest.approx(440, abs=1)


def test_a_rate_that_is_right_passes_through() -> None:
    pcm = tone(16_000)
    resampler = Resampler(16_000, 16_000, np.int16)
    assert resampler.push(pcm) is pcm
    assert len(resampler.flush()) == 0
    assert resample(pcm, 16_000, 16_000) is pcm


def test_nothing_of_one_stream_is_in_the_next() -> None:
    used, fresh = (Resampler(24_000, 16_000, np.int16) for _ in range(2))
    for end in (used.flush, used.clear):
        used.push(tone(24_000))
        end()
        assert np.array_equal(used.push(tone(24_000, 0.3)), fresh.push(tone(24_000, 0.3)))
        used.clear()
        fresh.clear()
