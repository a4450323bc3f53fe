"""The interface of a language model: messages and tools in, text and tool calls out, while they are written."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol


@dataclass(frozen=True)
class ToolCall:
    """The model's call of a tool."""

    id: str
    """Identifies the call in the answer to it; never empty."""

    name: str
    arguments: str
    """JSON as the model wrote it, unchecked. Empty means no arguments."""


@dataclass(frozen=True)
class ChatMessage:
    """One entry of a conversation.

    An assistant's message may carry ``tool_calls``; a tool's result has the role ``tool`` and the call's id.
    """

    role: Literal["system", "user", "assistant", "tool"]
    content: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str = ""


@dataclass(frozen=True)
class ChatTool:
    """A tool that the model may call."""

    name: str
    description: str = ""
    schema: Mapping[str, Any] = field(default_factory=dict)
    """JSON schema of the arguments, an object; empty: no arguments."""


class LanguageModel(Protocol):
    """One model; shared by all voice sessions, without any state of a conversation."""

    name: str

    def chat(self, messages: Sequence[ChatMessage], tools: Sequence[ChatTool] = ()) -> AsyncIterator[str | ToolCall]:
        """Answer the last message: text as it is written, in pieces of any size, then the tool calls, each complete.

        Cancelling the task that iterates, or closing the iterator (``contextlib.aclosing``), stops the model at once.

        Raises:
            ProviderError: the model cannot be reached, refused, broke off or was silent for too long.
        """
        ...

    async def close(self) -> None:
        """Close the connections."""
        ...
