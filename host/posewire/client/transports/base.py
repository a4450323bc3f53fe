"""A way to a host, as a connection uses it."""

from collections.abc import AsyncIterator, Awaitable, Mapping
from dataclasses import asdict, dataclass, field
from enum import Enum
from time import time
from typing import Any, Protocol


class Delivery(Enum):
    """What a message is worth when it does not arrive at once.

    ``RELIABLE``: it arrives, in the order of sending. ``LOSSY``: it is worth nothing late: it may be lost or overtaken,
    where the way is one without order and repetition; on all other ways it is as the first.
    """

    RELIABLE = "reliable"
    LOSSY = "lossy"


@dataclass
class TransportCounts:
    """The messages of one opened way, without its own overhead. ``failed``: could not be sent.

    ``opened``: seconds since 1970.
    """

    messages_in: int = 0
    messages_out: int = 0
    bytes_in: int = 0
    bytes_out: int = 0
    failed: int = 0
    opened: float = field(default_factory=time)

    def received(self, size: int) -> None:
        """Count a message that came."""
        self.messages_in += 1
        self.bytes_in += size

    def sent(self, size: int) -> None:
        """Count a message that was sent."""
        self.messages_out += 1
        self.bytes_out += size

    def as_dict(self) -> dict[str, Any]:
        """Return the counts for JSON."""
        return asdict(self)


class Transport(Protocol):
    """An open way to a host: whole messages, text and binary."""

    @property
    def name(self) -> str:
        """The kind of way, for a person: ``websocket``, ``memory`` …"""

    @property
    def lossy(self) -> bool:
        """Whether what is sent as ``LOSSY`` may be lost at this moment."""

    async def send(self, message: str | bytes, delivery: Delivery = Delivery.RELIABLE) -> None:
        """Send a message; returns when the way takes more.

        Raises:
            ConnectionError: the way is closed.
        """

    def probe(self) -> Awaitable[object]:
        """Send a few bytes that the other side answers by itself; done when the answer is there."""

    def messages(self) -> AsyncIterator[str | bytes]:
        """Iterate over the messages that come, until the way is closed."""

    async def close(self) -> None:
        """Close it; does nothing when it is closed."""

    def abort(self) -> None:
        """Close it without a farewell: the other side does not answer."""

    def statistics(self) -> dict[str, Any]:
        """Return ``TransportCounts`` and what else this kind of way counts, for JSON."""

    @property
    def close_code(self) -> int | None:
        """The code with which it was closed (``wire/close_codes.py``); None while it is open."""

    @property
    def close_reason(self) -> str:
        """The reason that the side which closed has given."""


class Opener(Protocol):
    """Opens a way to a host."""

    async def __call__(self, url: str, headers: Mapping[str, str], timeout_s: float) -> Transport:
        """Open it within ``timeout_s`` seconds.

        Raises:
            HostUnreachableError: nobody is there.
            UnauthorizedError: the host does not let this program in.
        """
