"""The packets of one pose stream that are kept: the last key or snapshot, the packets since, and who can follow."""

from collections.abc import Collection, Iterable, Sequence

from posewire.wire.pose import Kind
from posewire.wire.pose.packet import Header

MAX_CHAIN = 256
"""Longest chain of packets kept for a late member; beyond it the publisher is asked for a key packet instead."""

MAX_CHAIN_BYTES = 128 * 1024

SHORT_CHAIN_BYTES = 4 * 1024
"""A late member gets a chain up to this size as it is; in place of a longer one it gets a snapshot."""

_MEAN_OF = 200

_LATE = 128
"""How far a packet may be behind the newest to count as late, or as said twice; beyond, the stream began again."""

_AWAITED = 8
"""Reference frames whose acknowledgements are waited for; those of older ones are worth nothing any more."""

_REQUEST_GAP = 8
"""Packets of the stream between two requests (of a key or a snapshot) for it."""


class PoseStream:
    """One stream of one publisher. Who missed a packet waits for a snapshot or key: a gap, never a wrong pose.

    Packets of layer 1 are nobody's reference (``docs/pose-packet.md`` section 3): missing one leaves nobody behind.
    """

    def __init__(self, number: int) -> None:
        self.number = number
        self.acknowledged = False
        """Whether its publisher codes against frames that have been acknowledged: packets come on a lossy way."""

        self._held: dict[int, None] = {}
        """The reference frames that have come, the oldest first: an acknowledged stream refers to no others."""

        self._awaited: dict[int, set[int]] = {}
        self._packets: list[bytes] = []
        self._bytes = 0
        self._last_sequence: int | None = None
        self._behind: set[int] = set()
        self.snapshot_pending = False
        self.adapted = False
        """Whether the host has asked its publisher for smaller packets, because of what receivers report."""

        self.mean_bytes = 0.0
        """How large its packets between keys are, on the average of the last ones."""

        self.rate: tuple[int, bytes] | None = None
        """The byte budget that holds: the subscriber's id, its control packet."""

        self.key_wanted = False
        """Somebody asked for a key too soon after another request: it is passed on when that is due."""

        self._since_request = _REQUEST_GAP

    def append(self, header: Header, packet: bytes) -> bool:
        """Take the publisher's next packet; False: nobody needs it, for it is late or was said before.

        In an acknowledged stream also one that refers to a frame which has not come (yet): nobody can decode it.
        """
        if self._last_sequence is not None and (self._last_sequence - header.sequence) & 0xFFFF < _LATE:
            return False
        if self.acknowledged and header.kind is not Kind.KEY and self._reference(header) not in self._held:
            return False
        self._since_request += 1
        if self.rate is None and not self.adapted and header.kind in (Kind.DELTA, Kind.REPEAT):
            self.mean_bytes += (len(packet) - self.mean_bytes) / (_MEAN_OF if self.mean_bytes else 1)
        if header.kind is Kind.KEY:
            self._packets, self._bytes = [packet], len(packet)
            self._held = {header.sequence: None}
            self._awaited.clear()
            self.key_wanted = False
        elif self.acknowledged:
            self._append_reference(header, packet)
        elif self._last_sequence != (header.sequence - 1) & 0xFFFF or len(self._packets) >= MAX_CHAIN:
            self._packets = []
        elif self._packets:
            self._packets.append(packet)
            self._bytes += len(packet)
            if self._bytes > MAX_CHAIN_BYTES:
                self._packets = []
        self._last_sequence = header.sequence
        return True

    def await_acknowledgements(self, sequence: int, receivers: Iterable[int]) -> bool:
        """Wait until these subscribers have acknowledged a reference frame; True: there is nothing to wait for."""
        waiting = set(receivers)
        if waiting:
            self._awaited[sequence] = waiting
            while len(self._awaited) > _AWAITED:
                del self._awaited[next(iter(self._awaited))]
        return not waiting

    def acknowledge(self, sequence: int, member_id: int) -> bool:
        """Take a subscriber's acknowledgement; True: it was the last one that was waited for."""
        waiting = self._awaited.get(sequence)
        if waiting is None:
            return False
        waiting.discard(member_id)
        if not waiting:
            del self._awaited[sequence]
        return not waiting

    def chain(self) -> Sequence[bytes] | None:
        """Return the packets a new member needs to decode the next one; None when there is no complete chain."""
        return self._packets or None

    @property
    def held_bytes(self) -> int:
        """Bytes that are kept for late members."""
        return self._bytes if self._packets else 0

    @property
    def is_short(self) -> bool:
        """Whether the chain is worth no snapshot."""
        return self._bytes <= SHORT_CHAIN_BYTES

    @property
    def behind(self) -> frozenset[int]:
        """Ids of the subscribers who cannot follow."""
        return frozenset(self._behind)

    def shorten(self, chain: Sequence[bytes], count: int, snapshot: bytes) -> bool:
        """Put a snapshot in place of the first packets of the chain; False when that is another chain by now."""
        if chain is not self._packets:
            return False
        self._bytes += len(snapshot) - sum(len(packet) for packet in self._packets[:count])
        self._packets[:count] = [snapshot]
        return True

    def behind_for(self, header: Header) -> Collection[int]:
        """Return the ids of the subscribers who cannot decode this packet: a key packet anybody can."""
        return () if header.kind is Kind.KEY else self._behind

    def key_sent(self, except_for: Iterable[int]) -> None:
        """Note that a key packet went to all but these members: it brings back members that were behind."""
        self._behind.intersection_update(except_for)

    def miss(self, member_id: int, header: Header) -> None:
        """Note that a subscriber did not get a packet."""
        if header.layer == 0:
            self._behind.add(member_id)

    def wait_for_key(self, member_id: int) -> None:
        """Note that a subscriber has nothing to go on from."""
        self._behind.add(member_id)

    def caught_up(self, member_id: int) -> None:
        """Note that a subscriber has the whole chain."""
        self._behind.discard(member_id)

    def forget(self, member_id: int) -> None:
        """Drop what is known of a subscriber who left."""
        self._behind.discard(member_id)
        for waiting in self._awaited.values():
            waiting.discard(member_id)

    def may_request(self) -> bool:
        """Tell whether it is time to ask for a key or a snapshot, and count that as asked."""
        if self._since_request < _REQUEST_GAP:
            return False
        self._since_request = 0
        return True

    def _append_reference(self, header: Header, packet: bytes) -> None:
        """Keep a packet of an acknowledged stream, where others may refer to it."""
        if header.layer:
            return
        self._held[header.sequence] = None
        while len(self._held) > MAX_CHAIN:
            del self._held[next(iter(self._held))]
        if self._packets:
            self._packets.append(packet)
            self._bytes += len(packet)
        if len(self._packets) > MAX_CHAIN or self._bytes > MAX_CHAIN_BYTES:
            self._packets = []

    @staticmethod
    def _reference(header: Header) -> int:
        return (header.sequence - header.distance) & 0xFFFF
