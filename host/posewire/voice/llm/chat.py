"""The dialogue with a language model: prompt, history, tools in bounded rounds, summaries across sessions."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import aclosing
from typing import Protocol

from posewire.errors import PosewireError
from posewire.voice.chat_settings import ChatSettings
from posewire.voice.commands.responder import CommandConversation, CommandResponder
from posewire.voice.conversation import Emotion, ReplyPart, StageTime
from posewire.voice.llm.base import ChatMessage, LanguageModel, ToolCall
from posewire.voice.llm.history import History
from posewire.voice.llm.model_text import ModelText
from posewire.voice.llm.model_tools import ModelTools, ToolReply
from posewire.voice.llm.prompt import PromptManager
from posewire.voice.llm.sentence_splitter import as_spoken
from posewire.voice.provider_timeout import each_within
from posewire.voice.tools.base import ToolContext, ToolSet
from posewire.voice.tools.device import DeviceExecutor
from posewire.voice.tools.handler import UnifiedToolHandler
from posewire.voice.tools.manager import ToolManager

_log = logging.getLogger(__name__)

_MAX_SUMMARY = 1500
"""Longest summary, in characters."""

_SUMMARISE = (
    "Write down in at most five short sentences what should be remembered of this person and this conversation for the "
    "next time: names, wishes, facts. No greetings, no tool results. What was known before is given first; keep what "
    "is still true."
)


class ConversationMemory(Protocol):
    """The summaries of devices' conversations."""

    async def recall(self, device: str) -> str:
        """Return a device's summary; empty when there is none."""
        ...

    async def keep(self, device: str, summary: str) -> None:
        """Store a summary in place of the older one."""
        ...


