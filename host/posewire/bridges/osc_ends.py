"""The two ends of a bridge whose other side speaks OSC: where it sends to, and where it receives."""

from collections.abc import Iterable
from dataclasses import dataclass

from posewire.bridges.osc_packets import Message, packets, require_osc
from posewire.bridges.udp import Address, Datagrams


@dataclass(frozen=True)
class OscEnds:
    """``to``: where what the room says goes; None: nothing goes out. ``listen``: where messages come in; None: none do.

    Raises:
        ConfigError: python-osc is not installed.
    """

    to: Address | None
    listen: Address | None

    def __post_init__(self) -> None:
        require_osc()

    @property
    def publish(self) -> tuple[str, ...]:
        """See ``Bridge``."""
        return ("pose",) if self.listen is not None else ()

    @property
    def subscribe(self) -> tuple[str, ...]:
        """See ``Bridge``."""
        return ("pose",) if self.to is not None else ()

    def send(self, socket: Datagrams, messages: Iterable[Message]) -> None:
        """Send messages, packed into as few datagrams as they fit in. There must be an address to send to."""
        assert self.to is not None
        for packet in packets(messages):
            socket.send(packet, self.to)

    def described(self, protocol: str, socket: Datagrams) -> str:
        """Return in words, for the person who started the bridge, where the two ends are."""
        ends = [("to", self.to), ("from", socket.address if self.listen is not None else None)]
        return ", ".join(f"{protocol} {way} {end[0]}:{end[1]}" for way, end in ends if end is not None)
