"""Settings of the voice pipeline: section ``[voice]`` of the host's settings file."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from posewire.errors import ConfigError

VAD_ENGINES = ("silero", "energy")
TTS_ENGINES = ("auto", "espeak-ng", "espeak-lib", "flite", "none")


@dataclass(frozen=True)
class VoiceSettings:
    """All settings have a default that works offline; checked when made.

    Raises:
        ConfigError: a value is of the wrong type or out of range; the message names the key.
    """

    vad: str = "silero"
    """``silero`` or ``energy``."""

    vad_threshold: float = 0.5
    """Probability from which a frame starts speech."""

    end_silence_ms: int = 512
    """Silence that ends an utterance."""

    max_utterance_s: float = 15.0
    """Longest utterance; what is longer is cut here."""

    asr_threshold: float = -2.2
    """Recognised speech below this score is not understood: log-likelihood per 10 ms frame against free phones, minus
    three times the part of the speech that no word covers."""

    asr_decoders: int = 4
    """Utterances decoded at the same time; others wait with their audio."""

    sentences: tuple[str, ...] = ()
    """Files with sentences of one's own, added to the shipped ones in this order."""

    tts: str = "auto"
    """``auto``, ``flite``, ``espeak-ng`` (programs), ``espeak-lib`` (the ``espeak`` extra) or ``none``."""

    tts_voice: str = ""
    """Voice in the engine's own naming; empty: its default."""

    tts_rate: float = 1.0
    """Speaking rate: 0.5 … 2, 1 is normal."""

    def __post_init__(self) -> None:
        _check("vad", self.vad in VAD_ENGINES, f"is one of {', '.join(VAD_ENGINES)}", self.vad)
        _check("vad_threshold", 0 < self.vad_threshold < 1, "is between 0 and 1", self.vad_threshold)
        _check("end_silence_ms", 96 <= self.end_silence_ms <= 5000, "is 96 … 5000", self.end_silence_ms)
        _check("max_utterance_s", 1 <= self.max_utterance_s <= 60, "is 1 … 60", self.max_utterance_s)
        _check("asr_threshold", -100 <= self.asr_threshold <= 0, "is -100 … 0", self.asr_threshold)
        _check("asr_decoders", 1 <= self.asr_decoders <= 64, "is 1 … 64", self.asr_decoders)
        _check("tts", self.tts in TTS_ENGINES, f"is one of {', '.join(TTS_ENGINES)}", self.tts)
        _check("tts_rate", 0.5 <= self.tts_rate <= 2, "is 0.5 … 2", self.tts_rate)
        for name in self.sentences:
            _check("sentences", Path(name).expanduser().is_file(), "names files that exist", name)

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> "VoiceSettings":
        """Check and take the values of a settings file.

        Raises:
            ConfigError: an unknown key, a value of the wrong type or out of range; the message names the key.
        """
        known = {entry.name: entry.type for entry in fields(cls)}
        taken: dict[str, Any] = {}
        for key, value in values.items():
            if key not in known:
                raise ConfigError(f"[voice] has no setting {key!r}; there are {', '.join(known)}")
            kind, read = _READERS[str(getattr(known[key], "__name__", known[key]))]
            try:
                taken[key] = read(value)
            except (TypeError, ValueError):
                raise ConfigError(f"[voice] {key} must be {kind}, is {value!r}") from None
        return cls(**taken)


def _check(key: str, fine: bool, rule: str, value: object) -> None:
    if not fine:
        raise ConfigError(f"[voice] {key} {rule}; it is {value!r}")


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _whole(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError
    return value


def _number(value: Any) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise TypeError
    return float(value)


def _texts(value: Any) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(_text(entry) for entry in list(value))


_READERS: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "str": ("a text", _text),
    "int": ("a whole number", _whole),
    "float": ("a number", _number),
    "tuple": ("a text or a list of texts", _texts),
}
