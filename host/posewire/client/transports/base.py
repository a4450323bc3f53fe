"""A way to a host, as a connection uses it."""

from collections.abc import AsyncIterator, Awaitable, Mapping
from typing import Protocol


class Transport(Protocol):
    """An open way to a host: whole messages, text and binary, in order."""

    async def send(self, message: str | bytes) -> None:
        """Send a message; returns when the network takes more.

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
