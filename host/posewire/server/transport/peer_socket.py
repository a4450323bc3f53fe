"""A connection to a peer, as all that send to it see it: a WebSocket, or something that stands in for one."""

from typing import Protocol


class PeerSocket(Protocol):
    """Sends messages to one peer; what it receives goes to a ``websocket.Receiver``."""

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
        """How many bytes of messages the peer has received, about."""

    @property
    def round_trip_ms(self) -> float | None:
        """How long the peer takes to acknowledge, by the kernel; None where it does not tell."""

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
