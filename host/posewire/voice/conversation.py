"""What answers: from a text to the pieces of a reply, while they come into being."""

from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from typing import Protocol

from posewire.voice.tools.base import DeviceTools


@dataclass(frozen=True)
class Emotion:
    """The face to show from here on."""

    name: str


@dataclass(frozen=True)
class Took:
    """How long a stage took: ``intent``, ``llm`` (to the first text), ``tool``."""

    stage: str
    milliseconds: float


@dataclass(frozen=True)
class EndOfReply:
    """The reply is over; the rest of the iterator runs when all of it has been played."""


@dataclass(frozen=True)
class Goodbye:
    """The user wants no more: the session ends after this reply."""


Piece = str | Emotion | Took | EndOfReply | Goodbye
"""A ``str`` is text to be spoken, in pieces of any size: sentences are put together by whoever speaks them."""


class Conversation(Protocol):
    """The dialogue of one session."""

    def answer(self, text: str) -> AsyncIterator[Piece]:
        """Answer what was said or typed; one at a time. May be closed or cancelled anywhere.

        Raises:
            ProviderError: nobody can answer now; the session says so.
        """
        ...


class Responder(Protocol):
    """Makes conversations; shared by all sessions."""

    name: str

    def conversation(self, tools: DeviceTools, device_name: str) -> Conversation:
        """Begin the conversation of a session."""
        ...

    def phrases(self) -> Iterable[str]:
        """Return sentences that will be said again and again: their audio may be made beforehand."""
        ...

    async def close(self) -> None:
        """Stop what still runs."""
        ...
