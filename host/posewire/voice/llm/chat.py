"""The dialogue with a language model: prompt, history, tools in bounded rounds, a memory across sessions."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import aclosing
from typing import Protocol

from posewire.errors import PosewireError
from posewire.voice.commands.responder import CommandConversation, CommandResponder
from posewire.voice.conversation import Emotion, Piece, Took
from posewire.voice.llm.base import ChatMessage, LanguageModel, ToolCall
from posewire.voice.llm.emotions import ModelText
from posewire.voice.llm.history import History
from posewire.voice.llm.prompt import PromptManager
from posewire.voice.llm.settings import ChatSettings
from posewire.voice.tools.base import DeviceTools, ToolContext
from posewire.voice.tools.device import DeviceExecutor
from posewire.voice.tools.handler import UnifiedToolHandler
from posewire.voice.tools.manager import ToolManager

_log = logging.getLogger(__name__)

_MAX_MEMORY = 1500
"""Characters of a summary that are kept."""

_SUMMARISE = (
    "Write down in at most five short sentences what should be remembered of this person and this conversation for the "
    "next time: names, wishes, facts. No greetings, no tool results. What was known before is given first; keep what "
    "is still true."
)


class Memory(Protocol):
    """What is kept of a device's conversations."""

    async def recall(self, device: str) -> str:
        """Return the summary; empty when there is none."""
        ...

    async def keep(self, device: str, summary: str) -> None:
        """Keep a summary in place of the older one."""
        ...


