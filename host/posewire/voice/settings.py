"""Settings of the voice pipeline: section ``[voice]`` of the host's settings file."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from posewire.config import check_option as _check
from posewire.config import read_options
from posewire.voice.llm.prompt import ChatSettings

_WAKE_WORDS = (
    "hi esp", "hey esp", "hi jarvis", "hey jarvis", "hi jason", "hi posewire", "hey posewire", "hello computer",
    "你好小智", "你好小志",
)  # fmt: skip

PROVIDER_KINDS = ("vad", "asr", "llm", "tts", "voiceprint")


@dataclass(frozen=True)
class VoiceSettings:
    """All settings have a default that works offline; checked when made.

    Raises:
        ConfigError: a value is of the wrong type or out of range; the message names the key.
    """

    vad: str = "silero"
    """Voice activity detector, by provider name."""

    vad_threshold: float = 0.5
    """Probability from which a frame starts speech."""

    end_silence_ms: int = 512
    """Silence that ends an utterance."""

    idle_goodbye_s: float = 120.0
    """An open microphone (auto, realtime) that hears no speech for so long ends the conversation; 0: never."""

    latency_budget_ms: float = 1000.0
    """First audio later than this after the end of the utterance is a warning that names the stage; 0: none."""

    wake_words: tuple[str, ...] = _WAKE_WORDS
    """Texts of ``listen detect`` that are a call, not a sentence."""

    greetings: tuple[str, ...] = ("Hello! What can I do for you?", "Hello! I am listening.")
    """The answers to a wake word, in turn; none: silence."""

    exit_words: tuple[str, ...] = ("goodbye", "good bye", "bye", "bye bye", "exit", "quit", "退出", "关闭")
    """Texts that end the conversation."""

    farewell: str = "Goodbye."
    """Said when the conversation ends; empty: silence."""

    max_utterance_s: float = 15.0
    """Longest utterance; what is longer is cut here."""

    asr: str = "pocketsphinx"
    """Speech recogniser, by provider name."""

    asr_threshold: float = -2.2
    """Recognised speech below this score is not understood: log-likelihood per 10 ms frame against free phones, minus
    three times the part of the speech that no word covers."""

    asr_decoders: int = 4
    """Utterances decoded at the same time; others wait with their audio."""

    sentences: tuple[str, ...] = ()
    """Files with sentences of one's own, added to the shipped ones in this order."""

    llm: str = "none"
    """Language model, by provider name; ``none``: commands from the sentences only."""

    tts: str = "auto"
    """Speech synthesizer, by provider name; ``auto``: the first offline one that is there; ``none``: text only."""

    voiceprint: str = "none"
    """Who is speaking, by provider name; ``none``: nobody is told apart."""

    tts_voice: str = ""
    """Voice in the engine's own naming; empty: its default."""

    tts_rate: float = 1.0
    """Speaking rate: 0.5 … 2, 1 is normal."""

    chat: Mapping[str, Any] = field(default_factory=dict)
    """The dialogue with a language model: see ``ChatSettings``."""

    providers: Mapping[str, Any] = field(default_factory=dict)
    """Options of the providers: kind, then name, then that provider's own."""

    def __post_init__(self) -> None:
        _check_providers(self.providers)
        # Checked without a language model, too: a mistake is told when it is made, not when the model is switched on.
        read_options(ChatSettings, self.chat, "voice.chat")
        _check("vad_threshold", 0 < self.vad_threshold < 1, "is between 0 and 1", self.vad_threshold)
        _check("end_silence_ms", 96 <= self.end_silence_ms <= 5000, "is 96 … 5000", self.end_silence_ms)
        _check("idle_goodbye_s", self.idle_goodbye_s >= 0, "is 0 or more", self.idle_goodbye_s)
        _check("latency_budget_ms", self.latency_budget_ms >= 0, "is 0 or more", self.latency_budget_ms)
        _check("max_utterance_s", 1 <= self.max_utterance_s <= 60, "is 1 … 60", self.max_utterance_s)
        _check("asr_threshold", -100 <= self.asr_threshold <= 0, "is -100 … 0", self.asr_threshold)
        _check("asr_decoders", 1 <= self.asr_decoders <= 64, "is 1 … 64", self.asr_decoders)
        _check("tts_rate", 0.5 <= self.tts_rate <= 2, "is 0.5 … 2", self.tts_rate)
        for name in self.sentences:
            _check("sentences", Path(name).expanduser().is_file(), "names files that exist", name)

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> "VoiceSettings":
        """Check and take the values of a settings file.

        Raises:
            ConfigError: an unknown key, a value of the wrong type or out of range; the message names the key.
        """
        return read_options(cls, values, "voice")


def _check_providers(providers: Mapping[str, Any]) -> None:
    for kind, named in providers.items():
        _check("providers", kind in PROVIDER_KINDS, f"has the tables {', '.join(PROVIDER_KINDS)}", kind)
        tables = isinstance(named, Mapping) and all(isinstance(table, Mapping) for table in named.values())
        _check(f"providers.{kind}", tables, "has a table for each provider", named)
