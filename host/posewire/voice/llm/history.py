"""The history of a conversation: whole turns, bounded in number and in tokens."""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from posewire.voice.llm.base import ChatMessage, ToolCall

_CHARS_PER_TOKEN = 4
BYTES_PER_TOKEN = 4
"""Estimated memory of a token: four Latin letters of a byte each, or one other sign of two to four."""

_MESSAGE_TOKENS = 4


def tokens_of(message: ChatMessage) -> int:
    """Estimate the tokens of a message: a quarter of its Latin letters, one for each other sign."""
    text = message.content + "".join(call.name + call.arguments for call in message.tool_calls)
    wide = sum(1 for char in text if ord(char) > 0x2E7F)
    return _MESSAGE_TOKENS + wide + -(-(len(text) - wide) // _CHARS_PER_TOKEN)


class History:
    """Turns of one conversation, oldest first. A turn is never cut: models refuse a tool's result without its call."""

    def __init__(self, max_turns: int, max_tokens: int) -> None:
        self._max_turns = max_turns
        self._max_tokens = max_tokens
        self._turns: deque[tuple[int, tuple[ChatMessage, ...]]] = deque()
        self.tokens = 0

    def __len__(self) -> int:
        """Return the number of turns."""
        return len(self._turns)

    def add(self, turn: Sequence[ChatMessage]) -> None:
        """Add a turn and drop the oldest until the rest fits. A turn that is too long alone is dropped, too."""
        size = sum(map(tokens_of, turn))
        self._turns.append((size, tuple(turn)))
        self.tokens += size
        while self._turns and (len(self._turns) > self._max_turns or self.tokens > self._max_tokens):
            self.tokens -= self._turns.popleft()[0]

    def messages(self) -> list[ChatMessage]:
        """Return all messages in order."""
        return [message for _, turn in self._turns for message in turn]

    def as_dict(self) -> dict[str, Any]:
        """Return the whole history for JSON."""
        turns = [[asdict(message) for message in turn] for _, turn in self._turns]
        return {"max_turns": self._max_turns, "max_tokens": self._max_tokens, "turns": turns}

    @classmethod
    def from_dict(cls, saved: Mapping[str, Any]) -> "History":
        """Make a history from the result of ``as_dict``."""
        history = cls(saved["max_turns"], saved["max_tokens"])
        for turn in saved["turns"]:
            history.add(
                [
                    ChatMessage(**{**message, "tool_calls": tuple(ToolCall(**call) for call in message["tool_calls"])})
                    for message in turn
                ]
            )
        return history

    def clear(self) -> None:
        """Forget everything."""
        self._turns.clear()
        self.tokens = 0
