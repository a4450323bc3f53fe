"""network.WLAN of an ESP32 in the simulated air: some networks are known there, and they can go away."""

import time

import simbus
import simidf
from micropython import const

STA_IF = const(0)
AP_IF = const(1)

AUTH_OPEN = const(0)
AUTH_WPA2_PSK = const(3)

STAT_BEACON_TIMEOUT = const(200)
STAT_NO_AP_FOUND = const(201)
STAT_WRONG_PASSWORD = const(202)
STAT_ASSOC_FAIL = const(203)
STAT_HANDSHAKE_TIMEOUT = const(204)
STAT_IDLE = const(1000)
STAT_CONNECTING = const(1001)
STAT_GOT_IP = const(1010)

# A chip takes a second or more, and nothing depends on it: every test of a board waits for this.
_CONNECT_MS = const(60)
_SCAN_MS = const(2000)
_SCAN_BLOCK_MS = const(50)

_hostname = "mpy-esp32"
_interfaces = {}


class _Air:
    """The networks in reach, as Python has set them."""

    def __init__(self):
        # By SSID: key, whether it is there, signal strength.
        self.networks = {}
        for ssid, key in simbus.settings.get("networks", {}).items():
            self.networks[ssid] = [key, True, -52]
        self.changed = time.ticks_ms()
        simbus.on(simbus.WIFI, self._change)

    def _change(self, port, a, b, c, length):
        ssid, key = bytes(simbus.payload[:length]).decode().split("\0")
        before = self.networks.get(ssid)
        if before is not None and before[1] != (a != 0):
            self.changed = time.ticks_ms()
        self.networks[ssid] = [key, a != 0, b]

    def rssi(self, ssid):
        entry = self.networks.get(ssid)
        return entry[2] if entry is not None else 0


_air = _Air()


# What has been allocated for good.
_charged = set()


def _charge(name):
    if name not in _charged:
        _allocate(name)
        _charged.add(name)


def _allocate(name):
    try:
        return simidf.allocate_parts(simidf.cost(name))
    except simidf.NoMemory:
        raise OSError("WiFi Out of Memory")


class WLAN:
    IF_STA = STA_IF
    IF_AP = AP_IF
    PM_NONE = 0
    PM_PERFORMANCE = 1
    PM_POWERSAVE = 2
    SEC_OPEN = 0
    SEC_WPA2 = 3

    def __new__(cls, interface_id=STA_IF):
        if interface_id not in _interfaces:
            _charge("network")
            # One driver for both, which is never given back.
            if not _interfaces:
                _charge("access_point" if interface_id == AP_IF else "station")
            wlan = super().__new__(cls)
            wlan._active = False
            wlan._memory = simidf.Allocation()
            wlan._ssid = None
            wlan._key = ""
            wlan._since = 0
            wlan._told = STAT_IDLE
            wlan._access_point = interface_id == AP_IF
            wlan._config = {"pm": cls.PM_PERFORMANCE, "reconnects": -1, "channel": 6, "txpower": 20}
            if wlan._access_point:
                wlan._config.update({"ssid": "ESP_SIM", "security": 0, "hidden": False, "max_clients": 4})
            _interfaces[interface_id] = wlan
        return _interfaces[interface_id]

    def __init__(self, interface_id=STA_IF):
        pass

    def active(self, is_active=None):
        if is_active is None:
            return self._active
        if is_active:
            if not self._access_point:
                _charge("active")
            elif not self._memory.pieces:
                self._memory = _allocate("access_point_on")
        elif self._access_point:
            self._memory.free()
        self._active = bool(is_active)
        if not self._active:
            self._ssid = None
        self._announce()
        return self._active

    def _announce(self):
        if self._access_point:
            simbus.send_json(simbus.AP, [self._active, self._config["ssid"], self._config["security"], self._key])

    def connect(self, ssid=None, key=None, *, bssid=None):
        if not self._active:
            raise OSError("Wifi Not Started")
        if "connect" not in _charged:
            # Buffers that come and go: with less than they would like it connects all the same.
            simidf.allocate_parts(min(simidf.cost("connect"), simidf.free_internal()))
            _charged.add("connect")
        self._ssid = ssid
        self._key = key or ""
        self._since = time.ticks_ms()

    def disconnect(self):
        self._ssid = None
        self.status()

    def isconnected(self):
        return self.status() == STAT_GOT_IP

    def status(self, param=None):
        simbus.poll()
        if param == "rssi":
            return _air.rssi(self._ssid)
        if param is not None:
            raise ValueError("unknown status param")
        code = self._status()
        if code != self._told:
            self._told = code
            simbus.send(simbus.WLAN, 0, code)
        return code

    def _status(self):
        if not self._active or self._ssid is None:
            return STAT_IDLE
        since = self._since
        if time.ticks_diff(_air.changed, since) > 0:
            since = _air.changed
        waited = time.ticks_diff(time.ticks_ms(), since)
        entry = _air.networks.get(self._ssid)
        if entry is None or not entry[1]:
            # The chip goes on looking for ever: the code alternates between the failure and the next attempt.
            return STAT_CONNECTING if waited % (2 * _SCAN_MS) < _SCAN_MS else STAT_NO_AP_FOUND
        if entry[0] != self._key:
            return STAT_CONNECTING if waited < _CONNECT_MS else STAT_WRONG_PASSWORD
        return STAT_CONNECTING if waited < _CONNECT_MS else STAT_GOT_IP

    def ifconfig(self, config=None):
        if self._access_point:
            return ("192.168.4.1", "255.255.255.0", "192.168.4.1", "0.0.0.0")
        if self.isconnected():
            return ("192.168.4.17", "255.255.255.0", "192.168.4.1", "192.168.4.1")
        return ("0.0.0.0", "0.0.0.0", "0.0.0.0", "0.0.0.0")

    def config(self, *args, **kwargs):
        if kwargs:
            for name, value in kwargs.items():
                if name in ("key", "password"):
                    if len(value) not in (0, 64) and not 8 <= len(value) <= 63:
                        raise OSError(-3, "invalid key length")
                    self._key = value
                elif name == "essid":
                    self._config["ssid"] = value
                else:
                    self._config[name] = value
            self._announce()
            return None
        name = args[0]
        if name == "mac":
            return bytes.fromhex(simbus.settings.get("mac", "02:00:00:00:00:01").replace(":", ""))
        if name in ("ssid", "essid") and not self._access_point:
            return self._ssid or ""
        if name == "rssi":
            return _air.rssi(self._ssid)
        if name not in self._config:
            raise ValueError("unknown config param")
        return self._config[name]

    def scan(self):
        """Blocks, as on the chip (where it takes some two seconds): one entry for each access point."""
        if not self._active:
            raise OSError("Wifi Not Started")
        time.sleep_ms(_SCAN_BLOCK_MS)
        simbus.poll()
        found = []
        for ssid, (key, up, rssi) in _air.networks.items():
            if up:
                security = WLAN.SEC_WPA2 if key else WLAN.SEC_OPEN
                found.append((ssid.encode(), b"\x02\x00\x00\x00\x00\xfe", 6, rssi, security, False))
        return found

    def ipconfig(self, name):
        return self.ifconfig()[:2] if name == "addr4" else None


def hostname(name=None):
    global _hostname
    if name is None:
        return _hostname
    _hostname = name
    return None


def country(code=None):
    return "XX" if code is None else None
