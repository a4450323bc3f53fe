"""One room over one connection that does not come back: what a recorder or a test needs, in one object."""

from collections.abc import AsyncIterator, Sequence
from types import TracebackType
from typing import Any

from posewire.client.connection import HostConnection
from posewire.client.reconnect import NO_RECONNECT
from posewire.client.room.frames import Arrival, ReceivedFrame
from posewire.client.room.member import RoomMember
from posewire.client.room.membership import Wanted
from posewire.client.room.pose_streams import ReceivedPose, StreamCount, load_compiled_codec
from posewire.client.room.room import Room
from posewire.errors import HostUnreachableError
from posewire.wire.messages import AudioParams

__all__ = ["HostUnreachableError", "ReceivedFrame", "ReceivedPose", "RoomClient", "StreamCount"]


class RoomClient:
    """Connects and joins a room, as an async context manager; a lost connection is the end of it.

    The arguments are those of ``HostConnection`` (``name`` is the device id) and of ``HostConnection.join``. Programs
    that are to live through a lost connection use ``posewire.connect``.
    """

    def __init__(
        self,
        url: str,
        room: str,
        *,
        token: str = "",
        name: str = "",
        publish: Sequence[str] = (),
        subscribe: Sequence[Wanted] = ("pose",),
        create: bool | None = None,
        audio: AudioParams | None = None,
        decode: bool = True,
        compiled: bool = False,
    ) -> None:
        self.connection = HostConnection(url, token=token, device=name, audio=audio, reconnect=NO_RECONNECT)
        self._name = room
        self._options: dict[str, Any] = {
            "publish": publish, "subscribe": subscribe, "create": create, "decode": decode, "compiled": compiled,
        }  # fmt: skip
        self._room: Room | None = None
        self._poses: AsyncIterator[ReceivedPose] | None = None
        self._arrivals: AsyncIterator[Arrival] | None = None

    async def __aenter__(self) -> "RoomClient":
        if self._options["compiled"]:
            await load_compiled_codec()
        await self.connection.open()
        try:
            self._room = room = await self.connection.join(self._name, **self._options)
        except BaseException:
            await self.connection.close()
            raise
        self._poses, self._arrivals = room.poses(), room.arrivals()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.connection.close()

    @property
    def room(self) -> Room:
        """The room; everything that a member may do is there."""
        assert self._room is not None, "use the client as an async context manager"
        return self._room

    @property
    def members(self) -> dict[int, RoomMember]:
        """The members by their ids."""
        return self.room.members

    def counts(self) -> dict[tuple[int, int], StreamCount]:
        """Return the counts by (member id, stream number)."""
        return self.room.counts()

    def poses(self) -> AsyncIterator[ReceivedPose]:
        """Iterate over the decoded poses since the client entered, until the connection closes."""
        assert self._poses is not None, "use the client as an async context manager"
        return self._poses

    def arrivals(self) -> AsyncIterator[Arrival]:
        """Iterate over room frames, undecoded, and room events, the welcome first, until the connection closes."""
        assert self._arrivals is not None, "use the client as an async context manager"
        return self._arrivals

    async def publish(self, packet: bytes) -> None:
        """Send one pose packet of this client's own stream."""
        await self.room.publish(packet)

    async def publish_audio(self, payload: bytes) -> None:
        """Send one audio frame to the room, encoded as ``audio`` says."""
        await self.room.publish_audio(payload)
