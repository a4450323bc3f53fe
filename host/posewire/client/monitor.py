"""A monitor of one connection: what its senders and rooms do, over time, with alerts and reports."""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from types import TracebackType
from typing import Any

from posewire.client.connection import HostConnection
from posewire.client.room.pose_streams import ReceivedPose
from posewire.client.room.room import Room
from posewire.client.sending.pose_sender import PoseSender
from posewire.errors import ConfigError
from posewire.measure.alerts import Alerts, Level, Rule
from posewire.measure.growth import Growth
from posewire.measure.process_stats import ProcessLoad
from posewire.measure.report import Report, make_report
from posewire.measure.samples import Samples
from posewire.measure.summary import Summary, percentile
from posewire.task_scope import TaskScope

NAMES = (
    "fps", "receive_fps", "latency_ms", "round_trip_ms", "loss", "cpu", "memory_mb", "memory_growth_mb",
    "kbit_s_in", "kbit_s_out", "switch_rate", "failures",
)  # fmt: skip

DEFAULT_RULES = (
    Rule("fps", 20, above=False),
    Rule("latency_ms", 100),
    Rule("latency_ms", 200, level="critical"),
    Rule("loss", 0.10),
    Rule("cpu", 0.50),
    Rule("switch_rate", 0.05),
    Rule("failures", 3),
    Rule("memory_growth_mb", 50),
)

_GROWTH_WINDOW = 600.0
_SWITCHES = 60
"""Samples over which changes of the way to the host are counted."""

_MOST_DELAYS = 10_000


