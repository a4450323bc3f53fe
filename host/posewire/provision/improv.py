"""Improv Wi-Fi over a serial port: the packets, without I/O.

Specification: https://www.improv-wifi.com/serial/. A packet is ``IMPROV``, version 1, type, length, data, and the low
byte of the sum of all that; a line feed follows. Both ends keep packets at the start of a line, so that a log on the
same port does no harm. Commands from 0xF0 on are this project's own (docs/provisioning.md).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

from posewire.errors import WireError

HEADER = b"IMPROV"
VERSION = 1
_OVERHEAD = len(HEADER) + 3
_LINE_MAX = 4096


class PacketType(IntEnum):
    """The kind of a packet."""

    CURRENT_STATE = 1
    ERROR_STATE = 2
    RPC_COMMAND = 3
    RPC_RESULT = 4


class State(IntEnum):
    """The state of the board."""

    STOPPED = 0
    READY = 2
    PROVISIONING = 3
    PROVISIONED = 4


class ErrorState(IntEnum):
    """The reason of a failed command."""

    NONE = 0
    INVALID_PACKET = 1
    UNKNOWN_COMMAND = 2
    UNABLE_TO_CONNECT = 3
    BAD_HOSTNAME = 5
    UNKNOWN = 0xFF


class Command(IntEnum):
    """A command of a client."""

    WIFI_SETTINGS = 1
    CURRENT_STATE = 2
    DEVICE_INFO = 3
    SCAN = 4
    HOSTNAME = 5
    DEVICE_NAME = 6
    NETWORK_STATE = 7
    # Posewire's own
    HOST = 0xF0
    """Strings: the host's URL and the token, either may be empty for "as it is". Answer: the URL that is set now."""
    IDENTIFY = 0xF1
    MEMORY = 0xF2
    """Blinks the LED. Answer: an empty list."""


@dataclass(frozen=True)
class Packet:
    """A packet with a valid checksum."""

    type: int
    data: bytes


@dataclass(frozen=True)
class Result:
    """The data of an RPC result: the command that it answers, and its strings."""

    command: int
    strings: tuple[str, ...]


class Decoder:
    """Takes the bytes of a serial line apart into packets and lines of text."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self.damaged = 0
        """Number of packets with a wrong version or checksum; they are left out."""

    def feed(self, data: bytes) -> list[Packet | str]:
        """Add received bytes; return the packets that they complete, and the lines of text (without their ends)."""
        self._buffer += data
        found: list[Packet | str] = []
        while (item := self._next()) is not None:
            if item != "":
                found.append(item)
        return found

    def _next(self) -> Packet | str | None:
        buffer = self._buffer
        at = buffer.find(HEADER)
        end = buffer.find(b"\n")
        if end >= 0 and (at < 0 or end < at):
            return self._pop_text(end + 1)
        if at < 0:
            if len(buffer) > _LINE_MAX:
                return self._pop_text(_LINE_MAX)
            return None
        if at:
            return self._pop_text(at)
        if len(buffer) < _OVERHEAD:
            return None
        size = _OVERHEAD + buffer[8] + 1
        if len(buffer) < size:
            return None
        whole = bytes(buffer[:size])
        if whole[6] != VERSION or checksum(whole[:-1]) != whole[-1]:
            self.damaged += 1
            # Perhaps a real packet begins within what a broken length claimed.
            del buffer[: len(HEADER)]
            return ""
        del buffer[:size]
        return Packet(whole[7], whole[_OVERHEAD:-1])

    def _pop_text(self, count: int) -> str:
        text = self._buffer[:count].decode("utf-8", "replace").rstrip("\r\n")
        del self._buffer[:count]
        return text


def checksum(data: bytes) -> int:
    """Return the low byte of the sum of the bytes."""
    return sum(data) & 0xFF


def build_packet(kind: int, data: bytes) -> bytes:
    """Return a packet with its line feed. Raises WireError for more than 255 bytes of data."""
    if len(data) > 255:
        raise WireError(f"an Improv packet must have at most 255 bytes, not {len(data)}")
    body = HEADER + bytes((VERSION, kind, len(data))) + data
    return body + bytes((checksum(body),)) + b"\n"


def build_command(command: int, data: bytes = b"") -> bytes:
    """Return an RPC command. Raises WireError when it is too long."""
    if len(data) > 253:
        raise WireError(f"an Improv command must have at most 253 bytes, not {len(data)}")
    return build_packet(PacketType.RPC_COMMAND, bytes((command, len(data))) + data)


def build_strings(strings: Sequence[str]) -> bytes:
    """Return strings, each after its length in bytes. Raises WireError for one that is too long."""
    encoded = [text.encode() for text in strings]
    for text in encoded:
        if len(text) > 255:
            raise WireError("an Improv string must have at most 255 bytes")
    return b"".join(bytes((len(text),)) + text for text in encoded)


def build_wifi_settings(ssid: str, password: str) -> bytes:
    """Return the command that gives the board a network. Raises WireError when the name or the password is too long."""
    if not 1 <= len(ssid.encode()) <= 32:
        raise WireError("a network's name must have 1 to 32 bytes")
    if len(password.encode()) > 64:
        raise WireError("a network's password must have at most 64 bytes")
    return build_command(Command.WIFI_SETTINGS, build_strings((ssid, password)))


def parse_strings(data: bytes) -> tuple[str, ...]:
    """Return the strings that ``build_strings`` joined. Raises WireError when the lengths do not fit."""
    strings = []
    at = 0
    while at < len(data):
        end = at + 1 + data[at]
        if end > len(data):
            raise WireError("a string in an Improv packet is cut off")
        strings.append(data[at + 1 : end].decode("utf-8", "replace"))
        at = end
    return tuple(strings)


def parse_result(data: bytes) -> Result:
    """Parse the data of an RPC result packet. Raises WireError when it does not parse."""
    if len(data) < 2 or data[1] != len(data) - 2:
        raise WireError("an Improv result has the wrong length")
    return Result(data[0], parse_strings(data[2:]))
