"""A voiceprint without a model: statistics of the spectrum and of the pitch, weighted by how steady each is in a voice.

It tells a few people apart who speak into the same microphone in one room, and mistakes others for them: it is not a
lock. docs/privacy.md has the error rates.
"""

import asyncio
from functools import cache
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

from posewire.sound.pcm import SAMPLE_RATE, Pcm
from posewire.voice.providers import ProviderContext
from posewire.voice.voiceprint.base import Vector

_WINDOW, _HOP, _FFT = 400, 160, 512
_MELS, _CEPSTRA = 32, 20
_LOW, _HIGH = 100.0, 7000.0
_QUIET_DB = 30.0
"""Frames this far below the loudest are not speech."""

_SILENT_DB = 70.0
"""Of the energy of a frame: samples of about 16 units."""

_LEAST_FRAMES = 60
"""0.6 s of speech."""

_PITCH_LOW, _PITCH_HIGH = 60, 400
_VOICED = 0.45
_LONGEST = 15 * SAMPLE_RATE
_MOST = 9.0
"""Three deviations: the steadiest measure (a synthetic voice's pitch) would drown out all others."""

THRESHOLD = -0.9
"""Set on synthetic voices that the weights were not made from: see docs/privacy.md."""


def make(context: ProviderContext) -> "SpectralVoiceprint":
    """Make the provider; it has no options."""
    return SpectralVoiceprint()


class SpectralVoiceprint:
    """A ``VoiceprintEngine`` in numpy: about 10 ms for 3 s of speech."""

    name = "spectral"
    threshold = THRESHOLD

    def __init__(self) -> None:
        with np.load(str(files("posewire.voice") / "data" / "voiceprint.npz")) as data:
            self._weights: Vector = data["weights"]

    async def embed(self, pcm: Pcm) -> Vector | None:
        """Return the statistics of the speech in the samples; None for less than 0.6 s."""
        return await asyncio.to_thread(statistics, pcm[:_LONGEST])

    def score(self, one: Vector, other: Vector) -> float:
        """Return the negative mean of the weighted squares of the differences; no single one dominates."""
        return -float(np.mean(np.minimum(((one - other) * self._weights) ** 2, _MOST)))

    async def close(self) -> None:
        """Do nothing: the engine holds no resources."""


def statistics(pcm: Pcm) -> Vector | None:
    """Return means and deviations of 20 cepstra, deviations of their changes, and the pitch's middle and spread.

    Source of the cepstra: Davis and Mermelstein, 1980; HTK's mel scale.
    """
    if len(pcm) < _WINDOW + _HOP * _LEAST_FRAMES:
        return None
    samples = np.append(0.0, np.diff(pcm.astype(np.float64)) + 0.03 * pcm[1:])
    frames = np.lib.stride_tricks.sliding_window_view(samples, _WINDOW)[::_HOP]
    power = np.abs(np.fft.rfft(frames * np.hanning(_WINDOW), _FFT)) ** 2
    loudness = 10 * np.log10(power.sum(axis=1) + 1.0)
    speech = loudness > max(loudness.max() - _QUIET_DB, _SILENT_DB)
    if np.count_nonzero(speech) < _LEAST_FRAMES:
        return None
    log_mel = np.log(power[speech] @ _mel_filters().T + 1.0)
    cepstra = log_mel @ _cosines().T
    changes = cepstra[2:] - cepstra[:-2]
    pitch = _pitch(np.lib.stride_tricks.sliding_window_view(pcm.astype(np.float64), 2 * _WINDOW)[::_HOP])
    return np.concatenate(
        (cepstra.mean(axis=0), cepstra.std(axis=0), changes.std(axis=0), [np.median(pitch), pitch.std()])
    ).astype(np.float32)


def _pitch(frames: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the logarithm of the pitch of the voiced frames, by autocorrelation."""
    centred = frames - frames.mean(axis=1, keepdims=True)
    spectrum = np.abs(np.fft.rfft(centred, 4 * _FFT)) ** 2
    correlation = np.fft.irfft(spectrum)[:, : SAMPLE_RATE // _PITCH_LOW + 1]
    lags = np.arange(SAMPLE_RATE // _PITCH_HIGH, SAMPLE_RATE // _PITCH_LOW + 1)
    # Longer lags have fewer samples in them.
    fair = correlation[:, lags] / (correlation[:, :1] + 1.0) * (2 * _WINDOW / (2 * _WINDOW - lags))
    best = fair.argmax(axis=1)
    voiced = fair[np.arange(len(fair)), best] > _VOICED
    found = np.log(SAMPLE_RATE / lags[best[voiced]])
    return found if len(found) >= 5 else np.full(5, np.log(120.0))


@cache
def _mel_filters() -> NDArray[np.float64]:
    edges = np.linspace(_mel(_LOW), _mel(_HIGH), _MELS + 2)
    hertz = 700 * (10 ** (edges / 2595) - 1)
    bins = np.fft.rfftfreq(_FFT, 1 / SAMPLE_RATE)
    rising = (bins - hertz[:-2, None]) / (hertz[1:-1] - hertz[:-2])[:, None]
    falling = (hertz[2:, None] - bins) / (hertz[2:] - hertz[1:-1])[:, None]
    filters: NDArray[np.float64] = np.clip(np.minimum(rising, falling), 0, None)
    return filters


def _mel(hertz: float) -> float:
    return 2595 * float(np.log10(1 + hertz / 700))


@cache
def _cosines() -> NDArray[np.float64]:
    # Without the first: it is only the loudness.
    order = np.arange(1, _CEPSTRA + 1)[:, None]
    cosines: NDArray[np.float64] = np.sqrt(2 / _MELS) * np.cos(np.pi * order * (np.arange(_MELS) + 0.5) / _MELS)
    return cosines
