"""Tells a host of this project how the board fares: once after the start with what it died of, then now and then."""

import gc
import time

from micropython import const

from posewire_fw import memory
from posewire_fw.unload import unload_modules, unload_slots

_PERIOD_MS = const(30000)


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
        # What is free, and not what is garbage, nor what makes the report.
        gc.collect()
        free = memory.heap_free()
        from posewire_fw import telemetry_report

        try:
            telemetry_report.send(self._app, self._started, free)
            self._started = False
        finally:
            unload_modules("telemetry_report", "crash")
            unload_slots()
