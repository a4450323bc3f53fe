"""The assistant: engines, sentences and caches of one host process, and the voice sessions made from them."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from posewire.ttl_cache import TtlCache
from posewire.voice.asr.base import SpeechRecognizer
from posewire.voice.asr.kept import KeepingRecognizer
from posewire.voice.commands.intents import normal_text
from posewire.voice.commands.responder import CommandResponder
from posewire.voice.commands.sentences import Sentences
from posewire.voice.commands.sentences_file import load_sentences
from posewire.voice.conversation import Responder
from posewire.voice.llm.base import LanguageModel
from posewire.voice.llm.chat import ChatConversation, ChatResponder, ConversationMemory
from posewire.voice.llm.sentence_splitter import split_sentences
from posewire.voice.output import VoiceOut
from posewire.voice.providers import OFFLINE_TTS, load_provider, load_synthesizer
from posewire.voice.session import VoiceMemory, VoiceSession
from posewire.voice.settings import VoiceSettings
from posewire.voice.tools.base import ToolSet
from posewire.voice.tts.base import SpeechSynthesizer
from posewire.voice.tts.synthesis import Synthesis
from posewire.voice.turn import TurnResources
from posewire.voice.vad.base import VadEngine
from posewire.voice.vad.batches import VadBatches
from posewire.voice.voiceprint.base import VoiceprintEngine
from posewire.voice.voiceprint.identify import IdentifyingRecognizer, VoiceIdentifier


def load_responder(
    settings: VoiceSettings, sentences: Sentences, memory: ConversationMemory | None = None
) -> Responder:
    """Make the responder: the command engine, or a model with the commands before it.

    Raises:
        ProviderError: the model's provider cannot be made.
        ConfigError: an option is wrong; the message names it.
    """
    commands = CommandResponder(sentences)
    if settings.llm == "none":
        return commands
    model: LanguageModel = load_provider("llm", settings.llm, settings, sentences)
    return ChatResponder(model, settings.chat, commands, memory, settings.provider_timeout_s)


class Assistant:
    """Built once per process with ``create``; shared by all voice sessions."""

    def __init__(
        self,
        settings: VoiceSettings,
        vad: VadEngine,
        recognizer: SpeechRecognizer,
        responder: Responder,
        resources: TurnResources,
        voiceprint: VoiceprintEngine | None = None,
    ) -> None:
        self.voiceprint = voiceprint
        """Identifies voices; None where the settings name no engine."""

        self._settings = settings
        self._vad = VadBatches(vad)
        self._recognizer = recognizer
        self._responder = responder
        self._resources = resources
        self._preparing: asyncio.Task[None] | None = None

    @classmethod
    def create(cls, settings: VoiceSettings, memory: ConversationMemory | None = None) -> "Assistant":
        """Load engines and sentences; takes about half a second.

        Without any synthesizer (and ``tts = "auto"``) replies are text only.

        Raises:
            ProviderError: an engine cannot be made; the message names it and what to install.
            ConfigError: a sentences file or an option is wrong; the message names it and the problem.
        """
        sentences = load_sentences(Path(name) for name in settings.sentences)
        vad: VadEngine = load_provider("vad", settings.vad, settings, sentences)
        recognizer: SpeechRecognizer = load_provider("asr", settings.asr, settings, sentences)
        synthesizer: SpeechSynthesizer | None = load_synthesizer(settings, sentences)
        responder = load_responder(settings, sentences, memory)
        resources = TurnResources(
            {**sentences.phrases, "farewell": settings.farewell},
            None if synthesizer is None else Synthesis(synthesizer, piece_within=settings.provider_timeout_s),
            frozenset(map(normal_text, settings.exit_words)),
            settings.provider_timeout_s,
            settings.latency_budget_ms,
        )
        voiceprint: VoiceprintEngine | None = None
        if settings.voiceprint != "none":
            voiceprint = load_provider("voiceprint", settings.voiceprint, settings, sentences)
        return cls(settings, vad, recognizer, responder, resources, voiceprint)

    def prepare(self) -> None:
        """Start the parts that the first user would wait for: a recogniser's process, the fixed phrases' audio."""
        self._recognizer.prepare()
        self._fill_speech_cache()

    def session(
        self,
        out: VoiceOut,
        tools: ToolSet,
        *,
        device_name: str,
        identifier: VoiceIdentifier | None = None,
        memory: VoiceMemory | None = None,
        memorable: bool = True,
    ) -> VoiceSession:
        """Make the voice session of one device.

        ``identifier`` names the person who speaks, for the dialogue; ``memory`` is that of an earlier session, which
        this one continues. ``memorable``: the device will come back under this name; only then are summaries kept.
        """
        self.prepare()
        memory = memory or VoiceMemory()
        conversation = self._responder.conversation(tools, device_name)
        if isinstance(conversation, ChatConversation):
            if memory.history is None:
                memory.history = conversation.history
            conversation.history = memory.history
            conversation.memorable = memorable
        recognizer: SpeechRecognizer = KeepingRecognizer(self._recognizer, out.keep_heard)
        if identifier is not None:
            identifying = IdentifyingRecognizer(recognizer, identifier, device_name)
            recognizer = identifying
            if isinstance(conversation, ChatConversation):
                conversation.person = lambda: identifying.person
        return VoiceSession(self._settings, self._vad, recognizer, self._resources, out, conversation, memory)

    def _fill_speech_cache(self) -> None:
        """Synthesize the fixed phrases, once; only with an offline voice: a server's may cost money."""
        synthesis = self._resources.synthesis
        if self._preparing is None and synthesis is not None and self._settings.tts in ("auto", *OFFLINE_TTS):
            phrases = [*self._settings.greetings, *self._resources.phrases.values(), *self._responder.phrases()]
            sentences = [sentence for phrase in phrases for sentence in split_sentences(phrase)]
            self._preparing = asyncio.create_task(synthesis.fill_cache(sentences))

    async def ready(self) -> None:
        """Wait until the audio of the fixed phrases is made; only measurements need that."""
        if self._preparing is not None:
            await asyncio.wait([self._preparing])

    def caches(self) -> Mapping[str, TtlCache[Any, Any]]:
        """Return the caches by name, for the metrics."""
        found: dict[str, TtlCache[Any, Any]] = {}
        if self._resources.synthesis is not None:
            found["speech"] = self._resources.synthesis.cache
        if isinstance(self._responder, ChatResponder):
            found["prompts"] = self._responder.prompts.cache
        return found

    @property
    def speaks(self) -> bool:
        """Whether there is a synthesizer; without one replies are text only."""
        return self._resources.synthesis is not None

    def describe(self) -> dict[str, str]:
        """Name the engines in use."""
        synthesis = self._resources.synthesis
        return {
            "vad": self._vad.engine.name,
            "asr": self._recognizer.name,
            "intent": self._responder.name,
            "tts": "none: replies are text only" if synthesis is None else synthesis.engine.name,
        }

    async def close(self) -> None:
        """Stop the engines' workers. The voice sessions must be closed before."""
        if self._preparing is not None:
            self._preparing.cancel()
            await asyncio.wait([self._preparing])
        await self._recognizer.close()
        await self._responder.close()
        if self.voiceprint is not None:
            await self.voiceprint.close()
        if self._resources.synthesis is not None:
            await self._resources.synthesis.engine.close()
