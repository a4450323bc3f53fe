"""Offline dictation with sherpa-onnx streaming transducers, in worker processes, with a model of the user's.

Needs the extra ``sherpa``.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from posewire.config import between, check_rules, more_than
from posewire.errors import ConfigError, ProviderError
from posewire.sound.pcm import SAMPLE_RATE, Pcm
from posewire.voice.asr.base import Transcript
from posewire.voice.asr.worker_pool import WorkerPool
from posewire.voice.providers import ProviderContext

_TAIL = np.zeros(SAMPLE_RATE // 2, np.float32)
"""Half a second of silence: a streaming model gives its last words only after some more sound."""


@dataclass(frozen=True)
class SherpaOptions:
    """Section ``[voice.providers.asr.sherpa-onnx]``."""

    model_path: str
    """Folder of a streaming transducer: tokens.txt, encoder*.onnx, decoder*.onnx, joiner*.onnx."""

    threads: Annotated[int, between(1, 64)] = 1
    workers: Annotated[int, between(1, 64)] = 1
    """Processes; each loads the model."""

    utterances: Annotated[int, more_than(0)] = 16
    """Utterances decoded at the same time in a process."""

    def __post_init__(self) -> None:
        check_rules(self)
        for name in ("tokens.txt", "encoder*.onnx", "decoder*.onnx", "joiner*.onnx"):
            self.file(name)

    def file(self, pattern: str) -> str:
        """Return the path of the model's file with a name like ``pattern``.

        Raises:
            ConfigError: there is none.
        """
        found = sorted(Path(self.model_path).expanduser().glob(pattern), key=lambda path: "int8" not in path.name)
        if not found:
            raise ConfigError(f"model_path must be a streaming transducer: {self.model_path} has no {pattern}")
        return str(found[0])


def make(context: ProviderContext) -> WorkerPool:
    """Make the provider from its options."""
    if find_spec("sherpa_onnx") is None:
        raise ProviderError('sherpa-onnx is not installed: pip install "posewire[sherpa]"')
    options = context.options(SherpaOptions)
    name = f"sherpa-onnx {Path(options.model_path).name}"
    return WorkerPool(name, "posewire.voice.asr.sherpa:engine", asdict(options), options.workers)


# --- in the worker


def engine(configuration: Mapping[str, Any]) -> "SherpaEngine":
    """Load the model.

    Raises:
        ProviderError: sherpa-onnx cannot load it.
    """
    return SherpaEngine(SherpaOptions(**configuration))


class SherpaEngine:
    """A ``BlockingEngine``."""

    def __init__(self, options: SherpaOptions) -> None:
        import sherpa_onnx  # the package is an extra, and only the worker loads it

        try:
            self.recognizer = sherpa_onnx.OnlineRecognizer.from_transducer(
                tokens=options.file("tokens.txt"),
                encoder=options.file("encoder*.onnx"),
                decoder=options.file("decoder*.onnx"),
                joiner=options.file("joiner*.onnx"),
                num_threads=options.threads,
                sample_rate=SAMPLE_RATE,
            )
        except Exception as exc:
            raise ProviderError(f"sherpa-onnx cannot load the model {options.model_path}: {exc}") from exc
        self._free = options.utterances

    def start(self, acoustics: str) -> "SherpaUtterance | None":
        """Begin an utterance; return None while as many as allowed go on."""
        if not self._free:
            return None
        self._free -= 1
        return SherpaUtterance(self)

    def utterance_ended(self) -> None:
        """Let another utterance begin."""
        self._free += 1


class SherpaUtterance:
    """A ``BlockingUtterance``."""

    acoustics = ""

    def __init__(self, engine: SherpaEngine) -> None:
        self.partial = ""
        self._engine = engine
        self._stream = engine.recognizer.create_stream()
        self._open = True

    def feed(self, pcm: Pcm) -> None:
        """Decode 16 kHz mono samples."""
        self._decode(pcm.astype(np.float32) / np.float32(32768))

    def end(self) -> Transcript:
        """Return the transcript."""
        self._decode(_TAIL, last=True)
        self.release()
        return Transcript(self.partial, accepted=bool(self.partial))

    def release(self) -> None:
        """Let another utterance begin; harmless when repeated."""
        if self._open:
            self._open = False
            self._engine.utterance_ended()

    def _decode(self, samples: NDArray[np.float32], last: bool = False) -> None:
        recognizer = self._engine.recognizer
        self._stream.accept_waveform(SAMPLE_RATE, samples)
        if last:
            self._stream.input_finished()
        while recognizer.is_ready(self._stream):
            recognizer.decode_stream(self._stream)
        self.partial = str(recognizer.get_result(self._stream)).strip().lower()
