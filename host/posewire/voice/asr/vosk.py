"""Offline dictation with vosk, in worker processes, with a model of the user's. Needs the extra ``vosk``."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

from posewire.config import between, check_rules, more_than
from posewire.errors import ConfigError, ProviderError
from posewire.sound.pcm import SAMPLE_RATE, Pcm
from posewire.voice.asr.base import Transcript
from posewire.voice.asr.worker_pool import WorkerPool
from posewire.voice.providers import ProviderContext


@dataclass(frozen=True)
class VoskOptions:
    """Section ``[voice.providers.asr.vosk]``."""

    model_path: str
    """Folder of an unpacked model."""

    workers: Annotated[int, between(1, 64)] = 1
    """Processes; each loads the model."""

    utterances: Annotated[int, more_than(0)] = 16
    """Utterances decoded at the same time in a process."""

    def __post_init__(self) -> None:
        check_rules(self)
        if not (Path(self.model_path).expanduser() / "conf").is_dir():
            raise ConfigError(f"model_path must be a vosk model: {self.model_path} has no folder conf")


def make(context: ProviderContext) -> WorkerPool:
    """Make the provider from its options."""
    if find_spec("vosk") is None:
        raise ProviderError('vosk is not installed: pip install "posewire[vosk]"')
    options = context.options(VoskOptions)
    name = f"vosk {Path(options.model_path).name}"
    return WorkerPool(name, "posewire.voice.asr.vosk:engine", asdict(options), options.workers)


# --- in the worker


def engine(configuration: Mapping[str, Any]) -> "VoskEngine":
    """Load the model.

    Raises:
        ProviderError: vosk cannot load it.
    """
    return VoskEngine(VoskOptions(**configuration))


class VoskEngine:
    """A ``BlockingEngine``."""

    def __init__(self, options: VoskOptions) -> None:
        import vosk  # the package is an extra, and only the worker loads it

        vosk.SetLogLevel(-1)
        try:
            self._model = vosk.Model(model_path=str(Path(options.model_path).expanduser()))
        except Exception as exc:
            raise ProviderError(f"vosk cannot load the model {options.model_path}: {exc}") from exc
        self._make = vosk.KaldiRecognizer
        self._free = options.utterances

    def start(self, acoustics: str) -> "VoskUtterance | None":
        """Begin an utterance; return None while as many as allowed go on."""
        if not self._free:
            return None
        self._free -= 1
        return VoskUtterance(self, self._make(self._model, SAMPLE_RATE))

    def utterance_ended(self) -> None:
        """Let another utterance begin."""
        self._free += 1


class VoskUtterance:
    """A ``BlockingUtterance``."""

    acoustics = ""

    def __init__(self, engine: VoskEngine, recognizer: Any) -> None:
        self.partial = ""
        self._engine = engine
        self._recognizer = recognizer
        self._text: list[str] = []
        self._open = True

    def feed(self, pcm: Pcm) -> None:
        """Decode 16 kHz mono samples."""
        if self._recognizer.AcceptWaveform(pcm.tobytes()):
            self._text.append(json.loads(self._recognizer.Result())["text"])
            so_far = ""
        else:
            so_far = json.loads(self._recognizer.PartialResult())["partial"]
        self.partial = " ".join(filter(None, (*self._text, so_far)))

    def end(self) -> Transcript:
        """Return the transcript."""
        self._text.append(json.loads(self._recognizer.FinalResult())["text"])
        self.release()
        text = " ".join(filter(None, self._text))
        return Transcript(text, accepted=bool(text))

    def release(self) -> None:
        """Let another utterance begin; harmless when repeated."""
        if self._open:
            self._open = False
            self._engine.utterance_ended()
