"""One tracker as a SlimeVR server sees it: a socket of its own, a handshake, and what its sensor says."""

import asyncio
import hashlib
import re
from time import monotonic

from posewire import __version__
from posewire.bridges import slimevr_packets as packets
from posewire.bridges.slimevr_packets import Asked, ConfigWanted, Greeted, Pinged, SensorKnown
from posewire.bridges.udp import Address, Datagrams, datagrams
from posewire.skeleton.rotations import Rotation, Vector

_SENSOR = 0
_AGAIN = 1.0
"""Seconds after which what was not answered is said again."""

_SILENCE = 3.0
_CHECKED_EVERY = 0.25
_MAC = re.compile(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}", re.IGNORECASE)


class SlimeTracker:
    """A tracker for one member of a room, with one sensor."""

    def __init__(self, device: str, server: Address) -> None:
        self.device = device
        self.known = False
        """Whether the server takes the tracker and has its sensor's information."""

        self._greeted = False
        self._server = server
        self._number = 0
        self._last_heard = 0.0
        self._socket: Datagrams | None = None
        self._changed = asyncio.Event()

    async def run(self) -> None:
        """Be a tracker until cancelled; a server that falls silent is looked for again."""
        async with datagrams(self._receive, server=self._server) as socket:
            self._socket = socket
            said = -_AGAIN
            while True:
                if self._greeted and monotonic() - self._last_heard > _SILENCE:
                    self._greeted = self.known = False
                if not self.known and (self._changed.is_set() or monotonic() - said >= _AGAIN):
                    said = monotonic()
                    self._introduce()
                self._changed.clear()
                try:
                    async with asyncio.timeout(_CHECKED_EVERY):
                        await self._changed.wait()
                except TimeoutError:
                    continue

    def turn(self, rotation: Rotation, acceleration: Vector | None = None) -> bool:
        """Say how the sensor is turned, and how it is moved; False: the server does not know the tracker (yet)."""
        if not self.known:
            return False
        self._say(packets.ROTATION, packets.rotation(_SENSOR, *rotation))
        if acceleration is not None:
            self._say(packets.ACCELERATION, packets.acceleration(_SENSOR, *acceleration))
        return True

    def report(self, signal_dbm: int | None, battery: tuple[float, float] | None) -> None:
        """Say how strong the Wi-Fi is, and the battery's voltage and share (0 to 1); None: not known."""
        if not self.known:
            return
        if signal_dbm is not None:
            self._say(packets.SIGNAL, packets.signal_strength(signal_dbm))
        if battery is not None:
            self._say(packets.BATTERY, packets.battery(*battery))

    def _introduce(self) -> None:
        if self._greeted:
            self._say(packets.SENSOR_INFO, packets.sensor_info(_SENSOR))
            return
        # A handshake begins the numbers anew.
        self._number = 0
        self._say(packets.HANDSHAKE, packets.handshake(f"posewire {__version__}", hardware_address(self.device)))

    def _say(self, kind: int, content: bytes = b"") -> None:
        if self._socket is not None:
            self._socket.send(packets.packet(kind, self._number, content), self._server)
            self._number += 1

    def _receive(self, data: bytes, sender: Address) -> None:
        self._last_heard = monotonic()
        match packets.read_from_server(data):
            case Greeted():
                self._greeted, self.known = True, False
                self._changed.set()
            case SensorKnown(sensor) if sensor == _SENSOR and self._greeted:
                self.known = True
            case Asked():
                self._say(packets.HEARTBEAT)
            case Pinged(same) if self._socket is not None:
                self._socket.send(same, self._server)
            case ConfigWanted(sensor, flag):
                self._say(packets.CONFIG_DONE, packets.config_done(sensor, flag))


def hardware_address(device: str) -> bytes:
    """Return the 6 bytes by which a server knows a tracker again: the device id where it is a MAC, else made of it."""
    if _MAC.fullmatch(device):
        return bytes.fromhex(device.replace(":", ""))
    # Of the kind that no maker gives away.
    return b"\x02" + hashlib.sha256(device.encode()).digest()[:5]
