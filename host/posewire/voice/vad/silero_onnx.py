"""Silero VAD by onnxruntime, from a model file of the user's: for a newer model than the one in ``data/``.

Needs the extra ``onnx``. It accepts the 16 kHz models of versions 5 and 6, with the inputs ``input``, ``state`` and
``sr``.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from posewire.errors import ConfigError, ProviderError
from posewire.sound.pcm import SAMPLE_RATE, Pcm
from posewire.voice.providers import ProviderContext

_CONTEXT = 64
"""Samples of the frame before, which the network sees too."""

_STATE = (2, 128)


@dataclass(frozen=True)
class SileroOnnxOptions:
    """Section ``[voice.providers.vad.silero-onnx]``."""

    model_path: str

    def __post_init__(self) -> None:
        if not Path(self.model_path).expanduser().is_file():
            raise ConfigError(f"model_path must be a file that exists, not {self.model_path!r}")


def make(context: ProviderContext) -> "SileroOnnxEngine":
    """Make the engine from its options."""
    return SileroOnnxEngine(context.options(SileroOnnxOptions))


class SileroOnnxEngine:
    """Makes detectors that share one model.

    Raises:
        ProviderError: onnxruntime is not installed, or cannot load the model.
    """

    def __init__(self, options: SileroOnnxOptions) -> None:
        try:
            import onnxruntime
        except ImportError:
            raise ProviderError('onnxruntime is not installed: pip install "posewire[onnx]"') from None
        settings = onnxruntime.SessionOptions()
        settings.intra_op_num_threads = settings.inter_op_num_threads = 1
        path = str(Path(options.model_path).expanduser())
        try:
            self._model = onnxruntime.InferenceSession(path, settings, providers=["CPUExecutionProvider"])
        except Exception as exc:
            raise ProviderError(f"onnxruntime cannot load {path}: {exc}") from exc
        inputs = sorted(entry.name for entry in self._model.get_inputs())
        if inputs != ["input", "sr", "state"]:
            raise ProviderError(f"{path} has the inputs {', '.join(inputs)}; it must have input, sr and state")
        self.name = f"silero (onnxruntime, {Path(path).name})"

    def detector(self) -> "SileroOnnxDetector":
        """Return a fresh detector for one stream."""
        return SileroOnnxDetector(self)

    def probabilities(self, detectors: Sequence["SileroOnnxDetector"], frames: Sequence[Pcm]) -> list[float]:
        """Return the probability of speech of one frame of each stream."""
        scaled = np.array(frames).astype(np.float32) / np.float32(32768)
        samples = np.concatenate((np.array([detector.context for detector in detectors]), scaled), axis=1)
        state = np.stack([detector.state for detector in detectors], axis=1)
        found, state = self._model.run(None, {"input": samples, "state": state, "sr": np.array(SAMPLE_RATE, np.int64)})
        for at, detector in enumerate(detectors):
            detector.state, detector.context = state[:, at].copy(), samples[at, -_CONTEXT:].copy()
        probabilities: list[float] = found[:, 0].tolist()
        return probabilities


class SileroOnnxDetector:
    """The state of one stream."""

    def __init__(self, engine: SileroOnnxEngine) -> None:
        self._engine = engine
        self.state: NDArray[np.float32] = np.zeros(_STATE, np.float32)
        self.context: NDArray[np.float32] = np.zeros(_CONTEXT, np.float32)

    def probability(self, frame: Pcm) -> float:
        """Return the probability that the frame is speech: 0 … 1."""
        return self._engine.probabilities([self], [frame])[0]

    def reset(self) -> None:
        """Forget the stream so far."""
        self.state = np.zeros(_STATE, np.float32)
        self.context = np.zeros(_CONTEXT, np.float32)
