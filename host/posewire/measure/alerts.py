"""Alerts: a value that stays beyond its threshold for some time is told once, and its recovery is told once."""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

Level = Literal["warning", "critical"]

_RECOVERED = 0.8
"""A value has recovered when it is this far inside its threshold: the hysteresis."""

_HISTORY = 100


@dataclass(frozen=True)
class Rule:
    """A threshold. ``above``: the alert is for values above it, else for values below it."""

    name: str
    threshold: float
    above: bool = True
    level: Level = "warning"

    def crossed(self, value: float) -> bool:
        """Tell whether the value is on the wrong side."""
        return value > self.threshold if self.above else value < self.threshold

    def recovered(self, value: float) -> bool:
        """Tell whether the value is safely on the right side."""
        return value <= self.threshold * _RECOVERED if self.above else value >= self.threshold / _RECOVERED


@dataclass
class _RuleState:
    since: float | None = None
    """The time since which the value has said the opposite of ``active``."""

    active: bool = False


class Alerts:
    """The state of all rules. ``check`` takes the values; ``deliver`` gets each change.

    ``hold``: seconds for which a value must be beyond its threshold, or safely back.
    """

    def __init__(self, rules: Sequence[Rule], hold: float, deliver: Callable[[dict[str, Any]], None]) -> None:
        self.rules = tuple(rules)
        self.hold = hold
        self.history: deque[dict[str, Any]] = deque(maxlen=_HISTORY)
        """The last alerts and recoveries, oldest first."""

        self._deliver = deliver
        self._states: dict[tuple[str, Level], _RuleState] = {}
        self._values: dict[str, float] = {}

    def check(self, values: Mapping[str, float], now: float, clock: float) -> None:
        """Compare values, by rule name, with their thresholds; a rule without a value stays as it is.

        Args:
            now: seconds on a monotonic clock. clock: the time of day, as in ``time.time()``.
        """
        for rule in self.rules:
            value = values.get(rule.name)
            if value is None:
                continue
            self._values[rule.name] = value
            state = self._states.setdefault((rule.name, rule.level), _RuleState())
            turning = rule.recovered(value) if state.active else rule.crossed(value)
            if not turning:
                state.since = None
                continue
            if state.since is None:
                state.since = now
            if now - state.since >= self.hold:
                state.active, state.since = not state.active, None
                self._tell(rule, "firing" if state.active else "resolved", value, clock)

    def active(self) -> list[dict[str, Any]]:
        """Return the alerts that are on, with their values now."""
        return [
            {"name": rule.name, "level": rule.level, "value": self._values.get(rule.name), "threshold": rule.threshold}
            for rule in self.rules
            if self._states.get((rule.name, rule.level), _RuleState()).active
        ]

    def _tell(self, rule: Rule, state: Literal["firing", "resolved"], value: float, clock: float) -> None:
        alert = {
            "name": rule.name,
            "level": rule.level,
            "state": state,
            "value": round(value, 3),
            "threshold": rule.threshold,
            "time": round(clock, 3),
        }
        self.history.append(alert)
        self._deliver(alert)
