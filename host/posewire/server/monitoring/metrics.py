"""The numbers that the fast path records; ``http/prometheus.py`` and the health monitor read them."""

import time
from collections.abc import Mapping

from posewire.measure.histogram import Histogram
from posewire.measure.process_stats import resident_bytes


class Metrics:
    """The numbers of one host, besides its counters. The connections and the health monitor fill them."""

    def __init__(self) -> None:
        self.messages = Histogram()
        """Seconds from a message's arrival until everything that it causes at once is sent; every 16th is measured."""

        self.loop_lag = Histogram()
        """Seconds by which the event loop was late for a timer."""

        self.turns: dict[str, Histogram] = {}
        """Seconds of each stage of the turns of conversations."""

        self.resident = 0
        """Bytes of memory, as of the last ``measure_memory``."""

        self.started = time.time()

    def record_turn(self, stages: Mapping[str, float]) -> None:
        """Count a turn by the milliseconds of its stages."""
        for stage, milliseconds in stages.items():
            self.turns.setdefault(stage, Histogram()).observe(milliseconds / 1000)

    def measure_memory(self) -> int:
        """Return the resident memory in bytes, and remember it."""
        self.resident = resident_bytes()
        return self.resident
