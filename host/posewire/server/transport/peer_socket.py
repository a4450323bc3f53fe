"""A connection to a peer: what sends to it, what receives from it, and what is answered where there is none.

A WebSocket, or something that stands in for one.
"""

import http
from dataclasses import dataclass
from typing import Protocol


class PeerSocket(Protocol):
    """Sends messages to one peer; what it receives goes to a ``Receiver``."""

    congested: bool
    """Whether the send buffer is over its limit."""

    cut: bool
    """Whether the connection was cut because too much waited for its peer."""

    last_received: float
    """When something last came, on ``time.monotonic``'s clock."""

    peer: str
    """The peer's address and port."""

    @property
    def address(self) -> str:
        """The peer's address, without its port."""

    @property
    def queued_bytes(self) -> int:
        """Bytes that wait in the send buffer."""

    @property
    def delivered(self) -> int:
        """The bytes of messages that the peer has received, about."""

    @property
    def round_trip_ms(self) -> float | None:
        """Milliseconds until the peer acknowledges, by the kernel; None where it does not tell."""

    def send_text(self, text: str) -> None:
        """Send a text message; nothing happens on a connection that is closing or closed."""

    def send_binary(self, data: bytes) -> None:
        """Send a binary message; nothing happens on a connection that is closing or closed."""

    def send_framed(self, frame: bytes) -> None:
        """Send a message that ``binary_frame`` has serialised, possibly for many receivers."""

    def ping(self) -> None:
        """Make the peer send a sign of life."""

    def close(self, code: int = 1000, reason: str = "") -> None:
        """Start to close the connection."""


class Receiver(Protocol):
    """Receives the messages of a connection. Calls come from the event loop, one at a time."""

    def on_text(self, text: str) -> None:
        """Receive a text message."""

    def on_binary(self, data: bytes) -> None:
        """Receive a binary message."""

    def on_other_frame(self) -> None:
        """Receive the notice of a frame that is no whole message: a piece, a pong, or a ping (answered already)."""

    def on_congested(self, congested: bool) -> None:
        """Receive the notice that the send buffer is over its limit, or below it again."""

    def on_closed(self, code: int, reason: str) -> None:
        """Receive the notice that the connection is gone; the last call."""


@dataclass(frozen=True)
class Refusal:
    """An HTTP answer instead of the upgrade."""

    status: http.HTTPStatus
    body: str
    content_type: str = "text/plain; charset=utf-8"
