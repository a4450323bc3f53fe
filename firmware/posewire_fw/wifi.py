"""Wi-Fi as a station: knows several networks and joins the one that it hears best."""

import asyncio
import time

import machine
import network
from micropython import const

from posewire_fw import credentials, log

_JOIN_MS = const(15000)
_POLL_MS = const(100)
# Refused for so long, and there is no hope: the driver itself would try for ever.
_REFUSED_MS = const(4000)
# What the driver raises: OSError for what it knows, RuntimeError for the rest.
_ERRORS = (OSError, RuntimeError)
# By the driver's status code (those below 1000 are failures): what people should know.
_WHY = {
    200: "does not answer any more",
    201: "is not in reach",
    202: "does not take the password",
    203: "does not let the board in",
    204: "does not take the password",
}


def signal_of(found):
    """The signal strength of one entry of a scan."""
    return found[3]


class Wifi:
    """networks: list of {"ssid", "password"}; None when somebody else brings the network up (a cable, boot.py).

    problem says why there is no network, "" while there is no reason to complain.
    """

    def __init__(self, networks):
        self._given = networks is None
        self._networks = networks or []
        self._station = network.WLAN(network.STA_IF)
        self._queue = []
        self._last = credentials.get(credentials.LAST_NETWORK)
        self._offer = None
        self.offer_result = None
        self.ssid = ""
        self.problem = ""

    def known(self):
        """Whether there is a network to try."""
        return self._given or bool(self._networks) or self._offer is not None

    def connected(self):
        return self._given or (self._offer is None and self._station.isconnected())

    def leave(self):
        """Leave the network: it is there, and nothing gets through. Another one that is known is tried first."""
        if self._given:
            return
        log.warning("wifi", "nothing gets through %s: leaving it", self.ssid)
        try:
            self._station.disconnect()
        except _ERRORS:
            pass
        others = []
        same = []
        for entry in self._ordered():
            (same if entry["ssid"] == self.ssid else others).append(entry)
        self._queue = others + same

    def offer(self, ssid, password):
        """Try this network next; offer_result becomes True (then it is kept) or False."""
        self._offer = {"ssid": ssid, "password": password}
        self.offer_result = None

    def offered(self):
        """Whether a network was offered that has not been tried yet."""
        return self._offer is not None

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

    def scan(self):
        """What is in reach, strongest first: list of (ssid, rssi, secured). Blocks for two seconds or so."""
        try:
            self._station.active(True)
            found = self._station.scan()
        except _ERRORS as exc:
            log.warning("wifi", "cannot scan: %s", exc)
            return []
        found.sort(key=signal_of, reverse=True)
        result = []
        names = []
        for entry in found:
            try:
                ssid = entry[0].decode()
            except UnicodeError:
                continue
            if ssid and ssid not in names:
                names.append(ssid)
                result.append((ssid, entry[3], entry[4] != 0))
        return result

    async def join(self, beat):
        """Try one network for a while; True when connected. beat() is called while waiting."""
        station = self._station
        try:
            station.active(True)
        except _ERRORS as exc:
            self.problem = "Wi-Fi does not start: %s" % exc
            raise OSError(self.problem)
        offer = self._offer
        if offer is None and station.isconnected():
            return True
        entry = offer if offer is not None else self._next()
        joined = entry is not None and await self._try(entry, beat)
        if offer is not None and self._offer is offer:
            self._offer = None
            if joined:
                self._keep(offer)
            self.offer_result = joined
        return joined

    def _next(self):
        """The network to try: what worked last, then those in reach by strength, then the others (they may hide)."""
        if not self._queue:
            self._queue = self._ordered()
        return self._queue.pop(0) if self._queue else None

    def _ordered(self):
        networks = self._networks
        if self._last:
            # Straight after the start, without a scan: it is there nearly always.
            last = self._last
            self._last = ""
            for entry in networks:
                if entry["ssid"] == last:
                    return [entry]
        if len(networks) < 2:
            return list(networks)
        order = []
        for ssid, _, _ in self.scan():
            for entry in networks:
                if entry["ssid"] == ssid:
                    order.append(entry)
        return order + [entry for entry in networks if entry not in order]

    def _keep(self, entry):
        self._networks = [entry] + [other for other in self._networks if other["ssid"] != entry["ssid"]]
        self._queue = []
        credentials.add_network(entry["ssid"], entry["password"])

    async def _try(self, entry, beat):
        station = self._station
        ssid = entry["ssid"]
        log.info("wifi", "joining %s", ssid)
        try:
            # The driver goes on trying by itself; it must be stopped before it takes another network.
            station.disconnect()
        except _ERRORS:
            pass
        began = time.ticks_ms()
        refused = began
        try:
            station.connect(ssid, entry.get("password", ""))
        except _ERRORS as exc:
            self.problem = "%s: %s" % (ssid, exc)
            log.warning("wifi", "%s", self.problem)
            return False
        while True:
            if station.isconnected():
                return self._joined(ssid)
            now = time.ticks_ms()
            status = station.status()
            if status not in _WHY:
                refused = now
            if time.ticks_diff(now, refused) > _REFUSED_MS or time.ticks_diff(now, began) > _JOIN_MS:
                break
            beat()
            await asyncio.sleep_ms(_POLL_MS)
        self.problem = "%s %s" % (ssid, _WHY.get(status, "does not answer"))
        log.warning("wifi", "%s", self.problem)
        try:
            station.disconnect()
        except _ERRORS:
            pass
        return False

    def _joined(self, ssid):
        self._queue = []
        self.ssid = ssid
        self.problem = ""
        self._stay_awake()
        log.info("wifi", "connected to %s, %s dBm", ssid, self.rssi())
        credentials.put(credentials.LAST_NETWORK, ssid)
        return True

    def _stay_awake(self):
        # Power saving costs a beacon interval (about 100 ms) of delay on everything that is received.
        try:
            self._station.config(pm=self._station.PM_NONE)
        except (AttributeError, ValueError, OSError):
            pass
