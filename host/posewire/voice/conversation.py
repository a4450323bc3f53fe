"""The dialogue of a voice session: a text goes in, the parts of a reply come out while they are made."""

from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from typing import Protocol

from posewire.voice.tools.base import ToolSet


@dataclass(frozen=True)
class Emotion:
    """The emotion to show from here on; one of ``emotions.EMOJI``."""

    name: str


@dataclass(frozen=True)
class StageTime:
    """The time that a stage of the turn took: ``intent``, ``llm`` (to the first text) or ``tool``."""

    stage: str
    milliseconds: float


@dataclass(frozen=True)
class EndOfReply:
    """The reply is over; the rest of the iterator runs when all of it has been played."""


@dataclass(frozen=True)
class Goodbye:
    """The user has ended the conversation: the session ends after this reply."""


ReplyPart = str | Emotion | StageTime | EndOfReply | Goodbye
"""A ``str`` is text to be spoken, in pieces of any size; the turn puts sentences together."""


class Conversation(Protocol):
    """The dialogue of one voice session."""

    def answer(self, text: str) -> AsyncIterator[ReplyPart]:
        """Answer a spoken or typed text; one at a time. The iterator may be closed or cancelled anywhere.

        Raises:
            ProviderError: no answer is possible now; the session says so.
        """
        ...


class Responder(Protocol):
    """Makes conversations; shared by all voice sessions."""

    name: str

    def conversation(self, tools: ToolSet, device_name: str) -> Conversation:
        """Begin the conversation of a voice session."""
        ...

    def phrases(self) -> Iterable[str]:
        """Return texts that are spoken again and again: their audio may be made beforehand."""
        ...

    async def close(self) -> None:
        """Stop background work and close connections."""
        ...
