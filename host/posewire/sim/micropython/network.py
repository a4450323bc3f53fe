"""network.WLAN of an ESP32 in the simulated air: some networks are known there, and they can go away."""

import time

import simbus
from micropython import const

STA_IF = const(0)
AP_IF = const(1)

STAT_BEACON_TIMEOUT = const(200)
STAT_NO_AP_FOUND = const(201)
STAT_WRONG_PASSWORD = const(202)
STAT_ASSOC_FAIL = const(203)
STAT_HANDSHAKE_TIMEOUT = const(204)
STAT_IDLE = const(1000)
STAT_CONNECTING = const(1001)
STAT_GOT_IP = const(1010)

_CONNECT_MS = const(350)
_SCAN_MS = const(2000)

_hostname = "mpy-esp32"
_interfaces = {}


class _Air:
    """What the antenna sees, as Python says."""

    def __init__(self):
        self.up = True
        self.rssi = -52
        self.changed = time.ticks_ms()
        simbus.on(simbus.WIFI, self._change)

    def _change(self, port, a, b, c, length):
        if self.up != (a != 0):
            self.up = a != 0
            self.changed = time.ticks_ms()
        self.rssi = b


_air = _Air()


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
            wlan = super().__new__(cls)
            wlan._active = False
            wlan._ssid = None
            wlan._key = ""
            wlan._since = 0
            wlan._told = STAT_IDLE
            wlan._config = {"pm": cls.PM_PERFORMANCE, "reconnects": -1, "channel": 6, "txpower": 20}
            _interfaces[interface_id] = wlan
        return _interfaces[interface_id]

    def __init__(self, interface_id=STA_IF):
        pass

    def active(self, is_active=None):
        if is_active is None:
            return self._active
        self._active = bool(is_active)
        if not self._active:
            self._ssid = None
        return self._active

    def connect(self, ssid=None, key=None, *, bssid=None):
        if not self._active:
            raise OSError("Wifi Not Started")
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
            return _air.rssi
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
        known = simbus.settings.get("networks", {})
        if not _air.up or self._ssid not in known:
            # The chip goes on looking for ever: the code alternates between the failure and the next attempt.
            return STAT_CONNECTING if waited % (2 * _SCAN_MS) < _SCAN_MS else STAT_NO_AP_FOUND
        if known[self._ssid] != self._key:
            return STAT_CONNECTING if waited < _CONNECT_MS else STAT_WRONG_PASSWORD
        return STAT_CONNECTING if waited < _CONNECT_MS else STAT_GOT_IP

    def ifconfig(self, config=None):
        if self.isconnected():
            return ("192.168.4.17", "255.255.255.0", "192.168.4.1", "192.168.4.1")
        return ("0.0.0.0", "0.0.0.0", "0.0.0.0", "0.0.0.0")

    def config(self, *args, **kwargs):
        if kwargs:
            self._config.update(kwargs)
            return None
        name = args[0]
        if name == "mac":
            return bytes.fromhex(simbus.settings.get("mac", "02:00:00:00:00:01").replace(":", ""))
        if name in ("ssid", "essid"):
            return self._ssid or ""
        if name == "rssi":
            return _air.rssi
        if name not in self._config:
            raise ValueError("unknown config param")
        return self._config[name]

    def scan(self):
        simbus.poll()
        if not _air.up:
            return []
        known = simbus.settings.get("networks", {})
        return [(ssid.encode(), b"\x02\x00\x00\x00\x00\xfe", 6, _air.rssi, 3, False) for ssid in known]


def hostname(name=None):
    global _hostname
    if name is None:
        return _hostname
    _hostname = name
    return None


def country(code=None):
    return "XX" if code is None else None
