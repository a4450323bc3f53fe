"""Alerts: a value that stays beyond its threshold for some time is told once, and its recovery is told once."""

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import urlsplit

from posewire.http_client import HttpClient, HttpError
from posewire.log import EventLog
from posewire.server.monitoring.settings import AlertSettings

_RECOVERED = 0.8
"""A value has recovered when it is this far inside its threshold: the hysteresis."""

_HISTORY = 100
_QUEUE = 32
_TRIES = 3
_TIMEOUT = 5.0


@dataclass(frozen=True)
class Rule:
    """A threshold. ``above``: the alert is for values above it, else for values below it."""

    name: str
    threshold: float
    above: bool = True

    def crossed(self, value: float) -> bool:
        """Tell whether the value is on the wrong side."""
        return value > self.threshold if self.above else value < self.threshold

    def recovered(self, value: float) -> bool:
        """Tell whether the value is safely on the right side."""
        return value <= self.threshold * _RECOVERED if self.above else value >= self.threshold / _RECOVERED


def rules(settings: AlertSettings) -> list[Rule]:
    """Return the rules that are on."""
    return [rule for rule in _every_rule(settings) if rule.threshold]


def _every_rule(settings: AlertSettings) -> list[Rule]:
    return [
        Rule("latency_ms", settings.latency_ms),
        Rule("loop_lag_ms", settings.loop_lag_ms),
        Rule("loss", settings.loss),
        Rule("cpu", settings.cpu),
        Rule("memory_growth_mb", settings.memory_growth_mb),
        Rule("memory_leak_mb", settings.memory_leak_mb),
        Rule("send_failures", settings.send_failures),
        Rule("min_frame_rate", settings.min_frame_rate, above=False),
    ]


@dataclass
class _RuleState:
    since: float | None = None
    """The time since which the value has said the opposite of ``active``."""

    active: bool = False


class Alerts:
    """The state of all rules. ``check`` takes the values; ``deliver`` gets each change."""

    def __init__(self, settings: AlertSettings, deliver: Callable[[dict[str, Any]], None]) -> None:
        self.settings = settings
        self.history: deque[dict[str, Any]] = deque(maxlen=_HISTORY)
        """The last alerts and recoveries, oldest first."""

        self._deliver = deliver
        self._states: dict[str, _RuleState] = {}
        self._values: dict[str, float] = {}

    def check(self, values: Mapping[str, float], now: float, clock: float) -> None:
        """Compare values, by rule name, with their thresholds; a rule without a value stays as it is.

        Args:
            now: seconds on a monotonic clock. clock: the time of day, as in ``time.time()``.
        """
        for rule in rules(self.settings):
            value = values.get(rule.name)
            if value is None:
                continue
            self._values[rule.name] = value
            state = self._states.setdefault(rule.name, _RuleState())
            turning = rule.recovered(value) if state.active else rule.crossed(value)
            if not turning:
                state.since = None
                continue
            if state.since is None:
                state.since = now
            if now - state.since >= self.settings.hold:
                state.active, state.since = not state.active, None
                self._tell(rule, "firing" if state.active else "resolved", value, clock)

    def active(self) -> list[dict[str, Any]]:
        """Return the alerts that are on, with their values now."""
        return [
            {"name": rule.name, "value": self._values.get(rule.name), "threshold": rule.threshold}
            for rule in rules(self.settings)
            if self._states.get(rule.name, _RuleState()).active
        ]

    def _tell(self, rule: Rule, state: Literal["firing", "resolved"], value: float, clock: float) -> None:
        alert = {
            "name": rule.name,
            "state": state,
            "value": round(value, 3),
            "threshold": rule.threshold,
            "time": round(clock, 3),
        }
        self.history.append(alert)
        self._deliver(alert)


class Webhook:
    """Posts alerts as JSON, one after the other. When 32 wait, the oldest is dropped and counted."""

    def __init__(self, url: str, count: Callable[[str], None]) -> None:
        self.url = url
        self._count = count
        self._waiting: deque[dict[str, Any]] = deque(maxlen=_QUEUE)
        self._task: asyncio.Task[None] | None = None
        self._log = EventLog()

    def post(self, alert: dict[str, Any]) -> None:
        """Queue an alert."""
        if not self.url:
            return
        if len(self._waiting) == _QUEUE:
            self._count("alert_webhook_dropped")
        self._waiting.append(alert)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._send_all())

    async def close(self) -> None:
        """Stop; alerts that still wait are not posted."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _send_all(self) -> None:
        client = HttpClient(_TIMEOUT)
        try:
            while self._waiting:
                alert = self._waiting.popleft()
                for attempt in range(_TRIES):
                    try:
                        await self._send(client, alert)
                        break
                    except HttpError as error:
                        if attempt == _TRIES - 1:
                            self._count("alert_webhook_failed")
                            self._log.warning("webhook_failed", host=urlsplit(self.url).hostname, why=str(error))
                        else:
                            await asyncio.sleep(attempt + 1)
        finally:
            await client.close()

    async def _send(self, client: HttpClient, alert: Mapping[str, Any]) -> None:
        async with client.request("POST", self.url, json=alert) as answer:
            if not answer.ok:
                raise HttpError(f"answers {answer.status}")
