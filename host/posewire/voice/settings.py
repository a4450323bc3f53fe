"""Settings of the voice pipeline: the section ``[voice]`` of the host's settings file."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

from posewire.config import at_least, between, check_rules, less_than, more_than
from posewire.errors import ConfigError
from posewire.voice.chat_settings import ChatSettings

_WAKE_WORDS = (
    "hi esp", "hey esp", "hi jarvis", "hey jarvis", "hi jason", "hi posewire", "hey posewire", "hello computer",
    "你好小智", "你好小志",
)  # fmt: skip

PROVIDER_KINDS = ("vad", "asr", "llm", "tts", "voiceprint")


@dataclass(frozen=True)
class VoiceSettings:
    """Section ``[voice]``. The defaults work offline.

    Raises:
        ConfigError: a value is of the wrong type or out of range; the message names the key.
    """

    enabled: bool = True
    """False: the host runs without voice; the file's other settings are checked all the same."""

    vad: str = "silero"
    """Voice activity detector, by provider name."""

    vad_threshold: Annotated[float, more_than(0), less_than(1)] = 0.5
    """Probability from which a frame starts speech."""

    end_silence_ms: Annotated[int, between(96, 5000, "milliseconds")] = 512
    """Silence that ends an utterance."""

    idle_goodbye_s: Annotated[float, at_least(0, "seconds (0: never)")] = 110.0
    """Time without speech after which an open microphone (auto, realtime) ends the conversation; 0: never.

    Stock devices give up a connection from which nothing has come for 120 s.
    """

    latency_budget_ms: Annotated[float, at_least(0, "milliseconds (0: none)")] = 1000.0
    """Time from the end of the utterance to the first audio; a longer one is a warning in the log, 0: never."""

    wake_words: tuple[str, ...] = _WAKE_WORDS
    """Texts of ``listen detect`` that only wake the device."""

    wake_word_wait_ms: Annotated[int, between(0, 2000, "milliseconds")] = 300
    """Time in which a device that begins to listen tells that its text was a wake word, also one not named here."""

    greetings: tuple[str, ...] = ("Hello! What can I do for you?", "Hello! I am listening.")
    """The answers to a wake word, used in turn; none: silence."""

    exit_words: tuple[str, ...] = ("goodbye", "good bye", "bye", "bye bye", "exit", "quit", "退出", "关闭")
    """Texts that end the conversation."""

    farewell: str = "Goodbye."
    """The text spoken when the conversation ends; empty: silence."""

    provider_timeout_s: Annotated[float, more_than(0, "seconds")] = 60.0
    """Longest wait for a text of the recogniser, and for each piece of a model's answer or of a sentence's audio."""

    max_utterance_s: Annotated[float, between(1, 60, "seconds")] = 15.0
    """Longest utterance; a longer one is cut here."""

    asr: str = "pocketsphinx"
    """Speech recogniser, by provider name."""

    asr_threshold: Annotated[float, between(-100, 0)] = -2.2
    """Recognised speech below this score is not understood: log-likelihood per 10 ms frame against free phones, minus
    three times the part of the speech that no word covers."""

    asr_decoders: Annotated[int, between(1, 64)] = 4
    """Utterances decoded at the same time; others wait."""

    sentences: tuple[str, ...] = ()
    """Files with your own sentences, added to the shipped ones in this order."""

    llm: str = "none"
    """Language model, by provider name; ``none``: commands from the sentences only."""

    tts: str = "auto"
    """Speech synthesizer, by provider name; ``auto``: the first offline one installed; ``none``: text only."""

    voiceprint: str = "none"
    """Voiceprint engine, by provider name; ``none``: enrolled people are not recognised."""

    tts_voice: str = ""
    """Voice in the engine's own naming; empty: its default."""

    tts_rate: Annotated[float, between(0.5, 2)] = 1.0
    """Speaking rate: 0.5 … 2, 1 is normal."""

    burst: Annotated[int, between(1, 40, "audio frames")] = 5
    """Audio frames sent at once at the beginning of a reply; after them one each frame duration. 1: none ahead of its
    time, for devices that cannot hold more."""

    chat: ChatSettings = field(default_factory=ChatSettings)
    """The dialogue with a language model."""

    providers: Mapping[str, Any] = field(default_factory=dict)
    """Options of the providers: by kind, then by name."""

    def __post_init__(self) -> None:
        check_rules(self)
        for kind, tables in self.providers.items():
            if kind not in PROVIDER_KINDS:
                raise ConfigError(f"providers can have the tables {', '.join(PROVIDER_KINDS)}, not {kind!r}")
            if not isinstance(tables, Mapping) or not all(isinstance(table, Mapping) for table in tables.values()):
                raise ConfigError(f"providers.{kind} must have a table for each provider, not {tables!r}")
        for name in self.sentences:
            if not Path(name).expanduser().is_file():
                raise ConfigError(f"sentences must be files that exist, not {name!r}")
