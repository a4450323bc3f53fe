"""Wi-Fi as a station: joins the first of the known networks that answers. Never blocks."""

import asyncio
import time

import machine
import network
from micropython import const

from posewire_fw import log

_JOIN_MS = const(15000)
_POLL_MS = const(100)


class Wifi:
    """networks: list of {"ssid", "password"}. With none configured the network is taken as given."""

    def __init__(self, networks):
        self._networks = networks
        self._turn = 0
        self._station = network.WLAN(network.STA_IF)

    def connected(self):
        return not self._networks or self._station.isconnected()

    def mac(self):
        """The station's address, lower case with colons."""
        try:
            address = self._station.config("mac")
        except (OSError, ValueError):
            address = machine.unique_id()
        return ":".join(["%02x" % byte for byte in address])

    def rssi(self):
        """Signal strength in dBm, None when there is none."""
        try:
            return self._station.status("rssi") if self._station.isconnected() else None
        except (OSError, ValueError, TypeError):
            return None

    async def join(self, beat):
        """Try the next known network for a while; True when connected. beat() is called while waiting."""
        station = self._station
        station.active(True)
        if station.isconnected():
            return True
        entry = self._networks[self._turn % len(self._networks)]
        self._turn += 1
        log.info("wifi", "joining %s", entry["ssid"])
        try:
            # The driver goes on trying by itself; it must be stopped before it takes another network.
            station.disconnect()
        except OSError:
            pass
        station.connect(entry["ssid"], entry.get("password", ""))
        deadline = time.ticks_add(time.ticks_ms(), _JOIN_MS)
        while time.ticks_diff(deadline, time.ticks_ms()) > 0:
            if station.isconnected():
                self._turn -= 1
                self._stay_awake()
                log.info("wifi", "connected to %s", entry["ssid"])
                return True
            beat()
            await asyncio.sleep_ms(_POLL_MS)
        log.warning("wifi", "%s does not answer", entry["ssid"])
        return False

    def _stay_awake(self):
        # Power saving costs a beacon interval (about 100 ms) of delay on everything that is received.
        try:
            self._station.config(pm=self._station.PM_NONE)
        except (AttributeError, ValueError, OSError):
            pass
