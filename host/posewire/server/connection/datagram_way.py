"""The lossy way beside a WebSocket, as those see it who open one, and the connection that uses it."""

from typing import Protocol

from posewire.rooms.frame import RoomFrame


class DatagramWay(Protocol):
    """A way to the peer of one connection on which messages may be lost or overtaken."""

    @property
    def works(self) -> bool:
        """Whether it is open, and the peer has been heard on it just now."""

    def send(self, message: bytes) -> bool:
        """Send a message; False: it takes no more at the moment."""

    def end(self) -> None:
        """Close it; returns at once."""


class PeerDatagrams(Protocol):
    """The datagrams of a connection, for the part that opens a way, and for its room."""

    @property
    def works(self) -> bool:
        """Whether there is a way, and it works."""

    def send(self, frame: RoomFrame) -> bool | None:
        """Send an expendable frame; None: it is to go by the WebSocket, for there is no way that works."""

    def admit_offer(self) -> None:
        """Count an attempt to open a way.

        Raises:
            WireError: ``too_many``: there were many just now.
        """

    def use(self, way: DatagramWay | None) -> None:
        """Use another way, or none; the one before is closed."""

    def receive(self, message: bytes) -> None:
        """Take a message of the peer."""
