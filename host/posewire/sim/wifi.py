"""The simulated air: whether the board's network can be heard, and how well."""

from posewire.sim.bus import Bus, Kind
from posewire.sim.network import Network

SSID = "posewire-sim"
PASSWORD = "simulated"  # noqa: S105

_RSSI = -52


class Wifi:
    """One access point, SSID and PASSWORD; ``network`` is what lies behind it."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self._bus: Bus | None = None
        self._up = True
        self._rssi = _RSSI
        # The ESP32's status code, as the firmware last asked for it: 1010 when it is connected.
        self.status = 0

    def attach(self, bus: Bus) -> None:
        """The board has been switched on."""
        self._bus = bus
        self._tell()

    @property
    def up(self) -> bool:
        """Whether the access point is there."""
        return self._up

    @property
    def rssi(self) -> int:
        """Signal strength in dBm."""
        return self._rssi

    @rssi.setter
    def rssi(self, value: int) -> None:
        self._rssi = value
        self._tell()

    def drop(self) -> None:
        """The access point goes away: nothing gets through any more, connections stay half-open, new ones fail."""
        self._up = False
        self._network.cut(refuse=True)
        self._tell()

    def restore(self) -> None:
        """It is back: connections that neither side gave up go on where they were."""
        self._up = True
        self._network.mend()
        self._tell()

    def _tell(self) -> None:
        if self._bus is not None:
            self._bus.send(Kind.WIFI, 0, int(self._up), self._rssi)
