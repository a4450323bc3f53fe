"""Open Sound Control messages and bundles as bytes (extra ``osc``: python-osc)."""

import math
import struct
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from posewire.bridges.udp import Address
from posewire.errors import ConfigError, PosewireError, WireError
from posewire.terminal import warn

try:
    from pythonosc.osc_packet import OscPacket, ParseError

    _MISSING = False
except ImportError:
    _MISSING = True

Message = tuple[str, list[Any]]
"""An address and its arguments."""

_LARGEST = 1400
"""Bytes of a bundle: one Ethernet frame. A single message that is longer goes alone."""

_BUNDLE = b"#bundle\0" + (1).to_bytes(8, "big")
"""The head of a bundle, with the time that means at once."""

_SIZE = struct.Struct(">i")
_INT, _LONG, _FLOAT = struct.Struct(">i"), struct.Struct(">q"), struct.Struct(">f")
_INT32, _INT64 = 1 << 31, 1 << 63
_FORBIDDEN = str.maketrans(dict.fromkeys(" #*,/?[]{}", "_"))


def require_osc() -> None:
    """Raise ``ConfigError`` where python-osc is not installed."""
    if _MISSING:
        raise ConfigError("this needs python-osc: pip install 'posewire[osc]'")


def address_part(name: str) -> str:
    """Return a name as a part of an address: what OSC does not allow there becomes ``_``."""
    return "".join(letter if " " < letter < "\x7f" else "_" for letter in name.translate(_FORBIDDEN)) or "_"


def packets(messages: Iterable[Message]) -> Iterator[bytes]:
    """Yield datagrams with the messages: bundles, each as full as it may be."""
    parts, size = [_BUNDLE], len(_BUNDLE)
    for address, arguments in messages:
        message = message_bytes(address, arguments)
        if len(parts) > 1 and size + _SIZE.size + len(message) > _LARGEST:
            yield b"".join(parts)
            parts, size = [_BUNDLE], len(_BUNDLE)
        parts += [_SIZE.pack(len(message)), message]
        size += _SIZE.size + len(message)
    if len(parts) > 1:
        yield b"".join(parts)


def message_bytes(address: str, arguments: Iterable[Any]) -> bytes:
    """Return a message as OSC 1.0 writes it. python-osc does that too, but reads all back again: ten times the work."""
    types, values = [","], []
    for argument in arguments:
        match argument:
            case bool():
                types.append("T" if argument else "F")
            case int() if -_INT32 <= argument < _INT32:
                types.append("i")
                values.append(_INT.pack(argument))
            case int() if -_INT64 <= argument < _INT64:
                types.append("h")
                values.append(_LONG.pack(argument))
            case int() | float():
                types.append("f")
                values.append(_float32(float(argument)))
            case str():
                types.append("s")
                values.append(_text(argument))
            case bytes():
                types.append("b")
                values.append(_INT.pack(len(argument)) + argument + bytes(-len(argument) % 4))
            case _:
                raise TypeError(f"OSC cannot carry a {type(argument).__name__}")
    return b"".join([_text(address), _text("".join(types)), *values])


def _float32(value: float) -> bytes:
    try:
        return _FLOAT.pack(value)
    except OverflowError:  # more than a float32 holds
        return _FLOAT.pack(math.copysign(math.inf, value))


def _text(text: str) -> bytes:
    data = text.replace("\0", "").encode()
    return data + bytes(4 - len(data) % 4)


def read_packet(data: bytes) -> list[Message]:
    """Return the messages of a datagram, of its bundles too.

    Raises:
        WireError: it is no OSC.
    """
    try:
        return [(timed.message.address, list(timed.message.params)) for timed in OscPacket(data).messages]
    except ParseError as error:
        raise WireError(f"this is not OSC: {error}") from None
    except Exception as error:  # what its parser raises on bytes from anywhere is not documented
        raise WireError(f"this is not OSC: {type(error).__name__}: {error}") from None


class IncomingOsc:
    """Reads datagrams of anybody. ``handle`` is called with each message; what it raises refuses that message alone."""

    def __init__(self, handle: Callable[[str, list[Any]], None]) -> None:
        self.refused = 0
        self._handle = handle
        self._warned = ""

    def receive(self, data: bytes, sender: Address) -> None:
        """Handle the messages of a datagram."""
        try:
            messages = read_packet(data)
        except WireError as error:
            self.refuse(f"from {sender[0]}:{sender[1]}: {error}")
            return
        for address, values in messages:
            try:
                self._handle(address, values)
            except PosewireError as error:
                self.refuse(f"from {sender[0]}:{sender[1]}: {address}: {error}")

    def refuse(self, why: str, count: int = 1) -> None:
        """Count what was refused, and say why, once in a row."""
        self.refused += count
        if why != self._warned:
            self._warned = why
            warn(why)
