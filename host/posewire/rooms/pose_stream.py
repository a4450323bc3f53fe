"""What a relay keeps of one pose stream: the last key packet, the packets since, and who can follow."""

from collections.abc import Sequence

from posewire.wire.pose import Kind
from posewire.wire.pose.packet import Header

MAX_CHAIN = 256
"""Longest chain of packets kept for a late member; beyond it the publisher is asked for a key packet instead."""

MAX_CHAIN_BYTES = 128 * 1024

_REQUEST_GAP = 8
"""Packets of the stream between two key requests for it."""


class PoseStream:
    """One stream of one publisher. Who missed a packet waits for the next key packet: a gap, never a wrong pose.

    Packets of layer 1 are nobody's reference (``docs/pose-packet.md`` section 3): who misses one is not behind.
    """

    def __init__(self, number: int) -> None:
        self.number = number
        self._packets: list[bytes] = []
        self._bytes = 0
        self._last_sequence: int | None = None
        self._behind: set[int] = set()
        self._since_request = _REQUEST_GAP

    def append(self, header: Header, packet: bytes) -> None:
        """Take the publisher's next packet."""
        self._since_request += 1
        if header.kind is Kind.KEY:
            self._packets, self._bytes = [packet], len(packet)
        elif self._last_sequence != (header.sequence - 1) & 0xFFFF or len(self._packets) >= MAX_CHAIN:
            self._packets = []
        elif self._packets:
            self._packets.append(packet)
            self._bytes += len(packet)
            if self._bytes > MAX_CHAIN_BYTES:
                self._packets = []
        self._last_sequence = header.sequence

    def chain(self) -> Sequence[bytes] | None:
        """Return the packets a new member needs to decode the next one; None when there is no complete chain."""
        return self._packets or None

    def can_follow(self, slot: int, header: Header) -> bool:
        """Tell whether a subscriber can decode this packet; a key packet brings back who was behind."""
        if header.kind is Kind.KEY:
            self._behind.discard(slot)
        return slot not in self._behind

    def miss(self, slot: int, header: Header) -> None:
        """Note that a subscriber did not get a packet."""
        if header.layer == 0:
            self._behind.add(slot)

    def wait_for_key(self, slot: int) -> None:
        """Note that a subscriber has nothing to go on from."""
        self._behind.add(slot)

    def caught_up(self, slot: int) -> None:
        """Note that a subscriber has the whole chain."""
        self._behind.discard(slot)

    def forget(self, slot: int) -> None:
        """Drop what is known of a subscriber who left."""
        self._behind.discard(slot)

    def may_request(self) -> bool:
        """Tell whether it is time to ask the publisher for a key packet, and count that as asked."""
        if self._since_request < _REQUEST_GAP:
            return False
        self._since_request = 0
        return True
