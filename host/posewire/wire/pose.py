"""Pose packets: quantised landmarks as key and delta packets (``docs/wire.md`` section 5)."""

import binascii
import struct
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import ArrayLike, NDArray

from posewire.errors import PoseError

_HEADER = struct.Struct(">BBHI")
_CUSTOM = struct.Struct(">HBB")
_CRC = struct.Struct(">H")
_CRC_START = 0xFFFF
_LIMIT = 32767
_MISSING = -32768
_MAX_LANDMARKS = 1024
_MAX_CHANNELS = 8


class PacketKind(IntEnum):
    """What a pose packet is."""

    KEY = 0
    DELTA = 1
    KEY_REQUEST = 15


@dataclass(frozen=True)
class LandmarkSet:
    """A set of landmarks: how many, and each channel's grid exponent (the step is 2**-exponent)."""

    id: int
    name: str
    landmarks: int
    exponents: tuple[int, ...]

    @property
    def shape(self) -> tuple[int, int]:
        """(landmarks, channels)."""
        return self.landmarks, len(self.exponents)

    @property
    def steps(self) -> NDArray[np.float64]:
        """Size of one step of each channel, in the channel's unit."""
        return np.exp2(-np.array(self.exponents, np.float64))


SETS = {
    entry.name: entry
    for entry in (
        LandmarkSet(1, "body33", 33, (12, 12, 10, 6)),
        LandmarkSet(2, "hands42", 42, (12, 12, 10)),
        LandmarkSet(3, "face468", 468, (12, 12, 10)),
        LandmarkSet(4, "face478", 478, (12, 12, 10)),
        LandmarkSet(5, "world33", 33, (10, 10, 10, 6)),
        LandmarkSet(6, "coco17", 17, (12, 12, 6)),
        LandmarkSet(7, "quat1", 1, (14, 14, 14, 14)),
        LandmarkSet(8, "imu6", 2, (0, 0, 0)),
        LandmarkSet(9, "quat16", 16, (14, 14, 14, 14)),
    )
}
_BY_ID = {entry.id: entry for entry in SETS.values()}


def custom_set(landmarks: int, channels: int, exponent: int = 12) -> LandmarkSet:
    """Return a set of its own shape, all channels on the grid 2**-exponent.

    Raises:
        PoseError: more than 1024 landmarks or 8 channels, or an exponent above 15.
    """
    if not 1 <= landmarks <= _MAX_LANDMARKS or not 1 <= channels <= _MAX_CHANNELS or not 0 <= exponent <= 15:
        raise PoseError("a custom set has 1..1024 landmarks, 1..8 channels and a grid exponent of 0..15")
    return LandmarkSet(0, "custom", landmarks, (exponent,) * channels)


def set_for(kind: str, shape: tuple[int, int]) -> LandmarkSet:
    """Return the known set of that name when the shape fits, else a custom one (quaternions on a finer grid)."""
    known = SETS.get(kind)
    if known is not None and known.shape == shape:
        return known
    return custom_set(*shape, exponent=14 if kind.startswith("quat") else 12)


def quantise(values: ArrayLike, landmarks: LandmarkSet) -> NDArray[np.int16]:
    """Put float values on the set's grid: round half away from zero, limit to +-32767, NaN is -32768."""
    scaled = np.asarray(values, np.float64) * np.exp2(np.array(landmarks.exponents, np.float64))
    rounded = np.clip(np.sign(scaled) * np.floor(np.abs(scaled) + 0.5), -_LIMIT, _LIMIT)
    return np.where(np.isnan(rounded), _MISSING, rounded).astype(np.int16)


def dequantise(integers: NDArray[np.int16], landmarks: LandmarkSet) -> NDArray[np.float32]:
    """Return float32 values; a missing landmark is NaN."""
    values = integers * landmarks.steps
    values[integers == _MISSING] = np.nan
    return values.astype(np.float32)


@dataclass(frozen=True)
class PacketHeader:
    """The part of a packet that a relay reads."""

    kind: PacketKind
    set_id: int
    sequence: int
    time_ms: int


def read_header(packet: bytes) -> PacketHeader:
    """Read a packet's header without decoding it.

    Raises:
        PoseError: too short, another version, an unknown kind.
    """
    if len(packet) < _HEADER.size + _CRC.size:
        raise PoseError(f"a pose packet has at least {_HEADER.size + _CRC.size} bytes; got {len(packet)}")
    first, set_id, sequence, time_ms = _HEADER.unpack_from(packet)
    if first >> 4:
        raise PoseError(f"this is pose packet version {first >> 4}; this decoder knows version 0")
    try:
        kind = PacketKind(first & 15)
    except ValueError:
        raise PoseError(f"unknown pose packet kind {first & 15}") from None
    return PacketHeader(kind, set_id, sequence, time_ms)


@dataclass(frozen=True)
class Pose:
    """One decoded instant: float32 values of shape (landmarks, channels), NaN where missing."""

    landmarks: LandmarkSet
    sequence: int
    time_ms: int
    integers: NDArray[np.int16]

    @property
    def values(self) -> NDArray[np.float32]:
        """The values in the channels' units."""
        return dequantise(self.integers, self.landmarks)


