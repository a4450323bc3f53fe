"""Silero VAD (v5/v6 architecture, 16 kHz) in numpy: a short-time Fourier transform, four convolutions, one LSTM cell.

The weights are in ``data/silero_vad_16k.npz`` (MIT, see ``data/README.md``); ``tools/export_silero.py`` made the file.
"""

import math
from importlib.resources import as_file, files

import numpy as np
from numpy.typing import NDArray

from posewire.errors import ProviderError
from posewire.pcm import Pcm
from posewire.voice.providers import ProviderContext
from posewire.voice.vad.base import VAD_FRAME

Array = NDArray[np.float32]

_CONTEXT = 64
"""Samples of the frame before, which the network sees too."""

_PADDED = VAD_FRAME + 2 * _CONTEXT
_WINDOW, _HOP = 256, 128
_HIDDEN = 128


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
        self.last = np.ascontiguousarray(raw["conv3"][:, :, 1])
        self.last_bias = raw["conv3_bias"]
        self.gates = np.concatenate((raw["lstm_input"], raw["lstm_hidden"]), axis=1)
        self.gates_bias = raw["lstm_input_bias"] + raw["lstm_hidden_bias"]
        # sigmoid(x) = (tanh(x / 2) + 1) / 2: with the halving in the weights one tanh serves all four gates.
        halved = np.r_[0 : 2 * _HIDDEN, 3 * _HIDDEN : 4 * _HIDDEN]
        self.gates[halved] *= 0.5
        self.gates_bias[halved] *= 0.5
        self.output = raw["output"].reshape(_HIDDEN)
        self.output_bias = float(raw["output_bias"][0])

    def detector(self) -> "SileroDetector":
        """Return a fresh detector for one stream."""
        return SileroDetector(self)


class SileroDetector:
    """The state of one stream: 64 samples of context and the LSTM's hidden and cell values."""

    def __init__(self, engine: SileroEngine) -> None:
        self._engine = engine
        self._padded = np.zeros(_PADDED, np.float32)
        self._windows = np.lib.stride_tricks.sliding_window_view(self._padded, _WINDOW)[::_HOP]
        self._layers = [_LayerInput(4, 129, 1), _LayerInput(4, 128, 2), _LayerInput(2, 64, 2)]
        self._joined = np.zeros(2 * _HIDDEN, np.float32)  # LSTM input, then hidden state
        self._cell = np.zeros(_HIDDEN, np.float32)

    def reset(self) -> None:
        """Forget the stream so far."""
        self._padded[:] = 0
        self._joined[:] = 0
        self._cell[:] = 0

    def probability(self, frame: Pcm) -> float:
        """Return the probability that the frame (512 samples, 16 kHz) is speech: 0 … 1."""
        engine, padded = self._engine, self._padded
        padded[:_CONTEXT] = padded[VAD_FRAME : VAD_FRAME + _CONTEXT]
        np.multiply(frame, np.float32(1 / 32768), out=padded[_CONTEXT:-_CONTEXT])
        padded[-_CONTEXT:] = padded[-_CONTEXT - 2 : -2 * _CONTEXT - 2 : -1]  # reflected
        spectrum = np.fft.rfft(self._windows * engine.window)
        x: Array = np.abs(spectrum).astype(np.float32, copy=False)
        for layer, matrix, bias in zip(self._layers, engine.conv, engine.conv_bias, strict=True):
            x = layer.taps(x) @ matrix
            x += bias
            np.maximum(x, 0, out=x)
        joined, cell = self._joined, self._cell
        np.maximum(engine.last @ x[0] + engine.last_bias, 0, out=joined[:_HIDDEN])
        write, keep, candidate, read = np.tanh(engine.gates @ joined + engine.gates_bias).reshape(4, _HIDDEN)
        cell *= 0.5 * keep + 0.5
        cell += (0.5 * write + 0.5) * candidate
        hidden = (0.5 * read + 0.5) * np.tanh(cell)
        joined[_HIDDEN:] = hidden
        logit = float(engine.output @ np.maximum(hidden, 0)) + engine.output_bias
        return 1 / (1 + math.exp(-logit))


class _LayerInput:
    """Input of a convolution (kernel 3, one zero of padding on each side), kept as (time, channels).

    In that order the three taps of one output are one run of memory, so gathering them is a single strided copy.
    """

    def __init__(self, length: int, channels: int, stride: int) -> None:
        wide = np.zeros((length + 2, channels), np.float32)
        self._inner = wide[1:-1]
        self._taps = np.lib.stride_tricks.sliding_window_view(wide.reshape(-1), 3 * channels)[:: stride * channels]

    def taps(self, x: Array) -> Array:
        """(time, channels) -> (time / stride, 3 * channels)."""
        self._inner[:] = x
        # A copy, because BLAS takes no overlapping rows.
        return self._taps.copy()


def _as_matrix(weight: Array) -> Array:
    """(out, in, 3) -> (3 * in, out), taps outermost, as ``_LayerInput`` gathers its input."""
    return np.ascontiguousarray(weight.transpose(2, 1, 0).reshape(-1, weight.shape[0]))


def make(_: ProviderContext) -> SileroEngine:
    """Make the engine."""
    return SileroEngine()
