"""Wi-Fi as a station. How networks are looked for and joined is in wifi_join.py, loaded for that."""

import machine
import network


class Wifi:
    """networks: list of {"ssid", "password"}; None when somebody else brings the network up (a cable, boot.py).

    problem says why there is no network, "" while there is no reason to complain.
    """

    def __init__(self, networks):
        self._given = networks is None
        self.networks = networks or []
        self.station = network.WLAN(network.STA_IF)
        self.queue = []
        # The network to try at once after the start; None before it has been looked up.
        self.last = None
        self.offer_made = None
        self.offer_result = None
        self.ssid = ""
        self.problem = ""

    def known(self):
        """Whether there is a network to try."""
        return self._given or bool(self.networks) or self.offer_made is not None

    def connected(self):
        return self._given or (self.offer_made is None and self.station.isconnected())

    def offer(self, ssid, password):
        """Try this network next; offer_result becomes True (then it is kept) or False."""
        self.offer_made = {"ssid": ssid, "password": password}
        self.offer_result = None

    def offered(self):
        """Whether a network was offered that has not been tried yet."""
        return self.offer_made is not None

    def mac(self):
        """The station's address, lower case with colons."""
        try:
            address = self.station.config("mac")
        except (OSError, RuntimeError, ValueError):
            address = machine.unique_id()
        return ":".join(["%02x" % byte for byte in address])

    def rssi(self):
        """Signal strength in dBm, None when there is none."""
        try:
            return self.station.status("rssi") if self.station.isconnected() else None
        except (OSError, RuntimeError, ValueError, TypeError):
            return None

    def scan(self):
        """The networks in reach, strongest first: list of (ssid, rssi, secured). Blocks for two seconds or so."""
        from posewire_fw import wifi_join

        return wifi_join.scan(self)

    async def join(self, beat):
        """Try one network for a while; True when connected. beat() is called while waiting."""
        from posewire_fw import wifi_join

        return await wifi_join.join(self, beat)

    def leave(self):
        """Leave the network: it is there, and nothing gets through. Another one that is known is tried first."""
        if not self._given:
            from posewire_fw import wifi_join

            wifi_join.leave(self)
