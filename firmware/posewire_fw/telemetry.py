"""Tells a host of this project how the board fares: once after the start with what it died of, then now and then."""

import gc
import time

import machine
import posewire_slots as slots
from micropython import const

from posewire_fw import __version__, crash

_PERIOD_MS = const(30000)

_CAUSES = {
    machine.PWRON_RESET: "power on",
    machine.HARD_RESET: "reset",
    machine.WDT_RESET: "watchdog",
    machine.DEEPSLEEP_RESET: "deep sleep",
    machine.SOFT_RESET: "soft reset",
}


class Telemetry:
    """app is the application; wanted says whether this host takes telemetry."""

    def __init__(self, app):
        self._app = app
        self._started = True
        self._next = time.ticks_ms()
        self.wanted = False

    def greeted(self, wanted):
        """A host has said hello."""
        self.wanted = wanted
        self._next = time.ticks_ms()

    def poll(self):
        """Send a report when it is time. Allocates nothing until then."""
        if self.wanted and time.ticks_diff(time.ticks_ms(), self._next) >= 0:
            self._next = time.ticks_add(time.ticks_ms(), _PERIOD_MS)
            self._send()

    def _send(self):
        app = self._app
        snapshot = app.snapshot()
        message = {
            "type": "telemetry",
            "uptime_ms": snapshot["uptime_ms"],
            "heap_free": gc.mem_free(),
            "heap_free_min": snapshot["heap_free_min"],
            "rssi": app.wifi.rssi(),
            "reconnects": snapshot["reconnects"],
            "restarts": snapshot["restarts"],
            "audio_dropped": snapshot["dropped"]["audio"],
            "pose_dropped": snapshot["dropped"]["pose"],
        }
        if "mic" in snapshot:
            message["lost_samples"] = snapshot["mic"]["lost_samples"]
        if "speaker" in snapshot:
            message["underruns"] = snapshot["speaker"]["underruns"]
        text = ""
        if self._started:
            text = crash.read()
            message["started"] = True
            message["reset_cause"] = _CAUSES.get(machine.reset_cause(), "unknown")
            message["slot"] = slots.folder(slots.load().slot) or "base"
            message["firmware"] = __version__
            message["ssid"] = app.wifi.ssid
            if text:
                message["crash"] = text
        app.session.send(message)
        self._started = False
        if text:
            crash.forget()
