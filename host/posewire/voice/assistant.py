"""The assistant: engines, sentences and caches of one host process, and the sessions made from them."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from posewire.ttl_cache import TtlCache
from posewire.voice.asr.base import SpeechRecognizer
from posewire.voice.commands.intents import normal_text
from posewire.voice.commands.responder import CommandResponder
from posewire.voice.commands.sentences import Sentences, load_sentences
from posewire.voice.conversation import Responder
from posewire.voice.llm.base import LanguageModel
from posewire.voice.llm.chat import ChatConversation, ChatResponder, Memory
from posewire.voice.output import TurnReport, VoiceOut
from posewire.voice.providers import OFFLINE_TTS, load_provider, load_synthesizer
from posewire.voice.session import SessionMemory, SessionState, VoiceSession
from posewire.voice.settings import VoiceSettings
from posewire.voice.tools.base import DeviceTools, ToolInfo
from posewire.voice.tts.base import SpeechSynthesizer
from posewire.voice.tts.synthesis import Speaker
from posewire.voice.turn import Kit
from posewire.voice.vad.base import VadEngine
from posewire.voice.voiceprint.base import VoiceprintEngine
from posewire.voice.voiceprint.identify import Identifier, IdentifyingRecognizer
from posewire.wire.messages import ListenMode

__all__ = [
    "Assistant",
    "DeviceTools",
    "ListenMode",
    "SessionMemory",
    "SessionState",
    "ToolInfo",
    "TurnReport",
    "VoiceOut",
    "VoiceSession",
    "VoiceSettings",
]


def load_responder(settings: VoiceSettings, sentences: Sentences, memory: Memory | None = None) -> Responder:
    """Make what answers: the command engine, or a model with the commands before it.

    Raises:
        ProviderError: the model's provider is not there.
        ConfigError: an option is wrong; the message names it.
    """
    commands = CommandResponder(sentences)
    if settings.llm == "none":
        return commands
    model: LanguageModel = load_provider("llm", settings.llm, settings, sentences)
    return ChatResponder(model, settings.chat, commands, memory)


class Assistant:
    """Built once per process with ``create``; shared by all sessions."""

    def __init__(
        self,
        settings: VoiceSettings,
        vad: VadEngine,
        recognizer: SpeechRecognizer,
        responder: Responder,
        kit: Kit,
        voiceprint: VoiceprintEngine | None = None,
    ) -> None:
        self.voiceprint = voiceprint
        """Tells voices apart; None where that is not wanted."""

        self._settings = settings
        self._vad = vad
        self._recognizer = recognizer
        self._responder = responder
        self._kit = kit
        self._warming: asyncio.Task[None] | None = None

    @classmethod
    def create(cls, settings: VoiceSettings, memory: Memory | None = None) -> "Assistant":
        """Load engines and sentences; takes about half a second.

        Without any synthesizer (and ``tts = "auto"``) replies are text only.

        Raises:
            ProviderError: an engine is not there; the message names it and what to install.
            ConfigError: a sentences file or an option is wrong; the message names it and the problem.
        """
        sentences = load_sentences(Path(name) for name in settings.sentences)
        vad: VadEngine = load_provider("vad", settings.vad, settings, sentences)
        recognizer: SpeechRecognizer = load_provider("asr", settings.asr, settings, sentences)
        synthesizer: SpeechSynthesizer | None = load_synthesizer(settings, sentences)
        responder = load_responder(settings, sentences, memory)
        kit = Kit(
            {**sentences.phrases, "farewell": settings.farewell},
            None if synthesizer is None else Speaker(synthesizer),
            frozenset(map(normal_text, settings.exit_words)),
            settings.latency_budget_ms,
        )
        voiceprint: VoiceprintEngine | None = None
        if settings.voiceprint != "none":
            voiceprint = load_provider("voiceprint", settings.voiceprint, settings, sentences)
        return cls(settings, vad, recognizer, responder, kit, voiceprint)

    def prepare(self) -> None:
        """Have ready what the first who speaks would wait for: a recogniser's process, the fixed phrases."""
        self._recognizer.prepare()
        self._warm()

    def session(
        self,
        out: VoiceOut,
        tools: DeviceTools,
        *,
        device_name: str,
        identifier: Identifier | None = None,
        memory: SessionMemory | None = None,
        lasting: bool = True,
    ) -> VoiceSession:
        """Make the voice of one connection.

        ``identifier`` tells the dialogue who speaks; ``memory`` is an earlier session's, which this one goes on with.
        ``lasting``: whether the device will come back under this name; only then is anything remembered of it.
        """
        self.prepare()
        memory = memory or SessionMemory()
        conversation = self._responder.conversation(tools, device_name)
        if isinstance(conversation, ChatConversation):
            if memory.history is None:
                memory.history = conversation.history
            conversation.history = memory.history
            conversation.lasting = lasting
        recognizer: SpeechRecognizer = self._recognizer
        if identifier is not None:
            identifying = IdentifyingRecognizer(recognizer, identifier, device_name)
            recognizer = identifying
            if isinstance(conversation, ChatConversation):
                conversation.speaker = lambda: identifying.speaker
        return VoiceSession(self._settings, self._vad, recognizer, self._kit, out, conversation, memory)

    def _warm(self) -> None:
        """Have the offline voice say the fixed phrases to itself, once; another's server is not asked for what may
        never be said."""
        speaker = self._kit.speaker
        if self._warming is None and speaker is not None and self._settings.tts in ("auto", *OFFLINE_TTS):
            phrases = [*self._settings.greetings, *self._kit.phrases.values(), *self._responder.phrases()]
            self._warming = asyncio.create_task(speaker.warm(phrases))

    async def ready(self) -> None:
        """Wait until the fixed phrases are prepared; nothing else needs to wait for that."""
        if self._warming is not None:
            await asyncio.wait([self._warming])

    def caches(self) -> Mapping[str, TtlCache[Any, Any]]:
        """Return the caches by name, for whoever counts."""
        found: dict[str, TtlCache[Any, Any]] = {}
        if self._kit.speaker is not None:
            found["speech"] = self._kit.speaker.cache
        if isinstance(self._responder, ChatResponder):
            found["prompts"] = self._responder.prompts.cache
        return found

    def describe(self) -> dict[str, str]:
        """Name the engines in use."""
        speaker = self._kit.speaker
        return {
            "vad": self._vad.name,
            "asr": self._recognizer.name,
            "intent": self._responder.name,
            "tts": "none: replies are text only" if speaker is None else speaker.engine.name,
        }

    async def close(self) -> None:
        """Stop the engines' workers. Sessions must be closed before."""
        if self._warming is not None:
            self._warming.cancel()
            await asyncio.wait([self._warming])
        await self._recognizer.close()
        await self._responder.close()
        if self.voiceprint is not None:
            await self.voiceprint.close()
        if self._kit.speaker is not None:
            await self._kit.speaker.engine.close()
