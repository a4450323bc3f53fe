"""The host's numbers: what the fast path counts as plain integers, shown to Prometheus and to the alerts when asked."""

import asyncio
import re
import time
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from posewire.server.monitoring.histogram import Histogram
from posewire.server.monitoring.process_stats import cpu_seconds, open_files, resident_bytes
from posewire.voice.output import TurnReport

if TYPE_CHECKING:
    from posewire.server.services import Services

_BYTES = (0, 1024, 4096, 16384, 65536, 262144)
"""Bounds of histograms of bytes."""

_LABELLED = {"refused": "code", "flood": "kind", "http": "what", "push": "what", "alert": "name"}
"""Counters whose name begins so are one metric with a label; the rest are a metric each."""


class HostMetrics(Collector):
    """One host's. ``messages`` and ``loop_lag`` are filled by the connections and the scheduler."""

    def __init__(self) -> None:
        self.messages = Histogram()
        """Seconds from a message's arrival until everything that it causes at once is sent; every 16th is looked at."""

        self.loop_lag = Histogram()
        """Seconds by which the event loop was late for a timer."""

        self.turns: dict[str, Histogram] = {}
        """Seconds of each stage of the turns of conversations."""

        self.resident = 0
        """Bytes, as of the scheduler's last look."""

        self.started = time.time()
        self._services: Services | None = None
        self._registry = CollectorRegistry()

    def attach(self, services: "Services") -> None:
        """Take the services whose numbers are shown."""
        self._services = services
        self._registry.register(self)

    def note_turn(self, report: TurnReport) -> None:
        """Count a turn's stages."""
        for stage, took in report.stages.items():
            self.turns.setdefault(stage, Histogram()).observe(took / 1000)

    def exposition(self) -> bytes:
        """Return everything in Prometheus' text format."""
        return generate_latest(self._registry)

    def describe(self) -> Iterable[Metric]:
        """Nothing is known beforehand: the counters come as they are first counted."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Yield all metrics."""
        services = self._services
        if services is None:
            return
        live = sum(handler.samples_dropped for handler in services.registry)
        elsewhere = {
            "voice_samples_dropped": services.counters["voice_samples_dropped"] + live,
            "store_dropped": services.store.dropped,
        }
        yield from self._counters({**services.counters, **elsewhere})
        yield from self._counters(dict(services.caches.counts()))
        yield from self._counters({f"hub_{name}": n for name, n in services.hub.monitor.counters.items()})
        yield _histogram(
            "message", "From a message's arrival to the last byte it causes at once (sampled)", self.messages
        )
        yield _histogram("loop_lag", "How late the event loop was for a timer", self.loop_lag)
        turns = HistogramMetricFamily("posewire_turn_seconds", "Stages of the turns of conversations", labels=["stage"])
        for stage, histogram in self.turns.items():
            turns.add_metric([stage], _buckets(histogram), histogram.total)
        yield turns
        for name, about, value in self._gauges(services):
            yield GaugeMetricFamily(f"posewire_{name}", about, value=value)
        queues, held = Histogram(_BYTES), Histogram(_BYTES)
        for handler in services.registry:
            queues.observe(handler.queued_bytes)
            held.observe(handler.held_bytes)
        for name, about, depths in (
            ("connection_queue_bytes", "Unsent bytes of a connection", queues),
            ("connection_held_bytes", "Bytes kept for a connection: unsent, its frames in a room, its dialogue", held),
        ):
            family = HistogramMetricFamily(f"posewire_{name}", about)
            family.add_metric([], _buckets(depths), depths.total)
            yield family

    def _gauges(self, services: "Services") -> Iterator[tuple[str, str, float]]:
        rooms = services.rooms.rooms.values()
        connections = services.registry.open
        self.resident = resident_bytes()
        yield "connections", "Open WebSocket connections", connections
        yield "sessions", "Connections that said hello", len(services.registry)
        yield "rooms", "Rooms", len(rooms)
        yield "room_members", "Members of all rooms", sum(len(room.members) for room in rooms)
        yield "tasks", "asyncio tasks", len(asyncio.all_tasks())
        yield "resident_bytes", "Resident memory", self.resident
        yield (
            "resident_bytes_per_connection",
            "Resident memory divided by connections",
            self.resident / (connections or 1),
        )
        for name, size in services.caches.sizes():
            yield name, "What a cache holds, in its own measure", size
        yield "open_files", "Open file descriptors", open_files()
        yield "cpu_seconds", "CPU time used", cpu_seconds()
        yield "start_time_seconds", "When the host started", self.started

    def _counters(self, counters: dict[str, int]) -> Iterator[Metric]:
        families: dict[str, CounterMetricFamily] = {}
        for name, count in sorted(counters.items()):
            head, _, rest = name.partition("_")
            label = _LABELLED.get(head)
            if label is not None and rest:
                family = families.setdefault(
                    head, CounterMetricFamily(f"posewire_{head}", f"Counted: {head}", labels=[label])
                )
                family.add_metric([rest], count)
            else:
                clean = re.sub(r"[^a-zA-Z0-9_]", "_", name)
                families[clean] = CounterMetricFamily(f"posewire_{clean}", f"Counted: {name}", value=count)
        yield from families.values()


def _histogram(name: str, about: str, histogram: Histogram) -> Metric:
    family = HistogramMetricFamily(f"posewire_{name}_seconds", about)
    family.add_metric([], _buckets(histogram), histogram.total)
    return family


def _buckets(histogram: Histogram) -> list[tuple[str, float]]:
    reached = 0
    buckets: list[tuple[str, float]] = []
    for bound, count in zip((*histogram.bounds, None), histogram.counts, strict=True):
        reached += count
        buckets.append(("+Inf" if bound is None else str(float(bound)), reached))
    return buckets
