"""Binary frames of the three frame protocols (``docs/wire.md`` section 3)."""

import struct
from enum import IntEnum
from typing import NamedTuple

from posewire.errors import FrameError

_V2 = struct.Struct(">HHIII")
_V3 = struct.Struct(">BBH")
_TIME = struct.Struct(">I")

LONGEST_HEADER = _V2.size
"""Bytes of the longest header that a frame has in any frame protocol."""


class FrameType(IntEnum):
    """The content of a binary frame."""

    AUDIO = 0
    JSON = 1
    TIMED_AUDIO = 2
    DEFLATED = 3
    POSE = 16
    PROBE = 17
    """Comes back as it is; on data channels only."""


class Frame(NamedTuple):
    """One binary frame. ``member_id`` is the room member it comes from (0: the device or the host itself)."""

    type: int
    payload: bytes
    member_id: int = 0
    timestamp_ms: int = 0


def parse_frame(message: bytes, protocol: int) -> Frame:
    """Parse one binary WebSocket message of frame protocol 1, 2 or 3.

    Raises:
        FrameError: the header is cut short, or its payload size is not what follows.
    """
    if protocol == 1:
        return Frame(FrameType.AUDIO, message)
    if protocol == 3:
        if len(message) < _V3.size:
            raise FrameError(f"a protocol 3 frame must have a 4-byte header; got {len(message)} bytes")
        kind, member_id, size = _V3.unpack_from(message)
        timestamp, header = 0, _V3.size
    else:
        if len(message) < _V2.size:
            raise FrameError(f"a protocol 2 frame must have a 16-byte header; got {len(message)} bytes")
        version, kind, reserved, timestamp, size = _V2.unpack_from(message)
        if version != 2:
            raise FrameError(f"the version field of a protocol 2 frame must be 2; got {version}")
        member_id, header = reserved & 0xFF, _V2.size
    if size != len(message) - header:
        raise FrameError(f"the frame announces {size} payload bytes; {len(message) - header} follow")
    return Frame(kind, message[header:], member_id, timestamp)


def split_timed(payload: bytes) -> tuple[int, bytes]:
    """Return the time and the audio of a ``TIMED_AUDIO`` payload.

    Raises:
        FrameError: it is too short.
    """
    if len(payload) < _TIME.size:
        raise FrameError(f"an audio frame with a time must begin with {_TIME.size} bytes; got {len(payload)}")
    return _TIME.unpack_from(payload)[0], payload[_TIME.size :]


def join_timed(time_ms: int, audio: bytes) -> bytes:
    """Return the payload of a ``TIMED_AUDIO`` frame; ``time_ms`` is taken modulo 2^32."""
    return _TIME.pack(time_ms & 0xFFFFFFFF) + audio


def build_frame(kind: int, payload: bytes, protocol: int, member_id: int = 0, timestamp_ms: int = 0) -> bytes:
    """Build the binary message for one frame.

    Raises:
        FrameError: the payload does not fit (protocol 3: 65535 bytes), or protocol 1 cannot carry ``kind``.
    """
    return frame_header(kind, len(payload), protocol, member_id, timestamp_ms) + payload


def frame_header(kind: int, size: int, protocol: int, member_id: int = 0, timestamp_ms: int = 0) -> bytes:
    """Build the header of a frame whose payload has ``size`` bytes; frame protocol 1 has none.

    Raises:
        FrameError: see ``build_frame``.
    """
    if protocol == 1:
        if kind != FrameType.AUDIO or member_id:
            raise FrameError("frame protocol 1 carries only the peer's own audio")
        return b""
    if protocol == 3:
        if size > 0xFFFF:
            raise FrameError(f"a protocol 3 payload must be at most 65535 bytes; got {size}")
        return _V3.pack(kind, member_id, size)
    return _V2.pack(2, kind, member_id, timestamp_ms & 0xFFFFFFFF, size)