class Monitor:
    """Takes a sample each ``every_s`` seconds; use it as an async context manager.

    The names of the samples: ``fps`` (poses sent a second by the slowest sender that was given any), ``receive_fps``
    (poses received), ``latency_ms`` (p95 of the sample: from ``send`` to the network, or of a received pose on its way
    beyond the fastest), ``round_trip_ms``, ``loss`` (share of the packets for this program that did not come), ``cpu``
    (cores of this process), ``memory_mb``, ``memory_growth_mb`` (in ten minutes), ``kbit_s_in``, ``kbit_s_out``,
    ``switch_rate`` (share of the last 60 samples in which the connection was opened anew, or over another way),
    ``failures`` (attempts to connect that failed in a row). What is not there at the moment has no sample.

    ``keep_s``: for how long samples are kept. ``hold_s``: how long a value must be beyond a threshold before that is
    told.
    """

    def __init__(
        self,
        host: HostConnection,
        *,
        every_s: float = 1.0,
        keep_s: float = 6 * 3600.0,
        rules: Sequence[Rule] = DEFAULT_RULES,
        hold_s: float = 3.0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        if every_s <= 0 or keep_s < every_s:
            raise ConfigError("a monitor needs more than 0 s between samples, and must keep at least one")
        self._host = host
        self._every = every_s
        self._clock = clock
        self._samples = Samples(NAMES, int(keep_s / every_s))
        self._default_rules = tuple(rules)
        self._alerts = Alerts(rules, hold_s, self._told)
        self._callbacks: list[Callable[[Mapping[str, Any]], None]] = []
        self._tasks = TaskScope()
        self._load = ProcessLoad()
        self._growth = Growth(_GROWTH_WINDOW)
        self._switches: deque[int] = deque(maxlen=_SWITCHES)
        self._seen: dict[str, float] = {}
        self._seen_streams: dict[tuple[int, int], tuple[int, int]] = {}
        self._seen_senders: dict[PoseSender, tuple[int, int]] = {}
        self._sampled_at = time.monotonic()
        self._room: Room | None = None
        self._stop_listening: Callable[[], None] = lambda: None
        self._delays: deque[float] = deque(maxlen=_MOST_DELAYS)
        self._poses = 0

    async def __aenter__(self) -> "Monitor":
        self._measure()  # what was before is not counted
        self._tasks.spawn(self._run(), "monitor")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop_listening()
        await self._tasks.close()

    # --- what was measured

    def latest(self) -> dict[str, float]:
        """Return the newest sample."""
        _, values = self._samples.since(0)
        row = values[-1].tolist() if len(values) else []
        return {name: value for name, value in zip(NAMES, row, strict=False) if value == value}  # NaN is no value

    def summary(self, seconds: float | None = None) -> dict[str, Summary]:
        """Return what is said of the samples of the last seconds (None: of all that are kept), by name."""
        return self._samples.summaries(0.0 if seconds is None else self._clock() - seconds)

    def report(self, title: str = "", seconds: float | None = None) -> Report:
        """Return a report of the last seconds, or of all that is kept; ``save`` writes it into a file."""
        status, statistics = self._host.status(), self._host.statistics()
        facts = {name: status[name] for name in ("state", "url", "room")} | {
            name: statistics[name]
            for name in ("attempts", "reconnects", "resumed", "longest_away_s", "messages_in", "messages_out", "errors")
        }
        return make_report(
            title or self._host.device,
            self._samples,
            0.0 if seconds is None else self._clock() - seconds,
            rules=self._alerts.rules,
            alerts=list(self._alerts.history),
            facts=facts,
        )

    # --- alerts

    def on_alert(self, callback: Callable[[Mapping[str, Any]], None]) -> None:
        """Call a function when an alert begins (``state``: ``firing``) and when it is over (``resolved``).

        It gets ``name``, ``level``, ``state``, ``value``, ``threshold`` and ``time``.
        """
        self._callbacks.append(callback)

    def alerts(self) -> list[dict[str, Any]]:
        """Return the alerts that are on now."""
        return self._alerts.active()

    @property
    def thresholds(self) -> Sequence[Rule]:
        """The rules as they are now."""
        return self._alerts.rules

    def set_threshold(self, name: str, threshold: float, level: Level = "warning") -> None:
        """Change a threshold, or add one for a name that has none at this level.

        Raises:
            ConfigError: there is no such name.
        """
        if name not in NAMES:
            raise ConfigError(f"a monitor has no {name!r}; it has {', '.join(NAMES)}")
        others = [rule for rule in self._alerts.rules if (rule.name, rule.level) != (name, level)]
        like = next((rule for rule in self._alerts.rules if rule.name == name), Rule(name, threshold, name != "fps"))
        self._alerts.rules = (*others, replace(like, threshold=threshold, level=level))

    def remove_threshold(self, name: str, level: Level = "warning") -> None:
        """Have no alert for a name at this level."""
        self._alerts.rules = tuple(rule for rule in self._alerts.rules if (rule.name, rule.level) != (name, level))

    def reset_thresholds(self) -> None:
        """Go back to the thresholds of the beginning."""
        self._alerts.rules = self._default_rules

    # --- inside

    async def _run(self) -> None:
        due = time.monotonic()
        while True:
            due = max(due + self._every, time.monotonic())
            await asyncio.sleep(due - time.monotonic())
            values = self._measure()
            self._samples.add(self._clock(), values)
            self._alerts.check(values, time.monotonic(), self._clock())

    def _told(self, alert: dict[str, Any]) -> None:
        for callback in self._callbacks:
            try:
                callback(alert)
            except Exception as error:
                self._host.failed(error, "alert")

    def _measure(self) -> dict[str, float]:
        """Return the values of the time since the last measurement."""
        now = time.monotonic()
        passed = max(now - self._sampled_at, 1e-6)
        self._sampled_at = now
        statistics = self._host.statistics()
        values = self._load.measure()
        values["memory_growth_mb"] = self._growth.add(now, values["memory_mb"]) or 0.0
        values["kbit_s_in"] = self._gained("bytes_in", statistics["bytes_in"]) * 8 / 1000 / passed
        values["kbit_s_out"] = self._gained("bytes_out", statistics["bytes_out"]) * 8 / 1000 / passed
        self._switches.append(min(1, int(self._gained("successes", statistics["successes"]))))
        values["switch_rate"] = sum(self._switches) / _SWITCHES
        values["failures"] = statistics["failures_in_a_row"]
        round_trip = self._host.heartbeat.clock.round_trip_ms
        if round_trip is not None and self._host.connected:
            values["round_trip_ms"] = round_trip
        self._follow(self._host.room)
        values.update(self._received(passed))
        values.update(self._sent(passed))
        worst = [
            found
            for found in (percentile(self._delays, 0.95), self._sending_latency())
            if found is not None
        ]  # fmt: skip
        if worst:
            values["latency_ms"] = max(worst)
        self._delays.clear()
        return values

    def _gained(self, name: str, value: float) -> float:
        before, self._seen[name] = self._seen.get(name, value), value
        return value - before

    def _follow(self, room: Room | None) -> None:
        if room is self._room:
            return
        self._stop_listening()
        self._room = room
        self._seen_streams.clear()
        self._seen_senders.clear()
        self._stop_listening = (lambda: None) if room is None else room.on("pose", self._arrived)

    def _arrived(self, pose: ReceivedPose) -> None:
        self._poses += 1
        self._delays.append(pose.delay_ms)

    def _received(self, passed: float) -> dict[str, float]:
        poses, self._poses = self._poses, 0
        if self._room is None:
            return {}
        came = missing = 0
        counts = self._room.counts()
        for key, count in counts.items():
            packets, lost = self._seen_streams.get(key, (0, 0))
            came += max(0, count.packets - packets)
            missing += max(0, count.missing - lost)
            self._seen_streams[key] = count.packets, count.missing
        if not counts:
            return {}
        values = {"receive_fps": poses / passed}
        if came + missing:
            values["loss"] = missing / (came + missing)
        return values

    def _sent(self, passed: float) -> dict[str, float]:
        rates = []
        for sender in self._senders():
            given, sent = sender.given, sender.sent
            given_before, sent_before = self._seen_senders.get(sender, (given, sent))
            if given > given_before:
                rates.append((sent - sent_before) / passed)
        return {"fps": min(rates)} if rates else {}

    def _sending_latency(self) -> float | None:
        """Return p95 of the times from ``send`` to the network since the last measurement."""
        latencies: list[float] = []
        for sender in self._senders():
            _, before = self._seen_senders.get(sender, (0, sender.sent))
            latencies += sender.latencies(sender.sent - before)
            self._seen_senders[sender] = sender.given, sender.sent
        return percentile(latencies, 0.95)

    def _senders(self) -> list[PoseSender]:
        return [] if self._room is None else self._room.pose_senders
