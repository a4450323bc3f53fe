"""Packets as bytes: header, blocks, descriptors, check (``docs/pose-packet.md`` sections 3, 4 and 8)."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

from posewire.errors import PoseError
from posewire.wire.pose.sets import CUSTOM_ID, MAX_LANDMARKS, QUAT_ID, LandmarkSet, make_set

VERSION = 1
CHECK_BYTES = 4
MAX_PACKET = 65535
MAX_DISTANCE = 255


class Kind(IntEnum):
    KEY = 0
    DELTA = 1
    REPEAT = 2
    SNAPSHOT = 3
    RESTART = 4
    CONTROL = 7


class Control(IntEnum):
    KEY_REQUEST = 1
    ACK = 2
    RATE = 3


UNIT_GAIN = 32

# Block flags
MODE_INTRA = 3
COARSE_SHIFT = 2
HAS_MASK = 0x20
HAS_REFRESH = 0x40
HAS_INTRA_MASK = 0x80


class Header(NamedTuple):
    """The first bytes of a packet. ``time`` is 32 bits in key, snapshot and restart, the low 16 bits in delta
    and repeat.
    """

    kind: Kind
    layer: int
    stream: int
    sequence: int
    time: int = 0
    distance: int = 0
    reference_check: int = 0
    size: int = 0

    def pack(self) -> bytes:
        kind, layer, stream, sequence, time, distance, check, _ = self
        first = VERSION << 5 | kind << 2 | layer
        if kind is Kind.DELTA or kind is Kind.REPEAT:
            return _DELTA.pack(first, stream, sequence, time & 0xFFFF, distance)
        if kind is Kind.KEY:
            return _KEY.pack(first, stream, sequence, time)
        if kind is Kind.SNAPSHOT:
            return _SNAPSHOT.pack(first, stream, sequence, time, check)
        if kind is Kind.RESTART:
            return _RESTART.pack(first, stream, sequence, time, distance, check)
        return _CONTROL.pack(first, stream, sequence)


_KEY = struct.Struct(">BBHI")
_DELTA = struct.Struct(">BBHHB")
_SNAPSHOT = struct.Struct(">BBHII")
_RESTART = struct.Struct(">BBHIBI")
_CONTROL = struct.Struct(">BBH")
_KINDS = {
    VERSION << 3 | kind: (kind, layout)
    for kind, layout in (
        (Kind.KEY, _KEY),
        (Kind.DELTA, _DELTA),
        (Kind.REPEAT, _DELTA),
        (Kind.SNAPSHOT, _SNAPSHOT),
        (Kind.RESTART, _RESTART),
        (Kind.CONTROL, _CONTROL),
    )
}


def parse_header(packet: bytes) -> Header | None:
    """The header, or None for a version or kind that this version does not know (such packets are ignored).

    Raises ``PoseError`` for a packet that is too short or too long.
    """
    if not 4 <= len(packet) <= MAX_PACKET:
        raise PoseError(f"a pose packet must have 4 to {MAX_PACKET} bytes, not {len(packet)}")
    found = _KINDS.get(packet[0] >> 2)
    if found is None:
        return None
    kind, layout = found
    size = layout.size
    if len(packet) < size + CHECK_BYTES:
        raise PoseError("the packet ends within its header")
    first, stream, sequence, *rest = layout.unpack_from(packet)
    layer = first & 3
    if layout is _DELTA:
        return Header(kind, layer, stream, sequence, rest[0], rest[1], 0, size)
    if kind is Kind.KEY:
        return Header(kind, layer, stream, sequence, rest[0], 0, 0, size)
    if kind is Kind.SNAPSHOT:
        return Header(kind, layer, stream, sequence, rest[0], 0, rest[1], size)
    if kind is Kind.RESTART:
        return Header(kind, layer, stream, sequence, rest[0], rest[1], rest[2], size)
    return Header(kind, layer, stream, sequence, 0, 0, 0, size)


def seal(body: bytes, seed: int = 0) -> tuple[bytes, int]:
    """Appends the check; returns the packet and its check."""
    check = zlib.crc32(body, seed)
    return body + check.to_bytes(4, "big"), check


def verify(packet: bytes, seed: int = 0) -> int:
    """The check of a packet. Raises ``PoseError`` when it does not hold: damage, or another reference than the
    encoder's.
    """
    check = int.from_bytes(packet[-CHECK_BYTES:], "big")
    if zlib.crc32(packet[:-CHECK_BYTES], seed) != check:
        raise PoseError("the check does not hold: damaged, or coded against another reference")
    return check


def coarse_of(flags: int) -> int:
    """The coarse level in a block's flags."""
    return (flags >> COARSE_SHIFT) & 7


def put_varint(value: int) -> bytes:
    """7 bits a byte, low bits first, the high bit says that more follow."""
    if value < 128:
        return bytes((value,))
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def get_varint(data: bytes, pos: int, end: int) -> tuple[int, int]:
    """A varint of at most three bytes and the position after it."""
    value = 0
    for shift in (0, 7, 14):
        if pos >= end:
            break
        b = data[pos]
        pos += 1
        value |= (b & 127) << shift
        if b < 128:
            return value, pos
    raise PoseError("a length does not end")


