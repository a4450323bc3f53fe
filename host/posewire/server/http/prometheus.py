"""The host's numbers in Prometheus' text format, gathered when they are asked for."""

import asyncio
import re
from collections.abc import Iterator

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from posewire.measure.histogram import Histogram
from posewire.measure.process_stats import cpu_seconds, open_files
from posewire.server.services import Services

_HELD = "Bytes kept for a connection: unsent, frames in a room, dialogue, list of tools, shared state"
_BYTES = (0, 1024, 4096, 16384, 65536, 262144, 1048576)
"""Bounds of histograms of bytes."""

_LABELLED = {"refused": "code", "flood": "kind", "http": "what", "push": "what", "alert": "name"}
"""Counters whose name begins so are one metric with a label; the rest are a metric each."""


def exposition(services: Services) -> bytes:
    """Return all metrics of a host."""
    registry = CollectorRegistry()
    registry.register(_HostCollector(services))
    return generate_latest(registry)


class _HostCollector(Collector):
    def __init__(self, services: Services) -> None:
        self._services = services

    def describe(self) -> list[Metric]:
        """Nothing is known beforehand: the counters come as they are first counted."""
        return []

    def collect(self) -> Iterator[Metric]:
        services, metrics = self._services, self._services.metrics
        live = sum(peer.voice.samples_dropped for peer in services.registry)
        elsewhere = {
            "voice_samples_dropped": services.counters["voice_samples_dropped"] + live,
            "store_dropped": services.store.dropped,
        }
        yield from _counters({**services.counters, **elsewhere})
        yield from _counters(dict(services.caches.counts()))
        yield from _counters({f"hub_{name}": n for name, n in services.hub.monitor.counters.items()})
        yield _histogram(
            "message", "From a message's arrival to the last byte it causes at once (sampled)", metrics.messages
        )
        yield _histogram("loop_lag", "How late the event loop was for a timer", metrics.loop_lag)
        turns = HistogramMetricFamily("posewire_turn_seconds", "Stages of the turns of conversations", labels=["stage"])
        for stage, histogram in metrics.turns.items():
            turns.add_metric([stage], _buckets(histogram), histogram.total)
        yield turns
        for name, about, value in _gauges(services):
            yield GaugeMetricFamily(f"posewire_{name}", about, value=value)
        queues, held = Histogram(_BYTES), Histogram(_BYTES)
        for peer in services.registry:
            queues.observe(peer.queued_bytes)
            held.observe(peer.held_bytes)
        for name, about, depths in (
            ("connection_queue_bytes", "Unsent bytes of a connection", queues),
            ("connection_held_bytes", _HELD, held),
        ):
            family = HistogramMetricFamily(f"posewire_{name}", about)
            family.add_metric([], _buckets(depths), depths.total)
            yield family


def _gauges(services: Services) -> Iterator[tuple[str, str, float]]:
    rooms = services.rooms.rooms.values()
    connections = services.registry.open
    resident = services.metrics.measure_memory()
    yield "connections", "Open WebSocket connections", connections
    yield "sessions", "Connections that said hello", len(services.registry)
    yield "rooms", "Rooms", len(rooms)
    yield "room_members", "Members of all rooms", sum(len(room.members) for room in rooms)
    yield "kept_sessions", "Lost sessions that can be resumed", services.resumption.count
    yield (
        "state_bytes",
        "Shared states and their patches, also of devices that may come back",
        services.states.held_bytes,
    )
    yield "turn_sound_bytes", "The sound of the last turns of all devices", services.turns.sounds.held_bytes
    yield "tasks", "asyncio tasks", len(asyncio.all_tasks())
    yield "resident_bytes", "Resident memory", resident
    yield "resident_bytes_per_connection", "Resident memory divided by connections", resident / (connections or 1)
    for name, size in services.caches.sizes():
        yield name, "The content of a cache, in its own measure", size
    yield "open_files", "Open file descriptors", open_files()
    yield "cpu_seconds", "CPU time used", cpu_seconds()
    yield "start_time_seconds", "When the host started", services.metrics.started


def _counters(counters: dict[str, int]) -> Iterator[Metric]:
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
