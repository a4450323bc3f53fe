"""Models behind an OpenAI-compatible ``/chat/completions``: a cloud, or your own llama-server, Ollama or vLLM.

Source: the OpenAI API reference, "Chat completions" and "Streaming"; tolerant of these servers' deviations.
"""

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from posewire.errors import ProviderError
from posewire.http_client import HttpAnswer
from posewire.voice.llm.base import ChatMessage, ChatTool, ToolCall
from posewire.voice.protocols.openai_http import OpenAiOptions, OpenAiServer, error_message
from posewire.voice.providers import ProviderContext
from posewire.wire.json_shape import as_list, as_object, as_text
from posewire.wire.json_text import parse_json

_MAX_ANSWER = 256 * 1024
"""Longest text and arguments of one answer, in characters: a longer one does not end."""


@dataclass(frozen=True)
class ChatOptions(OpenAiOptions):
    """Section ``[voice.providers.llm.openai]``."""

    model: str = ""
    """Name of the model; empty: the server's only one."""

    max_tokens: int = 0
    """Longest answer; 0: the server's default."""

    temperature: float = -1.0
    """Below 0: the server's default."""

    extra: Mapping[str, Any] = field(default_factory=dict)
    """More fields of every request, for a server's own options."""


def make(context: ProviderContext) -> "OpenAiChat":
    """Make the provider from its options."""
    return OpenAiChat(context.options(ChatOptions))


class OpenAiChat:
    """A ``LanguageModel``.

    Raises:
        ConfigError: the key cannot be read.
    """

    def __init__(self, options: ChatOptions) -> None:
        self._server = OpenAiServer(options)
        self._fixed: dict[str, Any] = {"stream": True}
        if options.model:
            self._fixed["model"] = options.model
        if options.max_tokens > 0:
            self._fixed["max_tokens"] = options.max_tokens
        if options.temperature >= 0:
            self._fixed["temperature"] = options.temperature
        self._fixed |= options.extra
        self.name = f"{options.model or 'model'} at {options.base_url}"

    async def chat(
        self, messages: Sequence[ChatMessage], tools: Sequence[ChatTool] = ()
    ) -> AsyncIterator[str | ToolCall]:
        """Answer the last message; see ``LanguageModel.chat``.

        Raises:
            ProviderError: the server cannot be reached, refused, broke off or was silent for too long.
        """
        request = {**self._fixed, "messages": [_message(message) for message in messages]}
        if tools:
            request["tools"] = [_tool(tool) for tool in tools]
        answer = AnswerParts()
        async with self._server.post("/chat/completions", json=request) as response:
            streamed = "json" not in response.content_type
            events = _events(response) if streamed else _whole(await response.read())
            async for event in events:
                if text := answer.add(event):
                    yield text
                if answer.size > _MAX_ANSWER:
                    raise ProviderError(f"the answer of {self.name} does not end")
                answer.finished = answer.finished or event is _DONE
        if not answer.finished:
            raise ProviderError(f"the answer of {self.name} broke off")
        for call in answer.calls.complete():
            yield call

    async def close(self) -> None:
        """Close the connections."""
        await self._server.close()


_DONE: dict[str, Any] = {}


async def _events(answer: HttpAnswer) -> AsyncIterator[dict[str, Any]]:
    """Read server-sent events: ``data:`` lines of JSON, then ``[DONE]``."""
    while line := await answer.line():
        if not line.startswith(b"data:"):
            continue
        data = line[5:].decode(errors="replace").strip()
        if data == "[DONE]":
            yield _DONE
            return
        yield _parse(data)


async def _whole(body: bytes) -> AsyncIterator[dict[str, Any]]:
    """Yield the answer of a server that does not stream."""
    yield _parse(body.decode(errors="replace"))


def _parse(text: str) -> dict[str, Any]:
    try:
        data = parse_json(text)
    except ValueError:
        raise ProviderError(f"the model's server sent something that is not JSON: {text[:100]!r}") from None
    if not isinstance(data, dict):
        raise ProviderError(f"the model's server sent something that is not an answer: {text[:100]!r}")
    if message := error_message(data):
        raise ProviderError(f"the model's server failed: {message}")
    return data


class AnswerParts:
    """Puts an answer together from the events in which a server sends it. What has no sensible shape adds nothing."""

    def __init__(self) -> None:
        self.calls = ToolCallParts()
        self.finished = False
        """Whether the server has said that the answer is complete."""

        self.size = 0
        """How much there is of it: its characters, and one for each event."""

    def add(self, event: Mapping[str, Any]) -> str:
        """Add an event; return its text, which may be empty."""
        choice = as_object(next(iter(as_list(event.get("choices"))), None))
        delta = as_object(choice.get("delta")) or as_object(choice.get("message"))
        text = as_text(delta.get("content"))
        self.size += len(text) + 1 + self.calls.add(delta.get("tool_calls"))
        self.finished = self.finished or bool(choice.get("finish_reason"))
        return text


class ToolCallParts:
    """Puts tool calls together from the pieces in which a server streams them."""

    def __init__(self) -> None:
        self._parts: list[dict[str, str]] = []
        self._at: dict[int, int] = {}

    def add(self, deltas: object) -> int:
        """Add the ``tool_calls`` of one event; return the number of their characters, and of the pieces."""
        size = 0
        for delta in as_list(deltas):
            if not isinstance(delta, dict):
                continue
            part = self._part(delta)
            function = as_object(delta.get("function"))
            name = as_text(function.get("name"))
            # Some servers say the name again, so far or whole, with every piece of the arguments.
            part["name"] = name if name.startswith(part["name"]) else part["name"] + name
            given = function.get("arguments") or ""
            # Some servers send the arguments as an object.
            arguments = given if isinstance(given, str) else json.dumps(given)
            part["arguments"] += arguments
            size += 1 + len(name) + len(arguments)
        return size

    def complete(self) -> list[ToolCall]:
        """Return the calls: the answer is complete."""
        return [
            ToolCall(part["id"] or f"call_{number}", part["name"], part["arguments"])
            for number, part in enumerate(self._parts)
            if part["name"]
        ]

    def _part(self, delta: Mapping[str, Any]) -> dict[str, str]:
        """Return the call of a piece. Its index names it, but some servers give none, or the same to all."""
        index, call_id = delta.get("index"), _id(delta.get("id"))
        at = self._at.get(index) if isinstance(index, int) else None
        if at is None and not isinstance(index, int) and self._parts and not call_id:
            at = len(self._parts) - 1
        if at is not None and call_id and self._parts[at]["id"] not in ("", call_id):
            at = None
        if at is None:
            self._parts.append({"id": "", "name": "", "arguments": ""})
            at = len(self._parts) - 1
        if isinstance(index, int):
            self._at[index] = at
        self._parts[at]["id"] = self._parts[at]["id"] or call_id
        return self._parts[at]


def _id(value: object) -> str:
    return str(value) if isinstance(value, str | int) else ""


def _message(message: ChatMessage) -> dict[str, Any]:
    data: dict[str, Any] = {"role": message.role, "content": message.content}
    if message.tool_calls:
        data["tool_calls"] = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments or "{}"}}
            for call in message.tool_calls
        ]
    if message.tool_call_id:
        data["tool_call_id"] = message.tool_call_id
    return data


def _tool(tool: ChatTool) -> dict[str, Any]:
    schema = dict(tool.schema) or {"type": "object", "properties": {}}
    return {
        "type": "function",
        "function": {"name": tool.name, "description": tool.description, "parameters": schema},
    }
