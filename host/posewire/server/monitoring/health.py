"""The health monitor: loop lag, alerts, rates, idle rooms and the status line of one host."""

import asyncio
import time
from collections import Counter, deque
from collections.abc import Callable
from typing import Any

from posewire.log import EventLog
from posewire.measure.alerts import Alerts
from posewire.measure.growth import Growth
from posewire.measure.process_stats import cpu_seconds, open_files, resident_bytes
from posewire.rooms.directory import RoomDirectory
from posewire.server.connection.registry import ConnectionRegistry
from posewire.server.monitoring.alerts import Webhook, rules
from posewire.server.monitoring.history import History
from posewire.server.monitoring.metrics import Metrics
from posewire.server.monitoring.settings import AlertSettings
from posewire.server.scheduler import Job
from posewire.wire.room_actions import RoomKind

LAG_EVERY = 0.25
CHECK_EVERY = 2.0
STATISTICS_EVERY = 10.0
IDLE_EVERY = 5.0
REPORT_EVERY = 60.0
_MEMORY_WINDOW = 60.0
_LEAK_WINDOW = 3600.0
_RATE_WINDOW = 2.0


class HealthMonitor:
    """Measures the host by jobs of its scheduler, and tells what is out of bounds.

    ``settings`` returns the alert settings as they are now: they may change while the host runs.
    """

    def __init__(
        self,
        metrics: Metrics,
        counters: Counter[str],
        registry: ConnectionRegistry,
        rooms: RoomDirectory,
        settings: Callable[[], AlertSettings],
    ) -> None:
        self.rates: dict[str, float] = {}
        """Counted things a second, over the last statistics period."""

        self._metrics = metrics
        self._counters = counters
        self._registry = registry
        self._rooms = rooms
        self._settings = settings
        self._log = EventLog()
        self.webhook = Webhook(settings().webhook, self._count)
        self.alerts = Alerts(rules(settings()), settings().hold, self._deliver)
        self.history = History()
        self._checked = (time.monotonic(), dict(counters))
        self.recent_lag = 0.0
        """Seconds by which the event loop was late last."""

        self._lag_due = 0.0
        self._totals = dict(counters)
        self._totals_at = time.monotonic()
        self._cpu = (time.monotonic(), cpu_seconds())
        self._seen = dict(counters)
        self._seen_at = time.monotonic()
        self._messages = metrics.messages.copy_counts()
        self._lag = metrics.loop_lag.copy_counts()
        self._began = time.monotonic()
        self._growth = Growth(_MEMORY_WINDOW)
        self._leak = Growth(_LEAK_WINDOW, every=_MEMORY_WINDOW, whole=True)

    def jobs(self) -> list[Job]:
        """Return the jobs for the scheduler."""
        return [
            Job("loop lag", LAG_EVERY, self.measure_lag),
            Job("alerts", CHECK_EVERY, self.check),
            Job("routing statistics", STATISTICS_EVERY, self.count_rates),
            Job("idle rooms", IDLE_EVERY, self.close_idle_rooms),
            Job("status report", REPORT_EVERY, self.report),
        ]

    def measure_lag(self) -> None:
        """Record by how much this timer is late: a task that blocks the loop delays everybody by as much."""
        now = time.monotonic()
        if self._lag_due:
            self.recent_lag = max(0.0, now - self._lag_due)
            self._metrics.loop_lag.observe(self.recent_lag)
        self._lag_due = now + LAG_EVERY

    def check(self) -> None:
        """Compare what happened since the last check with the thresholds."""
        now = time.monotonic()
        settings = self._settings()
        self.alerts.rules, self.alerts.hold = tuple(rules(settings)), settings.hold
        self.webhook.url = settings.webhook
        values = self.values(now)
        self.alerts.check(values, now, time.time())
        self.history.add(time.time(), {**values, **self._gauges(now)})

    def _gauges(self, now: float) -> dict[str, float]:
        """Return what only the history has: rates since the last check, and how much there is of what."""
        passed, before, self._checked = max(now - self._checked[0], 1e-6), self._checked[1], (now, dict(self._counters))

        def rate(*names: str) -> float:
            return sum(self._counters[name] - before.get(name, 0) for name in names) / passed

        return {
            "memory_mb": self._metrics.resident / 2**20,
            "connections": self._registry.open,
            "rooms": len(self._rooms.rooms),
            "pose_in": rate("pose_in"),
            "pose_out": rate("pose_out"),
            "audio_in": rate("audio_in"),
            "dropped": rate("pose_dropped", "audio_dropped"),
            "queued_bytes": max((peer.queued_bytes for peer in self._registry), default=0),
        }

    def values(self, now: float) -> dict[str, float]:
        """Return the values for the alert rules, by rule name, since the last call."""
        metrics, counters = self._metrics, self._counters
        passed = max(now - self._seen_at, 1e-6)
        seen, self._seen = self._seen, dict(counters)

        def gained(*names: str) -> float:
            return sum(counters[name] - seen.get(name, 0) for name in names)

        sent, dropped = gained("pose_out", "audio_out"), gained("pose_dropped", "audio_dropped")
        cpu_at, cpu = self._cpu
        used = cpu_seconds()
        metrics.measure_memory()
        values = {
            "latency_ms": 1000 * metrics.messages.percentile(0.99, self._messages),
            "loop_lag_ms": 1000 * metrics.loop_lag.percentile(0.99, self._lag),
            "loss": dropped / (sent + dropped) if sent + dropped else 0.0,
            "cpu": (used - cpu) / max(now - cpu_at, 1e-6),
            "memory_growth_mb": (self._growth.add(now, metrics.resident) or 0.0) / 2**20,
            "send_failures": gained("congested", "internal_errors") / passed,
        }
        growth = self._growth_in_an_hour(now, metrics.resident)
        if growth is not None:
            values["memory_leak_mb"] = growth / 2**20
        rate = self._slowest_publisher(now)
        if rate is not None:
            values["min_frame_rate"] = rate
        self._cpu = (now, used)
        self._seen_at = now
        self._messages, self._lag = metrics.messages.copy_counts(), metrics.loop_lag.copy_counts()
        return values

    def count_rates(self) -> None:
        """Turn the totals into rates."""
        now, totals = time.monotonic(), dict(self._counters)
        passed = max(now - self._totals_at, 1e-6)
        self.rates = {
            name: round((total - self._totals.get(name, 0)) / passed, 2)
            for name, total in totals.items()
            if total != self._totals.get(name, 0)
        }
        self._totals, self._totals_at = totals, now

    def close_idle_rooms(self) -> None:
        """Close the rooms in which nobody has published for long."""
        for name in self._rooms.close_idle(time.monotonic()):
            self._counters["rooms_closed_idle"] += 1
            self._log.info("room_idle", room=name)

    def report(self) -> None:
        """Log the status line, while anybody is connected."""
        metrics = self._metrics
        if not self._registry.open:
            return
        self._log.info(
            "status",
            connections=self._registry.open,
            rooms=len(self._rooms.rooms),
            resident_mb=round(resident_bytes() / 2**20, 1),
            tasks=len(asyncio.all_tasks()),
            files=open_files(),
            p50_ms=1000 * metrics.messages.percentile(0.5),
            p95_ms=1000 * metrics.messages.percentile(0.95),
            p99_ms=1000 * metrics.messages.percentile(0.99),
            lag_p99_ms=1000 * metrics.loop_lag.percentile(0.99),
            rates=self.rates,
        )

    def _growth_in_an_hour(self, now: float, resident: int) -> float | None:
        # In the first hour the engines are loaded and the boards come: that growth says nothing.
        return self._leak.add(now, resident) if now - self._began >= _LEAK_WINDOW else None

    def _slowest_publisher(self, now: float) -> float | None:
        rates = [
            _pose_rate(member.last_frames, now)
            for room in self._rooms.rooms.values()
            for member in room.members.values()
            if member.streams and member.link is not None
        ]
        return min(rates, default=None)

    def _deliver(self, alert: dict[str, Any]) -> None:
        self._count(f"alert_{alert['name']}")
        self._log.warning("alert", **{key: value for key, value in alert.items() if key != "time"})
        self.webhook.post(alert)

    def _count(self, name: str) -> None:
        self._counters[name] += 1


def _pose_rate(frames: "deque[tuple[float, RoomKind, bytes]]", now: float) -> float:
    """Return the poses a second of the last seconds, among a member's last frames of both kinds."""
    window = _RATE_WINDOW
    if len(frames) == frames.maxlen:
        # Older frames of the window may have been pushed out.
        window = max(min(window, now - frames[0][0]), 1e-3)
    return sum(1 for at, kind, _ in frames if kind == "pose" and now - at <= window) / window
