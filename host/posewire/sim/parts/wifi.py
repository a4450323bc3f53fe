"""The simulated air: which networks the board hears, how well, and the access point that it may be itself."""

from dataclasses import dataclass

from posewire.sim.parts.bus import Bus, Kind
from posewire.sim.parts.network import Network

SSID = "posewire-sim"
PASSWORD = "simulated"  # noqa: S105

_RSSI = -52


@dataclass
class _Air:
    password: str
    rssi: int
    up: bool = True


@dataclass(frozen=True)
class AccessPoint:
    """The network that the board opens; ``security`` as in MicroPython: 0 open, 3 WPA2."""

    ssid: str
    security: int
    password: str


class Wifi:
    """SSID and PASSWORD, and what is added; ``network`` is what lies behind each."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self._bus: Bus | None = None
        self._air = {SSID: _Air(PASSWORD, _RSSI)}
        # The ESP32's status code, as the firmware last asked for it: 1010 when it is connected.
        self.status = 0
        self.access_point: AccessPoint | None = None

    def attach(self, bus: Bus) -> None:
        """The board has been switched on."""
        self._bus = bus
        self.access_point = None
        for ssid in self._air:
            self._tell(ssid)

    @property
    def up(self) -> bool:
        """Whether the first network's access point is there."""
        return self._air[SSID].up

    @property
    def rssi(self) -> int:
        """Its signal strength in dBm."""
        return self._air[SSID].rssi

    @rssi.setter
    def rssi(self, value: int) -> None:
        self._air[SSID].rssi = value
        self._tell(SSID)

    def add(self, ssid: str, password: str, rssi: int = _RSSI) -> None:
        """One more network, or other qualities for one that is there; an empty password makes it open."""
        self._air[ssid] = _Air(password, rssi)
        self._tell(ssid)

    def remove(self, ssid: str) -> None:
        """A network goes away; what lies behind goes on."""
        self._air[ssid].up = False
        self._tell(ssid)

    def drop(self) -> None:
        """All access points go away: nothing gets through any more, connections stay half-open, new ones fail."""
        self._network.cut(refuse=True)
        self._set_all(False)

    def restore(self) -> None:
        """They are back: connections that neither side gave up go on where they were."""
        self._network.mend()
        self._set_all(True)

    def announced(self, active: bool, ssid: str, security: int, password: str) -> None:
        """The board's own access point has changed."""
        self.access_point = AccessPoint(ssid, security, password) if active else None

    def _set_all(self, up: bool) -> None:
        for ssid, air in self._air.items():
            air.up = up
            self._tell(ssid)

    def _tell(self, ssid: str) -> None:
        if self._bus is not None:
            air = self._air[ssid]
            self._bus.send(Kind.WIFI, 0, int(air.up), air.rssi, payload=f"{ssid}\0{air.password}".encode())
