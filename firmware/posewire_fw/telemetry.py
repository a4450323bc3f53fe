"""Tells a host of this project how the board fares: once after the start with what it died of, then now and then."""

import gc
import time

from micropython import const

from posewire_fw import memory
from posewire_fw.unload import unload_modules

_PERIOD_MS = const(30000)
_CRASH_SHORT = const(500)


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
        # What is free, and not what is garbage.
        gc.collect()
        dropped = 0
        for source in app.uplink.sources:
            dropped += source.skipped
        supervisor = app.supervisor
        message = {
            "type": "telemetry",
            "uptime_ms": app.clock.uptime_ms(),
            "heap_free": memory.heap_free(),
            "heap_free_min": supervisor.heap_free_min,
            "heap_size": gc.mem_alloc() + memory.heap_free(),
            "rssi": app.wifi.rssi(),
            "reconnects": app.connection.reconnects(),
            "restarts": supervisor.restarts,
            "audio_dropped": app.ring.dropped if app.ring is not None else 0,
            "pose_dropped": dropped,
        }
        found = memory.idf()
        if found is not None:
            message["idf_free"], message["idf_largest"], message["idf_free_min"] = found
        if app.left_out:
            message["left_out"] = list(app.left_out)
        if app.mic is not None:
            message["lost_samples"] = app.mic.lost_samples
        if app.speaker is not None:
            message["underruns"] = app.speaker.underruns
        crash = None
        if self._started:
            from posewire_fw import crash

            crash.add_start(message)
            message["ssid"] = app.wifi.ssid
        try:
            app.session.send(message)
        except ValueError:
            # Too long: the end of a crash says more than its beginning.
            message["crash"] = message.get("crash", "")[-_CRASH_SHORT:]
            app.session.send(message)
        if crash is not None:
            self._started = False
            crash.remove()
            unload_modules("crash")
