"""A relay that decodes: it gives late subscribers the stream's state, so boards need not send periodic keys."""

from __future__ import annotations

from posewire.errors import PoseError
from posewire.wire.pose.blocks import snapshot_block
from posewire.wire.pose.decoder import PoseDecoder
from posewire.wire.pose.packet import Header, Kind, parse_header, put_varint, seal


class PoseRelay:
    """Follows one stream. Feed it every packet of the publisher, in the order in which subscribers get them."""

    def __init__(self, *, compiled: bool | None = False) -> None:
        self._decoder = PoseDecoder(compiled=compiled)
        self._base: int | None = None

    def feed(self, packet: bytes) -> bool:
        """Decode a packet; False where it does not decode (``needs_key`` then says whether to ask for a key)."""
        header, newest = parse_header(packet), self._decoder.reference
        try:
            self._decoder.decode(packet)
        except PoseError:
            return False
        if header is not None and header.kind is not Kind.CONTROL:
            # Where references are acknowledged, packets go on referring to an older frame than the newest.
            base = (header.sequence - header.distance) & 0xFFFF
            refers = header.kind is Kind.DELTA or header.kind is Kind.REPEAT
            self._base = base if refers and newest is not None and newest.sequence != base else None
        return True

    @property
    def needs_key(self) -> bool:
        """Whether the publisher should be asked for a key: send it ``key_request()``."""
        return self._decoder.needs_key

    def key_request(self) -> bytes:
        """The control packet for the publisher."""
        return self._decoder.key_request()

    def snapshot(self) -> bytes | None:
        """A packet from which a subscriber goes on as if it had received the stream from the start.

        It holds the frame that the packets at the moment refer to; None before the first frame.
        """
        ref = self._decoder.reference if self._base is None else self._decoder.reference_at(self._base)
        if ref is None or self._decoder.last is None:
            return None
        header = Header(
            Kind.SNAPSHOT, 0, self._decoder.last.stream, ref.sequence, ref.time_ms, reference_check=ref.check
        )
        out = bytearray(header.pack())
        for ident, state in ref.sets.items():
            flags, body = snapshot_block.encode(self._decoder.coder(state.spec), state)
            out += bytes((ident, flags)) + put_varint(len(body)) + body
        return seal(bytes(out))[0]
