"""Offline answers: commands from the sentences files, and nothing else."""

import logging
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping

from posewire.errors import ToolError
from posewire.voice.commands.actions import ACTIONS, ActionCall
from posewire.voice.commands.intents import Command, IntentMatcher
from posewire.voice.commands.placeholders import PlaceholderValue, fill_argument, fill_text, placeholders
from posewire.voice.commands.sentences import IntentSpec, Sentences
from posewire.voice.conversation import Emotion, EndOfReply, Goodbye, ReplyPart, StageTime
from posewire.voice.tools.base import ToolSet

_log = logging.getLogger(__name__)


class CommandResponder:
    """Makes conversations that know the sentences only; a ``Responder``."""

    def __init__(self, sentences: Sentences) -> None:
        self.sentences = sentences
        self.matcher = IntentMatcher(sentences)
        self.name = self.matcher.name

    def conversation(self, tools: ToolSet, device_name: str) -> "CommandConversation":
        """Begin the conversation of a voice session."""
        return CommandConversation(self.sentences, self.matcher, tools, device_name)

    def phrases(self) -> Iterable[str]:
        """Return the replies that are always the same."""
        for intent in self.sentences.intents.values():
            for text in (*intent.replies, intent.missing, intent.failed, intent.confirm):
                if text and not placeholders(text):
                    yield text

    async def close(self) -> None:
        """Do nothing: nothing runs between turns."""


class CommandConversation:
    """The conversation of one voice session.

    It remembers a question that waits for yes or no, and the reply that each intent gave last.
    """

    def __init__(self, sentences: Sentences, matcher: IntentMatcher, tools: ToolSet, device_name: str) -> None:
        self._sentences = sentences
        self._matcher = matcher
        self._tools = tools
        self._device = PlaceholderValue(device_name, device_name)
        self._pending: Command | None = None
        self._said: Counter[str] = Counter()

    def knows(self, text: str) -> bool:
        """Tell whether a text is a command that can be carried out now, or answers a question that was asked."""
        command = self._matcher.match(text)
        if command is None:
            return False
        return self._pending is not None or (bool(command.intent.tools) and self._tool(command.intent) is not None)

    async def answer(self, text: str) -> AsyncIterator[ReplyPart]:
        """Carry out the command in a text, and report it in the reply."""
        began = time.monotonic()
        command = self._matcher.match(text)
        yield StageTime("intent", (time.monotonic() - began) * 1000)
        if command is None:
            yield Emotion("confused")
            yield self._sentences.phrases["not_understood"]
            return
        pending, self._pending = self._pending, None
        confirmed = command.intent.action == "confirm" and pending is not None
        if confirmed and pending is not None:
            command = pending
        intent, phrases = command.intent, self._sentences.phrases
        values = {**command.values, "device": self._device}
        tool = self._tool(intent)
        if tool is None:
            await self._tools.ready()
            tool = self._tool(intent)
        if tool is None:
            yield Emotion("sad")
            yield intent.missing or phrases["missing"]
        elif intent.confirm and not confirmed:
            self._pending = command
            yield Emotion("thinking")
            yield fill_text(intent.confirm, values)
        elif intent.reply_first:
            yield Emotion(intent.emotion)
            yield fill_text(self._next_reply(intent), values)
            yield EndOfReply()
            await self._do(intent, tool, values)
        else:
            began = time.monotonic()
            found = await self._do(intent, tool, values)
            if intent.action or tool:
                yield StageTime("tool", (time.monotonic() - began) * 1000)
            if found is None:
                yield Emotion("sad")
                yield intent.failed or phrases["failed"]
            else:
                yield Emotion(intent.emotion)
                yield fill_text(self._next_reply(intent), {**values, **found})
                if intent.action == "goodbye":
                    yield Goodbye()

    def _tool(self, intent: IntentSpec) -> str | None:
        """Return the first of the intent's tools that is available; empty when it needs none, None when none is."""
        if not intent.tools:
            return ""
        available = self._tools.available()
        return next((name for name in intent.tools if name in available), None)

    async def _do(
        self, intent: IntentSpec, tool: str, values: Mapping[str, PlaceholderValue]
    ) -> Mapping[str, PlaceholderValue] | None:
        """Run the action or call the tool, and return values for the reply; None when that failed."""
        if not intent.action and not tool:
            return {}
        arguments = {name: fill_argument(value, values) for name, value in intent.arguments.items()}
        try:
            if intent.action:
                return await ACTIONS[intent.action].run(ActionCall(self._tools, tool, arguments, self._abilities()))
            result = await self._tools.call(tool, arguments)
        except ToolError as exc:
            _log.warning("%s: %s failed: %s", self._device.text, tool or intent.action, exc)
            return None
        return {"result": PlaceholderValue(result, result)}

    def _abilities(self) -> Iterator[str]:
        for intent in self._sentences.intents.values():
            if intent.help and self._tool(intent) is not None:
                yield intent.help

    def _next_reply(self, intent: IntentSpec) -> str:
        said = self._said[intent.name]
        self._said[intent.name] += 1
        return intent.replies[said % len(intent.replies)]
