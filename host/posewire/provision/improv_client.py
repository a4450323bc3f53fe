"""Improv with a board on any byte line: a serial port, or a simulated board's console."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from posewire.errors import ProvisioningError
from posewire.provision.improv import (
    Command,
    Decoder,
    ErrorState,
    Packet,
    PacketType,
    State,
    build_command,
    build_strings,
    build_wifi_settings,
    parse_result,
)

_POLL_SECONDS = 0.1
_ANSWER_SECONDS = 3.0
_SCAN_SECONDS = 20.0
_JOIN_SECONDS = 45.0
_REPEAT_SECONDS = 1.0

_WHY = {
    ErrorState.INVALID_PACKET: "the board could not read the command",
    ErrorState.UNKNOWN_COMMAND: "the board does not know this command",
    ErrorState.UNABLE_TO_CONNECT: "the board could not join the network: is the password right, is it on 2.4 GHz?",
    ErrorState.BAD_HOSTNAME: "the board does not take this name",
}


class Line(Protocol):
    """A byte line to the board; ``serial.Serial`` (with a short time-out) is one."""

    def read(self, size: int = 1, /) -> bytes:
        """Return up to ``size`` bytes, fewer or none after the line's time-out."""
        ...

    def write(self, data: bytes, /) -> object:
        """Send all bytes to the board."""
        ...


@dataclass(frozen=True)
class DeviceInfo:
    """A board's description of itself."""

    firmware: str
    version: str
    hardware: str
    name: str


@dataclass(frozen=True)
class Network:
    """A Wi-Fi network that the board hears."""

    ssid: str
    rssi: int
    secured: bool


class BoardMemory(NamedTuple):
    """Bytes of a board: its heap in all and free; the chip's own memory free and in one piece, -1 where not known.

    ``left_out``: the parts that it has left out, and why.
    """

    heap_size: int
    heap_free: int
    chip_free: int
    chip_largest: int
    profile: str
    left_out: str


class ImprovClient:
    """One conversation. All methods block and raise ProvisioningError; the message names the remedy."""

    def __init__(self, line: Line, on_text: Callable[[str], None] = lambda text: None) -> None:
        self._line = line
        self._on_text = on_text
        self._decoder = Decoder()
        self._pending: list[Packet] = []
        self.state: State | None = None

    def connect(self, timeout: float = 10.0) -> State:
        """Ask until the board answers, as it may still be starting; return its state."""
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            self._send(build_command(Command.CURRENT_STATE))
            until = min(deadline, time.monotonic() + _REPEAT_SECONDS)
            while (packet := self._packet(until)) is not None:
                if packet.type == PacketType.CURRENT_STATE and self.state is not None:
                    self._drain()
                    return self.state
        raise ProvisioningError(
            "the board does not answer on this port: check that it is the right port, that the firmware runs "
            "(press reset) and that no other program has the port open"
        )

    def info(self) -> DeviceInfo:
        """Return the board's description of itself."""
        strings = self._call(Command.DEVICE_INFO)
        if len(strings) < 4:
            raise ProvisioningError("the board's description of itself is too short")
        return DeviceInfo(*strings[:4])

    def scan(self) -> list[Network]:
        """Return the networks that the board hears, strongest first."""
        self._send(build_command(Command.SCAN))
        deadline = time.monotonic() + _SCAN_SECONDS
        networks: dict[str, Network] = {}
        while strings := self._result(Command.SCAN, deadline):
            if len(strings) >= 3:
                try:
                    network = Network(strings[0], int(strings[1]), strings[2] != "NO")
                except ValueError:
                    continue
                known = networks.get(network.ssid)
                if known is None or known.rssi < network.rssi:
                    networks[network.ssid] = network
        return sorted(networks.values(), key=lambda network: -network.rssi)

    def set_wifi(self, ssid: str, password: str, timeout: float = _JOIN_SECONDS) -> tuple[str, ...]:
        """Give the board a network and wait until it has joined it; return the URLs that the board names."""
        self._send(build_wifi_settings(ssid, password))
        return self._result(Command.WIFI_SETTINGS, time.monotonic() + timeout)

    def set_host(self, url: str, token: str) -> str:
        """Give the board its host and its token (empty: unchanged); return the URL that it uses now."""
        if url and not url.startswith(("ws://", "wss://")):
            raise ProvisioningError(f"the host's address must begin with ws:// or wss://, not {url!r}")
        strings = self._call(Command.HOST, build_strings((url, token)))
        return strings[0] if strings else ""

    def memory(self) -> BoardMemory | None:
        """Return what is free on the board; None where its firmware does not tell."""
        try:
            strings = self._call(Command.MEMORY)
            size, free, chip, largest = (int(text) for text in strings[:4])
        except (ProvisioningError, ValueError):
            return None
        return BoardMemory(size, free, chip, largest, *strings[4:6]) if len(strings) >= 6 else None

    def identify(self) -> None:
        """Make the board blink."""
        self._call(Command.IDENTIFY)

    def _call(self, command: Command, data: bytes = b"") -> tuple[str, ...]:
        self._send(build_command(command, data))
        return self._result(command, time.monotonic() + _ANSWER_SECONDS)

    def _send(self, data: bytes) -> None:
        # The line feed ends whatever stood on the line before: a packet must be at the start of one.
        self._line.write(b"\n" + data)

    def _result(self, command: Command, deadline: float) -> tuple[str, ...]:
        while (packet := self._packet(deadline)) is not None:
            if packet.type == PacketType.ERROR_STATE and packet.data[:1] not in (b"", b"\x00"):
                code = packet.data[0]
                known = code in set(ErrorState)
                raise ProvisioningError(_WHY.get(ErrorState(code), "the board failed") if known else f"error {code}")
            if packet.type == PacketType.RPC_RESULT:
                result = parse_result(packet.data)
                if result.command == command:
                    return result.strings
        raise ProvisioningError(f"the board did not answer ({command.name.lower()}) in time")

    def _packet(self, deadline: float) -> Packet | None:
        """Return the next packet; None when there is none until the deadline."""
        # The clock first: a board that sends packets all the time must not hold anybody up.
        while time.monotonic() < deadline:
            if self._pending:
                packet = self._pending.pop(0)
                if packet.type == PacketType.CURRENT_STATE and packet.data and packet.data[0] in set(State):
                    self.state = State(packet.data[0])
                return packet
            self._read()
        return None

    def _drain(self) -> None:
        """Read and drop the further answers to repeated questions."""
        deadline = time.monotonic() + 2 * _POLL_SECONDS
        while self._packet(deadline) is not None:
            pass

    def _read(self) -> None:
        for item in self._decoder.feed(self._line.read(256)):
            if isinstance(item, Packet):
                self._pending.append(item)
            else:
                self._on_text(item)