def put_descriptor(spec: LandmarkSet) -> bytes:
    """A set's channels and steps; of custom sets also the topology, of quaternions their number."""
    out = bytes([spec.channels]) + struct.pack(f">{spec.channels}b", *spec.bits)
    if spec.id == QUAT_ID:
        return out + bytes([spec.landmarks])
    if spec.id == CUSTOM_ID:
        out += put_varint(spec.landmarks)
        out += b"".join(put_varint(0 if p < 0 else i - p) for i, p in enumerate(spec.parents))
    return out


def get_descriptor(ident: int, data: bytes, pos: int, end: int) -> tuple[LandmarkSet, int]:
    """Return the set that a descriptor declares, and the position after it.

    Raises ``PoseError`` for what the specification forbids.
    """
    if pos >= end or not 1 <= data[pos] <= 8 or pos + 1 + data[pos] > end:
        raise PoseError("the descriptor is cut or has a wrong number of channels")
    count = data[pos]
    bits = struct.unpack_from(f">{count}b", data, pos + 1)
    pos += 1 + count
    if ident == QUAT_ID:
        if pos >= end:
            raise PoseError("the descriptor is cut")
        return make_set(ident, data[pos], bits), pos + 1
    if ident == CUSTOM_ID:
        landmarks, pos = get_varint(data, pos, end)
        if not 1 <= landmarks <= MAX_LANDMARKS:
            raise PoseError(f"a custom set must have 1 to {MAX_LANDMARKS} landmarks, not {landmarks}")
        parents = []
        for i in range(landmarks):
            back, pos = get_varint(data, pos, end)
            parents.append(i - back if back else -1)
            if parents[-1] < -1:
                raise PoseError("a parent lies before the first landmark")
        return make_set(ident, landmarks, bits, tuple(parents)), pos
    return make_set(ident, 0, bits), pos


def get_gains(spec: LandmarkSet, data: bytes, pos: int, end: int) -> tuple[tuple[int, ...], int]:
    """One gain code (0 … 47) a coded channel."""
    stop = pos + spec.coded_channels
    if stop > end or any(g > 47 for g in data[pos:stop]):
        raise PoseError("gains are cut or out of range")
    return tuple(data[pos:stop]), stop


def put_mask(flags: list[bool]) -> bytes:
    """One bit a landmark, low bits first."""
    out = bytearray((len(flags) + 7) // 8)
    for i, f in enumerate(flags):
        if f:
            out[i >> 3] |= 1 << (i & 7)
    return bytes(out)


def get_mask(count: int, data: bytes, pos: int, end: int) -> tuple[list[bool], int]:
    size = (count + 7) // 8
    if pos + size > end:
        raise PoseError("a mask is cut")
    return [bool(data[pos + (i >> 3)] >> (i & 7) & 1) for i in range(count)], pos + size


class Block(NamedTuple):
    """One set within a packet: ``body`` is ``packet[start:end]``."""

    set_id: int
    flags: int
    start: int
    end: int


def blocks(packet: bytes, header: Header) -> list[Block]:
    """The sets of a packet in their order."""
    out: list[Block] = []
    pos, end = header.size, len(packet) - CHECK_BYTES
    while pos < end:
        if pos + 2 > end:
            raise PoseError("a block is cut")
        ident, flags = packet[pos], packet[pos + 1]
        if pos + 2 < end and packet[pos + 2] < 128:
            size, pos = packet[pos + 2], pos + 3
        else:
            size, pos = get_varint(packet, pos + 2, end)
        if pos + size > end:
            raise PoseError("a block is cut")
        if out and any(b.set_id == ident for b in out):
            raise PoseError("a set comes twice")
        out.append(Block(ident, flags, pos, pos + size))
        pos += size
    return out


def control(kind: Control, stream: int, sequence: int, argument: int = 0) -> bytes:
    """A packet from subscriber to publisher: key request, acknowledgement of ``sequence``, or a byte budget
    per packet.
    """
    head = Header(Kind.CONTROL, 0, stream, sequence).pack() + bytes([kind])
    if kind == Control.RATE:
        head += struct.pack(">H", argument)
    return seal(head)[0]


@dataclass(frozen=True, slots=True)
class ControlMessage:
    control: Control
    stream: int
    sequence: int
    argument: int = 0


def parse_control(packet: bytes) -> ControlMessage | None:
    """A control packet, or None when it is another kind or an unknown control. Raises ``PoseError`` for damage."""
    header = parse_header(packet)
    if header is None or header.kind != Kind.CONTROL:
        return None
    verify(packet)
    if len(packet) < 9 or packet[4] not in (1, 2, 3):
        return None
    kind = Control(packet[4])
    if len(packet) != (11 if kind == Control.RATE else 9):
        raise PoseError("the control packet has the wrong length")
    argument = int.from_bytes(packet[5:7], "big") if kind == Control.RATE else 0
    return ControlMessage(kind, header.stream, header.sequence, argument)
