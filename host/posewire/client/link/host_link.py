"""The part of a connection that a room, a state or a sender needs."""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from posewire.client.link.send_queue import SendQueue
from posewire.wire.frames import FrameType
from posewire.wire.messages import AudioParams


class HostLink(Protocol):
    """A connection to a host, as its parts see it."""

    @property
    def queue(self) -> SendQueue:
        """The messages and frames that wait to be sent."""

    @property
    def audio(self) -> AudioParams:
        """How audio is encoded in both directions."""

    @property
    def audio_time(self) -> bool:
        """Whether audio has times in this session: both sides take it so."""

    @property
    def connected(self) -> bool:
        """Whether the host is there at this moment."""

    @property
    def in_room(self) -> bool:
        """Whether the host is there, and has this program in its room at this moment."""

    def room_closed(self, room: Any, reason: str) -> None:
        """Take the host's word that it has closed the room: it is over, or asked for again."""

    @property
    def lossy(self) -> bool:
        """Whether poses go by a way on which they may be lost at this moment."""

    @property
    def bytes_s(self) -> float | None:
        """The capacity of a congested way to the host, in bytes a second; None: more than what is sent."""

    @property
    def carries(self) -> float | None:
        """The bytes a second that the way to the host carries at least; None: not known."""

    def on(self, event: str, handler: Callable[..., Any]) -> Callable[[], None]:
        """Call a function at each event of this name; returns a function that stops that."""

    def failed(self, error: BaseException, where: str) -> None:
        """Report an exception of a function of the program."""

    def send(self, message: Mapping[str, Any], number: int | None = None) -> None:
        """Send a text message, or keep it for the host's return; with a number until the host confirms it."""

    def confirmed(self, number: int) -> None:
        """Keep the message with this number no longer."""

    def send_frame(self, kind: FrameType, payload: bytes, member_id: int = 0) -> None:
        """Send a binary frame, or nothing while the host is away."""

    async def deliver(self, kind: FrameType, payload: bytes) -> bool:
        """Send a binary frame and wait until the network has taken it; False: the host is away, or went away."""

    async def request(self, message: Mapping[str, Any]) -> None:
        """Send a message and wait until the host has handled it; raises ``WireError`` where it refuses."""

    async def wait_connected(self, timeout_s: float | None = None) -> None:
        """Wait until the host is there; raises ``NotConnectedError``."""