class PoseEncoder:
    """Encodes one stream of one landmark set; a key packet first, on request, and every ``key_every`` packets."""

    def __init__(self, landmarks: LandmarkSet, key_every: int = 0) -> None:
        self.landmarks = landmarks
        self.sequence = 0
        self._key_every = key_every
        self._since_key = 0
        self._reference: NDArray[np.int16] | None = None
        self._crc = _CRC_START

    def request_key(self) -> None:
        """Make the next packet a key packet."""
        self._reference = None

    def encode(self, values: ArrayLike, time_ms: int) -> bytes:
        """Encode float values of shape (landmarks, channels) taken at ``time_ms``."""
        integers = quantise(values, self.landmarks)
        if self._key_every and self._since_key >= self._key_every:
            self._reference = None
        key = self._reference is None
        residual = integers.astype(np.int32)
        if self._reference is not None:
            residual -= self._reference
        kind = PacketKind.KEY if key else PacketKind.DELTA
        packet = bytearray(_HEADER.pack(kind, self.landmarks.id, self.sequence, time_ms & 0xFFFFFFFF))
        if self.landmarks.id == 0:
            packet += _CUSTOM.pack(*self.landmarks.shape, self.landmarks.exponents[0])
        for value in ((residual << 1) ^ (residual >> 31)).ravel().tolist():
            while value > 127:
                packet.append(value & 127 | 128)
                value >>= 7
            packet.append(value)
        self._crc = binascii.crc_hqx(packet, _CRC_START if key else self._crc)
        packet += _CRC.pack(self._crc)
        self._since_key = 1 if key else self._since_key + 1
        self._reference = integers
        self.sequence = (self.sequence + 1) & 0xFFFF
        return bytes(packet)


class PoseDecoder:
    """Decodes one stream. A packet that does not decode leaves the decoder as it was."""

    def __init__(self) -> None:
        self.sequence: int | None = None
        self._landmarks: LandmarkSet | None = None
        self._reference: NDArray[np.int32] | None = None
        self._crc = _CRC_START

    def decode(self, packet: bytes) -> Pose:
        """Decode a key or delta packet.

        Raises:
            PoseError: damaged, not a pose, or a delta against a packet that this decoder does not hold: then send
                ``key_request`` and wait for the next key packet.
        """
        header = read_header(packet)
        if header.kind is PacketKind.KEY_REQUEST:
            raise PoseError("a key request carries no pose")
        at = _HEADER.size
        if header.set_id == 0:
            if len(packet) < at + _CUSTOM.size + _CRC.size:
                raise PoseError("a custom set's header is cut short")
            landmarks = custom_set(*_CUSTOM.unpack_from(packet, at))
            at += _CUSTOM.size
        elif header.set_id in _BY_ID:
            landmarks = _BY_ID[header.set_id]
        else:
            raise PoseError(f"unknown landmark set {header.set_id}")
        start = _CRC_START
        if header.kind is PacketKind.DELTA:
            if self._landmarks != landmarks or self.sequence != (header.sequence - 1) & 0xFFFF:
                raise PoseError(f"packet {header.sequence} needs packet {(header.sequence - 1) & 0xFFFF} before it")
            start = self._crc
        body = memoryview(packet)[: -_CRC.size]
        (crc,) = _CRC.unpack_from(packet, len(body))
        if binascii.crc_hqx(body, start) != crc:
            raise PoseError(f"packet {header.sequence} is damaged or belongs to another reference")
        integers = _read_varints(body[at:], landmarks)
        if header.kind is PacketKind.DELTA:
            assert self._reference is not None
            integers += self._reference
        if integers.min() < _MISSING or integers.max() > _LIMIT:
            raise PoseError(f"packet {header.sequence} holds values beyond 16 bits")
        self._reference, self._landmarks = integers, landmarks
        self._crc, self.sequence = crc, header.sequence
        return Pose(landmarks, header.sequence, header.time_ms, integers.astype(np.int16))


def key_request(set_id: int, sequence: int = 0) -> bytes:
    """Build the packet by which a subscriber asks a publisher for a key packet."""
    body = _HEADER.pack(PacketKind.KEY_REQUEST, set_id, sequence, 0)
    return body + _CRC.pack(binascii.crc_hqx(body, _CRC_START))


def _read_varints(data: memoryview, landmarks: LandmarkSet) -> NDArray[np.int32]:
    values, value, shift = [], 0, 0
    for byte in data:
        value |= (byte & 127) << shift
        if byte & 128:
            shift += 7
            if shift > 14:
                raise PoseError("a value takes more than 3 bytes")
        else:
            values.append(value)
            value = shift = 0
    count = landmarks.landmarks * len(landmarks.exponents)
    if shift or len(values) != count:
        raise PoseError(f"{landmarks.name} has {count} values; the packet holds {len(values)}")
    zigzag = np.array(values, np.int32)
    return ((zigzag >> 1) ^ -(zigzag & 1)).reshape(landmarks.shape)
