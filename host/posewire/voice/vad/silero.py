"""Silero VAD (v5/v6 architecture, 16 kHz) in numpy: a short-time Fourier transform, four convolutions, one LSTM cell.

The weights are in ``data/silero_vad_16k.npz`` (MIT, see ``data/README.md``); ``tools/export_silero.py`` made the file.
"""

from collections.abc import Sequence
from importlib.resources import as_file, files

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from posewire.errors import ProviderError
from posewire.sound.pcm import Pcm
from posewire.voice.providers import ProviderContext
from posewire.voice.vad.base import VAD_FRAME

Array = NDArray[np.float32]

_CONTEXT = 64
"""Samples of the frame before, which the network sees too."""

_PADDED = VAD_FRAME + 2 * _CONTEXT
_WINDOW, _HOP = 256, 128
_HIDDEN = 128
_STRIDES = (1, 2, 2)
"""Of the convolutions before the last one, in time."""


class SileroEngine:
    """The weights, laid out so that each layer is one matrix product; shared by all detectors."""

    name = "silero (numpy)"

    def __init__(self) -> None:
        try:
            with (
                as_file(files("posewire.voice") / "data" / "silero_vad_16k.npz") as path,
                np.load(path) as stored,
            ):
                raw = {key: stored[key].astype(np.float32) for key in stored.files}
        except OSError as exc:
            raise ProviderError(f"the silero weights are not readable ({exc}): reinstall posewire") from None
        turn = 2 * np.pi / _WINDOW * np.arange(_WINDOW)
        self.window = (0.5 - 0.5 * np.cos(turn)).astype(np.float32)
        self.conv = [_as_matrix(raw[f"conv{layer}"]) for layer in range(3)]
        self.conv_bias = [raw[f"conv{layer}_bias"] for layer in range(3)]
        # One column goes into the last convolution, with padding on both sides: only the middle tap counts.
        self.last = np.ascontiguousarray(raw["conv3"][:, :, 1].T)
        self.last_bias = raw["conv3_bias"]
        gates = np.concatenate((raw["lstm_input"], raw["lstm_hidden"]), axis=1)
        self.gates_bias = raw["lstm_input_bias"] + raw["lstm_hidden_bias"]
        # sigmoid(x) = (tanh(x / 2) + 1) / 2: with the halving in the weights one tanh serves all four gates.
        halved = np.r_[0 : 2 * _HIDDEN, 3 * _HIDDEN : 4 * _HIDDEN]
        gates[halved] *= 0.5
        self.gates = np.ascontiguousarray(gates.T)
        self.gates_bias[halved] *= 0.5
        self.output = raw["output"].reshape(_HIDDEN)
        self.output_bias = float(raw["output_bias"][0])

    def detector(self) -> "SileroDetector":
        """Return a fresh detector for one stream."""
        return SileroDetector(self)

    def probabilities(self, detectors: Sequence["SileroDetector"], frames: Sequence[Pcm]) -> list[float]:
        """Return the probability of speech of one frame of each stream.

        Half of the time that a frame takes alone is the overhead of numpy's calls, and much of the rest the reading of
        the weights: of sixteen frames together, each takes a third of it.
        """
        state = np.array([detector.state for detector in detectors])
        padded = np.empty((len(frames), _PADDED), np.float32)
        padded[:, :_CONTEXT] = state[:, :_CONTEXT]
        np.multiply(np.array(frames), np.float32(1 / 32768), out=padded[:, _CONTEXT:-_CONTEXT])
        padded[:, -_CONTEXT:] = padded[:, -_CONTEXT - 2 : -2 * _CONTEXT - 2 : -1]  # reflected
        spectrum = np.fft.rfft(_windows(padded) * self.window)
        x: Array = np.abs(spectrum).astype(np.float32, copy=False)
        for stride, matrix, bias in zip(_STRIDES, self.conv, self.conv_bias, strict=True):
            x = _taps(x, stride) @ matrix
            x += bias
            np.maximum(x, 0, out=x)
            x = x.reshape(len(frames), -1, x.shape[1])
        joined = np.empty((len(frames), 2 * _HIDDEN), np.float32)  # LSTM input, then hidden state
        np.maximum(x[:, 0] @ self.last + self.last_bias, 0, out=joined[:, :_HIDDEN])
        joined[:, _HIDDEN:] = state[:, _CONTEXT:-_HIDDEN]
        gates = np.tanh(joined @ self.gates + self.gates_bias)
        write, keep, candidate, read = (gates[:, at : at + _HIDDEN] for at in range(0, 4 * _HIDDEN, _HIDDEN))
        cell = state[:, -_HIDDEN:]
        cell *= 0.5 * keep + 0.5
        cell += (0.5 * write + 0.5) * candidate
        hidden = (0.5 * read + 0.5) * np.tanh(cell)
        state[:, _CONTEXT:-_HIDDEN] = hidden
        state[:, :_CONTEXT] = padded[:, VAD_FRAME : VAD_FRAME + _CONTEXT]
        for detector, row in zip(detectors, state, strict=True):
            detector.state[:] = row
        logits = np.maximum(hidden, 0) @ self.output + self.output_bias
        found: list[float] = (1 / (1 + np.exp(-logits))).tolist()
        return found


class SileroDetector:
    """The state of one stream: 64 samples of context, and the LSTM's hidden and cell values, in one row."""

    def __init__(self, engine: SileroEngine) -> None:
        self._engine = engine
        self.state: Array = np.zeros(_CONTEXT + 2 * _HIDDEN, np.float32)

    def reset(self) -> None:
        """Forget the stream so far."""
        self.state[:] = 0

    def probability(self, frame: Pcm) -> float:
        """Return the probability that the frame (512 samples, 16 kHz) is speech: 0 … 1."""
        return self._engine.probabilities([self], [frame])[0]


def _windows(samples: Array) -> Array:
    """(batch, samples) -> (batch, window, samples of it), a view."""
    row, step = samples.strides
    count = (samples.shape[1] - _WINDOW) // _HOP + 1
    return as_strided(samples, (len(samples), count, _WINDOW), (row, _HOP * step, step))


def _taps(x: Array, stride: int) -> Array:
    """The input of a convolution (kernel 3, one zero of padding on each side) as the rows of a matrix.

    (batch, time, channels) -> (batch * time / stride, 3 * channels). With the time before the channels, the three taps
    of one output are one run of memory, and gathering them is a single strided copy.
    """
    batch, length, channels = x.shape
    wide = np.zeros((batch, length + 2, channels), np.float32)
    wide[:, 1:-1] = x
    row, step, item = wide.strides
    length = (length - 1) // stride + 1
    taps = as_strided(wide, (batch, length, 3 * channels), (row, stride * step, item))
    # A copy, because BLAS takes no overlapping rows.
    return taps.reshape(batch * length, 3 * channels)


def _as_matrix(weight: Array) -> Array:
    """(out, in, 3) -> (3 * in, out), taps outermost, as ``_taps`` gathers its input."""
    return np.ascontiguousarray(weight.transpose(2, 1, 0).reshape(-1, weight.shape[0]))


def make(_: ProviderContext) -> SileroEngine:
    """Make the detector with the Silero network in numpy."""
    return SileroEngine()