class ChatResponder:
    """A ``Responder`` that asks a model; commands that the sentences know are done without it, where that is set."""

    def __init__(
        self,
        model: LanguageModel,
        settings: ChatSettings,
        commands: CommandResponder,
        memory: Memory | None = None,
    ) -> None:
        self.name = f"llm: {model.name}"
        self.prompts = PromptManager(settings)
        self._model = model
        self._settings = settings
        self._commands = commands
        self._memory = memory if settings.memory else None
        self._summaries: dict[str, asyncio.Task[None]] = {}

    def conversation(self, tools: DeviceTools, device_name: str) -> "ChatConversation":
        """Begin the conversation of a session."""
        if isinstance(tools, UnifiedToolHandler):
            handler = tools
        else:
            handler = UnifiedToolHandler(ToolManager([DeviceExecutor(tools)]), ToolContext(device=device_name))
        commands = self._commands.conversation(tools, device_name) if self._settings.commands_first else None
        return ChatConversation(self, self._model, self._settings, handler, device_name, commands)

    def phrases(self) -> Iterable[str]:
        """Return the fixed replies of the commands."""
        return self._commands.phrases() if self._settings.commands_first else ()

    async def close(self) -> None:
        """Give up on summaries that are not written, and close the model's connections."""
        tasks = list(self._summaries.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._commands.close()
        await self._model.close()

    # --- memory

    async def recall(self, device: str) -> str:
        """Return what is kept of a device; empty when memory is off."""
        if self._memory is None:
            return ""
        try:
            return await self._memory.recall(device)
        except PosewireError as exc:
            _log.warning("%s: nothing recalled: %s", device, exc)
            return ""

    def hurry_memory(self, device: str) -> None:
        """A new turn began: its end is waited for."""
        task = self._summaries.pop(device, None)
        if task is not None:
            task.cancel()

    def remember_soon(self, device: str, known: str, messages: list[ChatMessage]) -> None:
        """Write a summary when nothing more is said for a while; it outlives the session."""
        if self._memory is not None:
            self.hurry_memory(device)
            self._summaries[device] = asyncio.create_task(self._summarise(self._memory, device, known, messages))

    async def _summarise(self, memory: Memory, device: str, known: str, messages: list[ChatMessage]) -> None:
        await asyncio.sleep(self._settings.memory_pause_s)
        spoken = [f"{entry.role}: {entry.content}" for entry in messages if entry.role != "tool" and entry.content]
        task = [
            ChatMessage("system", _SUMMARISE),
            ChatMessage("user", f"Known before: {known or 'nothing'}\n\n" + "\n".join(spoken)),
        ]
        text = ModelText()
        try:
            pieces: list[str | Emotion] = []
            async for piece in self._model.chat(task):
                if isinstance(piece, str):
                    pieces += text.push(piece)
            pieces += text.flush()
            summary = "".join(piece for piece in pieces if isinstance(piece, str)).strip()[:_MAX_MEMORY]
            if summary:
                await memory.keep(device, summary)
        except PosewireError as exc:
            _log.warning("%s: no summary: %s", device, exc)
        finally:
            if self._summaries.get(device) is asyncio.current_task():
                del self._summaries[device]


class ChatConversation:
    """One session's dialogue with the model."""

    def __init__(
        self,
        responder: ChatResponder,
        model: LanguageModel,
        settings: ChatSettings,
        tools: UnifiedToolHandler,
        device: str,
        commands: CommandConversation | None,
    ) -> None:
        self.history = History(settings.max_turns, settings.max_tokens)
        self._responder = responder
        self._model = model
        self._rounds = settings.max_rounds
        self._tools = tools
        self._device = device
        self._commands = commands
        self._known: str | None = None
        self.speaker: Callable[[], str] = str
        """Who spoke last; empty: not known."""

        self.lasting = True
        """Whether the device is worth remembering; not one that has a name for this connection only."""

    async def answer(self, text: str) -> AsyncIterator[Piece]:
        """Answer with the model, or with a command that the text is.

        Raises:
            ProviderError: the model cannot answer.
            ConfigError: a prompt file has become unreadable.
        """
        self._responder.hurry_memory(self._device)
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
            self._known = await self._responder.recall(self._device) if self.lasting else ""
        system = ChatMessage("system", self._responder.prompts.of(self._device, self._known, self.speaker()))
        turn = [ChatMessage("user", text)]
        try:
            async with aclosing(self._rounds_of(system, turn)) as pieces:  # type: ignore[type-var]
                async for piece in pieces:
                    yield piece
        finally:
            if turn[-1].role != "assistant":
                turn.append(ChatMessage("assistant", "(interrupted)"))
            self.history.add(turn)
            if self.lasting:
                self._responder.remember_soon(self._device, self._known, self.history.messages())

    async def _rounds_of(self, system: ChatMessage, turn: list[ChatMessage]) -> AsyncIterator[Piece]:
        """Ask, do what is asked for, ask again; puts what was said and done into ``turn``."""
        for number in range(self._rounds + 1):
            began = time.monotonic()
            offered = self._tools.offered() if number < self._rounds else ()
            calls: list[ToolCall] = []
            said: list[str] = []
            text = ModelText()
            try:
                async with aclosing(  # type: ignore[type-var]
                    self._model.chat([system, *self.history.messages(), *turn], offered)
                ) as answer:
                    async for part in answer:
                        if isinstance(part, ToolCall):
                            calls.append(part)
                            continue
                        for piece in text.push(part):
                            if isinstance(piece, str):
                                if not said and number == 0:
                                    yield Took("llm", _since(began))
                                said.append(piece)
                            yield piece
                for piece in text.flush():
                    if isinstance(piece, str):
                        said.append(piece)
                    yield piece
            except BaseException:
                # Interrupted, or broken off: what was heard of it counts.
                turn.append(ChatMessage("assistant", "".join(said) + " (interrupted)"))
                raise
            if not calls:
                turn.append(ChatMessage("assistant", "".join(said)))
                return
            if said:
                # A new line ends the sentence: the tool's time must not hold its speech back.
                yield "\n"
            began = time.monotonic()
            replies = await self._tools.run(calls)
            yield Took("tool", _since(began))
            turn.append(ChatMessage("assistant", "".join(said), tuple(calls)))
            turn += [reply.message() for reply in replies]
            spoken = [reply.text for reply in replies if reply.spoken]
            if spoken:
                turn.append(ChatMessage("assistant", " ".join(spoken)))
                yield " ".join(spoken)
                return


def _since(then: float) -> float:
    return (time.monotonic() - then) * 1000
