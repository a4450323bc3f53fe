"""The lossy way beside a WebSocket: poses that may be lost go by it while it works."""

from collections import Counter

from posewire.errors import FrameError, PosewireError, WireError
from posewire.rooms.frame import RoomFrame
from posewire.server.connection.datagram_way import DatagramWay
from posewire.server.connection.limits import PeerLimits
from posewire.server.connection.peer import Peer
from posewire.server.connection.token_bucket import TokenBucket
from posewire.wire.frames import FrameType, parse_frame
from posewire.wire.pose import Kind, parse_header

_PROTOCOL = 3
_OFFERS, _OFFERS_AT_ONCE = 0.2, 5
"""Attempts to open a way that one connection has in a second on average, and at once."""


class Datagrams:
    """The datagrams of one connection: what comes, under the same limits as all else, and what goes."""

    def __init__(self, peer: Peer, limits: PeerLimits, counters: Counter[str]) -> None:
        self._peer: Peer | None = peer
        self._limits = limits
        self._counters = counters
        self._offers = TokenBucket(_OFFERS, _OFFERS_AT_ONCE)
        self._way: DatagramWay | None = None

    @property
    def works(self) -> bool:
        """Whether there is a way, and it works."""
        return self._way is not None and self._way.works

    def admit_offer(self) -> None:
        """Count an attempt to open a way.

        Raises:
            WireError: ``too_many``: there were many just now.
        """
        if not self._offers.try_acquire():
            raise WireError("too many data channels were asked for just now: try again later", "too_many")

    def use(self, way: DatagramWay | None) -> None:
        """Use another way, or none; the one before is closed."""
        before, self._way = self._way, way
        if before is not None:
            before.end()

    def send(self, frame: RoomFrame) -> bool | None:
        """Send an expendable frame; None: it is to go by the WebSocket, for there is no way that works."""
        way = self._way
        if way is None or not frame.expendable or not way.works:
            return None
        sent = way.send(frame.header(_PROTOCOL) + frame.payload)
        self._counters["datagrams_out" if sent else "datagrams_full"] += 1
        return sent

    def receive(self, message: bytes) -> None:
        """Take a message of the peer: a pose, or a probe, which comes back. What is wrong is told by the WebSocket."""
        peer, limits = self._peer, self._limits
        if peer is None:
            return
        if not limits.pose.try_acquire():
            limits.flooded(peer, "pose", limits.pose)
            return
        self._counters["datagrams_in"] += 1
        try:
            self._receive(peer, message)
        except PosewireError as error:
            peer.refuse(error if isinstance(error, WireError) else WireError(str(error), error.code), of_frame=True)

    def close(self) -> None:
        """Close the way, with the connection."""
        self.use(None)
        self._peer = None  # the two hold each other

    def _receive(self, peer: Peer, message: bytes) -> None:
        frame = parse_frame(message, _PROTOCOL)
        if frame.type == FrameType.PROBE:
            if self._way is not None:
                self._way.send(message)
            return
        if frame.type != FrameType.POSE:
            raise FrameError(f"a data channel carries poses and probes, not frames of type {frame.type}")
        header = parse_header(frame.payload)
        alone = header is not None and header.kind is Kind.KEY
        peer.room.publish_pose(frame.payload, frame.member_id, lossy=not alone)
