"""Looks for networks, and joins the one that is heard best. Loaded while the board has none, and unloaded after."""

import asyncio
import time

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


def scan(wifi):
    """The networks in reach, strongest first: list of (ssid, rssi, secured). Blocks for two seconds or so."""
    try:
        wifi.station.active(True)
        found = wifi.station.scan()
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


def leave(wifi):
    """Leave the network: it is there, and nothing gets through. Another one that is known is tried first."""
    log.warning("wifi", "nothing gets through %s: leaving it", wifi.ssid)
    try:
        wifi.station.disconnect()
    except _ERRORS:
        pass
    others = []
    same = []
    for entry in _ordered(wifi):
        (same if entry["ssid"] == wifi.ssid else others).append(entry)
    wifi.queue = others + same


async def join(wifi, beat):
    """Try one network for a while; True when connected. beat() is called while waiting."""
    station = wifi.station
    try:
        station.active(True)
    except _ERRORS as exc:
        wifi.problem = "Wi-Fi does not start: %s" % exc
        raise OSError(wifi.problem)
    offer = wifi.offer_made
    if offer is None and station.isconnected():
        return True
    entry = offer if offer is not None else _next(wifi)
    joined = entry is not None and await _try(wifi, entry, beat)
    if offer is not None and wifi.offer_made is offer:
        wifi.offer_made = None
        if joined:
            _keep(wifi, offer)
        wifi.offer_result = joined
    return joined


def _next(wifi):
    """The network to try: what worked last, then those in reach by strength, then the others (they may hide)."""
    if not wifi.queue:
        wifi.queue = _ordered(wifi)
    return wifi.queue.pop(0) if wifi.queue else None


def _ordered(wifi):
    networks = wifi.networks
    if wifi.last is None:
        wifi.last = credentials.get(credentials.LAST_NETWORK)
    if wifi.last:
        # Straight after the start, without a scan: it is there nearly always.
        last = wifi.last
        wifi.last = ""
        for entry in networks:
            if entry["ssid"] == last:
                return [entry]
    if len(networks) < 2:
        return list(networks)
    order = []
    for ssid, _, _ in scan(wifi):
        for entry in networks:
            if entry["ssid"] == ssid:
                order.append(entry)
    return order + [entry for entry in networks if entry not in order]


def _keep(wifi, entry):
    wifi.networks = [entry] + [other for other in wifi.networks if other["ssid"] != entry["ssid"]]
    wifi.queue = []
    credentials.add_network(entry["ssid"], entry["password"])


async def _try(wifi, entry, beat):
    station = wifi.station
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
        wifi.problem = "%s: %s" % (ssid, exc)
        log.warning("wifi", "%s", wifi.problem)
        return False
    while True:
        if station.isconnected():
            return _joined(wifi, ssid)
        now = time.ticks_ms()
        status = station.status()
        if status not in _WHY:
            refused = now
        if time.ticks_diff(now, refused) > _REFUSED_MS or time.ticks_diff(now, began) > _JOIN_MS:
            break
        beat()
        await asyncio.sleep_ms(_POLL_MS)
    wifi.problem = "%s %s" % (ssid, _WHY.get(status, "does not answer"))
    log.warning("wifi", "%s", wifi.problem)
    try:
        station.disconnect()
    except _ERRORS:
        pass
    return False


def _joined(wifi, ssid):
    wifi.queue = []
    wifi.ssid = ssid
    wifi.problem = ""
    _stay_awake(wifi)
    log.info("wifi", "connected to %s, %s dBm", ssid, wifi.rssi())
    credentials.put(credentials.LAST_NETWORK, ssid)
    return True


def _stay_awake(wifi):
    # Power saving costs a beacon interval (about 100 ms) of delay on everything that is received.
    try:
        wifi.station.config(pm=wifi.station.PM_NONE)
    except (AttributeError, ValueError, OSError, RuntimeError):
        pass
