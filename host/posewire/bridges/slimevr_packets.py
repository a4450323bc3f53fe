"""The packets of SlimeVR's trackers, version 22 of their protocol: bytes only.

A packet is its type (u32), its number (u64, ascending), and its content, big-endian. A tracker says who it is until
the server answers; then it says what sensor it has until the server has that, and sends.
"""

import struct
from dataclasses import dataclass

PORT = 6969

_HEAD = struct.Struct(">IQ")
_PROTOCOL = 22
_CUSTOM_BOARD, _ESP32 = 4, 2
_NORMAL = 1
_ALL = 255

HEARTBEAT, HANDSHAKE, ACCELERATION, BATTERY, SENSOR_INFO, ROTATION, SIGNAL, CONFIG_DONE = 0, 3, 4, 12, 15, 17, 19, 24
_SERVER_HEARTBEAT, _PING, _SERVER_CONFIG = 1, 10, 25
_GREETING = b"\x03Hey OVR =D 5"


@dataclass(frozen=True)
class Greeted:
    """The server takes the tracker."""


@dataclass(frozen=True)
class Asked:
    """The server asks for a sign of life."""


@dataclass(frozen=True)
class Pinged:
    """The server measures the round trip: the same bytes go back."""

    data: bytes


@dataclass(frozen=True)
class SensorKnown:
    """The server has the sensor's information."""

    sensor: int


@dataclass(frozen=True)
class ConfigWanted:
    """The server sets a flag of a sensor (255: of all)."""

    sensor: int
    flag: int


FromServer = Greeted | Asked | Pinged | SensorKnown | ConfigWanted


def handshake(firmware: str, mac: bytes) -> bytes:
    """Return the content that tells who a tracker is: its firmware, and 6 bytes that no other tracker has."""
    name = firmware.encode()[:255]
    numbers = struct.pack(">IIIIIII", _CUSTOM_BOARD, 0, _ESP32, 0, 0, 0, _PROTOCOL)
    # After the address the kind of tracker, then vendor, its page, product, and two for updates: all unnamed.
    return numbers + bytes([len(name)]) + name + mac + bytes(6)


def sensor_info(sensor: int) -> bytes:
    """Return the content that tells of a sensor: it works, turns in all axes, and where it is worn nobody has said."""
    return struct.pack(">BBBHBBBff", sensor, 1, 0, 0, 1, 0, 0, 0.0, 0.0)


def rotation(sensor: int, w: float, x: float, y: float, z: float) -> bytes:
    """Return the content of a rotation."""
    return struct.pack(">BBffffB", sensor, _NORMAL, x, y, z, w, 0)


def acceleration(sensor: int, x: float, y: float, z: float) -> bytes:
    """Return the content of an acceleration in m/s², without gravity, in the sensor's axes."""
    return struct.pack(">fffB", x, y, z, sensor)


def battery(volts: float, share: float) -> bytes:
    """Return the content of a battery's voltage, and how full it is, 0 to 1."""
    return struct.pack(">ff", volts, share)


def signal_strength(dbm: int) -> bytes:
    """Return the content of the strength of the Wi-Fi."""
    return struct.pack(">Bb", _ALL, max(-128, min(127, dbm)))


def config_done(sensor: int, flag: int) -> bytes:
    """Return the content that confirms a flag."""
    return struct.pack(">BH", sensor, flag)


def packet(kind: int, number: int, content: bytes = b"") -> bytes:
    """Return a packet of the tracker protocol: its kind, its number, its content."""
    return _HEAD.pack(kind, number) + content


def read_from_server(data: bytes) -> FromServer | None:
    """Return what the server says; None where it is nothing that a tracker has to answer."""
    if data[: len(_GREETING)] == _GREETING:
        return Greeted()
    if len(data) < 4:
        return None
    kind = int.from_bytes(data[:4], "big")
    if kind == _SERVER_HEARTBEAT:
        return Asked()
    if kind == _PING and len(data) == _HEAD.size + 4:
        return Pinged(data)
    if kind == SENSOR_INFO and len(data) >= 6:
        return SensorKnown(data[4])
    if kind == _SERVER_CONFIG and len(data) >= _HEAD.size + 4:
        sensor, flag = struct.unpack_from(">BH", data, _HEAD.size)
        return ConfigWanted(sensor, flag)
    return None