class ChatResponder:
    """A ``Responder`` that asks a model; with ``commands_first``, commands of the sentences need no model."""

    def __init__(
        self,
        model: LanguageModel,
        settings: ChatSettings,
        commands: CommandResponder,
        memory: ConversationMemory | None = None,
        piece_within: float = 60.0,
    ) -> None:
        self.piece_within = piece_within
        """Longest wait for each piece of the model's answer, in seconds."""

        self.name = f"llm: {model.name}"
        self.prompts = PromptManager(settings)
        self._model = model
        self._settings = settings
        self._commands = commands
        self._memory = memory if settings.memory else None
        self._summaries: dict[str, asyncio.Task[None]] = {}

    def conversation(self, tools: ToolSet, device_name: str) -> "ChatConversation":
        """Begin the conversation of a voice session."""
        if isinstance(tools, UnifiedToolHandler):
            handler = tools
        else:
            handler = UnifiedToolHandler(ToolManager([DeviceExecutor(tools)]), ToolContext(device=device_name), tools)
        commands = self._commands.conversation(tools, device_name) if self._settings.commands_first else None
        phrases = self._commands.sentences.phrases
        return ChatConversation(self, self._model, self._settings, handler, device_name, commands, phrases)

    def phrases(self) -> Iterable[str]:
        """Return the fixed replies of the commands."""
        return self._commands.phrases() if self._settings.commands_first else ()

    async def close(self) -> None:
        """Cancel the summaries that are not written yet, and close the model's connections."""
        tasks = list(self._summaries.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._commands.close()
        await self._model.close()

    # --- memory

    async def recall(self, device: str) -> str:
        """Return a device's summary; empty when there is none or memory is off."""
        if self._memory is None:
            return ""
        try:
            return await self._memory.recall(device)
        except PosewireError as exc:
            _log.warning("%s: nothing recalled: %s", device, exc)
            return ""

    def cancel_summary(self, device: str) -> None:
        """Cancel a device's summary that is not written yet: a new turn has begun."""
        task = self._summaries.pop(device, None)
        if task is not None:
            task.cancel()

    def schedule_summary(self, device: str, known: str, messages: list[ChatMessage]) -> None:
        """Write a device's summary after ``memory_pause_s`` without a turn, even if the session ends before."""
        if self._memory is not None:
            self.cancel_summary(device)
            self._summaries[device] = asyncio.create_task(self._summarise(self._memory, device, known, messages))

    async def _summarise(
        self, memory: ConversationMemory, device: str, known: str, messages: list[ChatMessage]
    ) -> None:
        await asyncio.sleep(self._settings.memory_pause_s)
        spoken = [f"{entry.role}: {entry.content}" for entry in messages if entry.role != "tool" and entry.content]
        task = [
            ChatMessage("system", _SUMMARISE),
            ChatMessage("user", f"Known before: {known or 'nothing'}\n\n" + "\n".join(spoken)),
        ]
        text = ModelText()
        try:
            pieces: list[str | Emotion] = []
            async for piece in each_within(self._model.chat(task), self.piece_within, self._model.name):
                if isinstance(piece, str):
                    pieces += text.push(piece)
            pieces += text.flush()
            summary = "".join(piece for piece in pieces if isinstance(piece, str)).strip()[:_MAX_SUMMARY]
            if summary:
                await memory.keep(device, summary)
        except PosewireError as exc:
            _log.warning("%s: no summary: %s", device, exc)
        finally:
            if self._summaries.get(device) is asyncio.current_task():
                del self._summaries[device]


class ChatConversation:
    """The dialogue of one voice session with the model."""

    def __init__(
        self,
        responder: ChatResponder,
        model: LanguageModel,
        settings: ChatSettings,
        tools: UnifiedToolHandler,
        device: str,
        commands: CommandConversation | None,
        phrases: Mapping[str, str],
    ) -> None:
        self.history = History(settings.max_turns, settings.max_tokens)
        self._responder = responder
        self._model = model
        self._rounds = settings.max_rounds
        self._tools = ModelTools(tools)
        self._device = device
        self._commands = commands
        self._phrases = phrases
        self._known: str | None = None
        self.person: Callable[[], str] = str
        """Returns the name of the enrolled person who spoke last; empty: unknown."""

        self.memorable = True
        """Whether summaries are kept: not for a device whose name is valid for this connection only."""

    async def answer(self, text: str) -> AsyncIterator[ReplyPart]:
        """Answer with the model, or carry out the command in the text.

        Raises:
            ProviderError: the model cannot answer.
            ConfigError: a prompt file has become unreadable.
        """
        self._responder.cancel_summary(self._device)
        # The model is offered the tools of this moment, and whether a text is a command depends on them.
        await self._tools.ready()
        if self._commands is not None and self._commands.knows(text):
            said: list[str] = []
            try:
                async for piece in self._commands.answer(text):
                    if isinstance(piece, str):
                        said.append(piece)
                    yield piece
            finally:
                self.history.add([ChatMessage("user", text), ChatMessage("assistant", "".join(said))])
            return
        if self._known is None:
            self._known = await self._responder.recall(self._device) if self.memorable else ""
        system = ChatMessage("system", self._responder.prompts.system_prompt(self._device, self._known, self.person()))
        turn = [ChatMessage("user", text)]
        try:
            async with aclosing(self._rounds_of(system, turn)) as pieces:  # type: ignore[type-var]
                async for piece in pieces:
                    yield piece
        finally:
            if turn[-1].role != "assistant":
                turn.append(ChatMessage("assistant", "(interrupted)"))
            self.history.add(turn)
            if self.memorable:
                self._responder.schedule_summary(self._device, self._known, self.history.messages())

    async def _rounds_of(self, system: ChatMessage, turn: list[ChatMessage]) -> AsyncIterator[ReplyPart]:
        """Ask the model, run the tools that it calls, ask again; append each message to ``turn``."""
        replies: Sequence[ToolReply] = ()
        silent = True
        for number in range(self._rounds + 1):
            began = time.monotonic()
            offered = self._tools.offered() if number < self._rounds else ()
            calls: list[ToolCall] = []
            said: list[str] = []
            text = ModelText()
            try:
                pieces = self._model.chat([system, *self.history.messages(), *turn], offered)
                bounded = each_within(pieces, self._responder.piece_within, self._model.name)
                async with aclosing(bounded) as answer:  # type: ignore[type-var]
                    async for part in answer:
                        if isinstance(part, ToolCall):
                            calls.append(part)
                            continue
                        for piece in text.push(part):
                            if isinstance(piece, str):
                                if not said and number == 0:
                                    yield StageTime("llm", _since(began))
                                said.append(piece)
                            yield piece
                for piece in text.flush():
                    if isinstance(piece, str):
                        said.append(piece)
                    yield piece
            except BaseException:
                # Interrupted, or broken off: the part that was spoken counts.
                turn.append(ChatMessage("assistant", "".join(said) + " (interrupted)"))
                raise
            spoken_now = bool(as_spoken("".join(said)))
            silent = silent and not spoken_now
            if not calls:
                if not spoken_now:
                    for piece in self._close(replies, silent):
                        if isinstance(piece, str):
                            said.append(piece)
                        yield piece
                turn.append(ChatMessage("assistant", "".join(said)))
                return
            if said:
                # A new line ends the sentence: the tool's time must not hold its speech back.
                yield "\n"
            began = time.monotonic()
            replies = await self._tools.run(calls)
            yield StageTime("tool", _since(began))
            turn.append(ChatMessage("assistant", "".join(said), tuple(calls)))
            turn += [reply.message() for reply in replies]
            spoken = [reply.text for reply in replies if reply.spoken]
            if spoken:
                turn.append(ChatMessage("assistant", " ".join(spoken)))
                yield " ".join(spoken)
                return
        for piece in self._close(replies, silent):
            yield piece

    def _close(self, replies: Sequence[ToolReply], silent: bool) -> Iterable[str | Emotion]:
        """Return an end for an answer whose last tool calls the model did not say a word about."""
        if any(reply.failed for reply in replies):
            return Emotion("sad"), self._phrases["failed"]
        return (self._phrases["done"],) if replies and silent else ()


def _since(then: float) -> float:
    return (time.monotonic() - then) * 1000
