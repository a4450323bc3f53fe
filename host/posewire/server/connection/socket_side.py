"""A connection as the hub sees it: what its socket tells, and what goes over it as it is."""

from posewire.server.transport.peer_socket import PeerSocket


class SocketSide:
    """The part of a connection that only passes on to its socket (``hub.Connection``)."""

    def __init__(self, websocket: PeerSocket) -> None:
        self.websocket = websocket

    @property
    def congested(self) -> bool:
        """Whether the send buffer is over its limit."""
        return self.websocket.congested

    @property
    def last_received(self) -> float:
        """When something last came, on ``time.monotonic``'s clock."""
        return self.websocket.last_received

    @property
    def delivered(self) -> int:
        """The bytes that the peer has received of what it was sent; pings are not counted."""
        return self.websocket.delivered

    @property
    def round_trip_ms(self) -> float | None:
        """Milliseconds until the peer acknowledges, by the kernel; None where it does not tell."""
        return self.websocket.round_trip_ms

    def send_text(self, text: str) -> None:
        """Send a text message as it is."""
        self.websocket.send_text(text)

    def send_binary(self, data: bytes) -> None:
        """Send a binary message as it is."""
        self.websocket.send_binary(data)

    def ping(self) -> None:
        """Make the peer send a sign of life."""
        self.websocket.ping()

    def close(self, code: int, reason: str) -> None:
        """Close the connection with a code and a reason."""
        self.websocket.close(code, reason)

    @property
    def peer(self) -> str:
        """The peer's address and port."""
        return self.websocket.peer

    @property
    def address(self) -> str:
        """The peer's address, without its port."""
        return self.websocket.address

    @property
    def queued_bytes(self) -> int:
        """Bytes that wait to be sent to this peer."""
        return self.websocket.queued_bytes
