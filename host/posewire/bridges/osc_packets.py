"""Open Sound Control messages and bundles as bytes (extra ``osc``: python-osc)."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from posewire.bridges.udp import Address
from posewire.errors import ConfigError, PosewireError, WireError
from posewire.terminal import warn

try:
    from pythonosc.osc_bundle_builder import IMMEDIATELY, OscBundleBuilder
    from pythonosc.osc_message_builder import OscMessageBuilder
    from pythonosc.osc_packet import OscPacket, ParseError

    _MISSING = False
except ImportError:
    _MISSING = True

Message = tuple[str, list[Any]]
"""An address and its arguments."""

_LARGEST = 1400
"""Bytes of a bundle: one Ethernet frame. A single message that is longer goes alone."""

_BUNDLE_HEAD, _SIZE = 16, 4
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
    bundle, size = OscBundleBuilder(IMMEDIATELY), _BUNDLE_HEAD
    count = 0
    for address, arguments in messages:
        builder = OscMessageBuilder(address)
        for argument in arguments:
            builder.add_arg(argument)
        message = builder.build()
        more = message.size + _SIZE
        if count and size + more > _LARGEST:
            yield bundle.build().dgram
            bundle, size, count = OscBundleBuilder(IMMEDIATELY), _BUNDLE_HEAD, 0
        bundle.add_content(message)
        size += more
        count += 1
    if count:
        yield bundle.build().dgram


def read_packet(data: bytes) -> list[Message]:
    """Return the messages of a datagram, of its bundles too.

    Raises:
        WireError: it is no OSC.
    """
    try:
        return [(timed.message.address, list(timed.message.params)) for timed in OscPacket(data).messages]
    except ParseError as error:
        raise WireError(f"no OSC: {error}") from None
    except Exception as error:  # what its parser raises on bytes from anywhere is not documented
        raise WireError(f"no OSC: {type(error).__name__}: {error}") from None


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
