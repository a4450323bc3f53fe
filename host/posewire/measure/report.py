"""A report of measured values: kept in a file, shown as text, and compared with another one."""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from posewire.errors import ConfigError
from posewire.measure.alerts import Rule
from posewire.measure.samples import Samples
from posewire.measure.summary import Summary

_VERSION = 1
_POINTS = 240
_MORE_IS_BETTER = frozenset({"fps", "receive_fps", "kbit_s_in", "success_rate"})
_UNJUDGED = frozenset({"kbit_s_out", "kbit_s_in"})
_NOTABLE = 0.1
"""Share of a value by which it must change to be called better or worse."""

_BARS = "▁▂▃▄▅▆▇█"
_SPARK = 40


@dataclass(frozen=True)
class Point:
    """The samples of a short time: their mean, and the one that is furthest up."""

    at: float
    mean: float
    most: float


@dataclass(frozen=True)
class Report:
    """The figures from ``began`` to ``ended`` (seconds since 1970), by name.

    ``points``: for plots, at most 240 of each name. ``alerts``: as ``Alerts`` tells them. ``facts``: whatever else is
    worth keeping, as JSON.
    """

    title: str
    began: float
    ended: float
    summaries: Mapping[str, Summary]
    points: Mapping[str, Sequence[Point]] = field(default_factory=dict)
    rules: Sequence[Rule] = ()
    alerts: Sequence[Mapping[str, Any]] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Return the report for JSON."""
        return {
            "posewire_report": _VERSION,
            "title": self.title,
            "began": self.began,
            "ended": self.ended,
            "summaries": {name: summary.as_dict() for name, summary in self.summaries.items()},
            "points": {name: [[p.at, p.mean, p.most] for p in points] for name, points in self.points.items()},
            "rules": [vars(rule) for rule in self.rules],
            "alerts": [dict(alert) for alert in self.alerts],
            "facts": dict(self.facts),
        }

    def save(self, path: Path | str) -> None:
        """Write the report into a file."""
        Path(path).write_text(json.dumps(self.as_dict()) + "\n", encoding="utf-8")


def make_report(
    title: str,
    samples: Samples,
    since: float,
    *,
    rules: Sequence[Rule] = (),
    alerts: Sequence[Mapping[str, Any]] = (),
    facts: Mapping[str, Any] | None = None,
) -> Report:
    """Make a report of the samples from a moment on; their times are seconds since 1970."""
    times, values = samples.since(since)
    began, ended = (float(times[0]), float(times[-1])) if len(times) else (since, since)
    parts = np.array_split(np.arange(len(times)), min(_POINTS, len(times))) if len(times) else []
    points: dict[str, list[Point]] = {}
    for column, name in enumerate(samples.names):
        found = []
        for part in parts:
            there = values[part, column]
            there = there[~np.isnan(there)]
            if len(there):
                found.append(Point(float(times[part[0]]), float(there.mean()), float(there.max())))
        if found:
            points[name] = found
    return Report(title, began, ended, samples.summaries(since), points, tuple(rules), tuple(alerts), facts or {})


def load_report(path: Path | str) -> Report:
    """Read a report from a file.

    Raises:
        ConfigError: there is no such file, or it is no report.
    """
    try:
        read = json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror or error}") from None
    except ValueError as error:
        raise ConfigError(f"{path} is not a report: {error}") from None
    try:
        if read["posewire_report"] != _VERSION:
            raise ConfigError(f"{path} is a report of another version of posewire")
        return Report(
            str(read["title"]),
            float(read["began"]),
            float(read["ended"]),
            {str(name): Summary(**summary) for name, summary in read["summaries"].items()},
            {str(name): [Point(*map(float, point)) for point in points] for name, points in read["points"].items()},
            [Rule(**rule) for rule in read["rules"]],
            [{str(name): value for name, value in alert.items()} for alert in read["alerts"]],
            dict(read["facts"]),
        )
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise ConfigError(f"{path} is not a report of posewire: {error!r}") from None


@dataclass(frozen=True)
class Change:
    """The change of a name's values from one report to another. ``verdict``: better, worse, the same, or empty."""

    name: str
    before: Summary
    after: Summary
    verdict: str


def compare(before: Report, after: Report) -> list[Change]:
    """Compare what both reports have, by median and 95th percentile: better or worse by more than a tenth."""
    return [
        Change(name, before.summaries[name], summary, _verdict(name, before.summaries[name], summary))
        for name, summary in after.summaries.items()
        if name in before.summaries
    ]


def _verdict(name: str, before: Summary, after: Summary) -> str:
    if name in _UNJUDGED:
        return ""
    changes = []
    for old, new in ((before.p50, after.p50), (before.p95, after.p95)):
        share = (new - old) / abs(old) if old else (np.sign(new) if new else 0.0)
        changes.append(-share if name in _MORE_IS_BETTER else share)
    worst, best = max(changes), min(changes)
    if worst > _NOTABLE and worst >= -best:
        return "worse"
    return "better" if best < -_NOTABLE else "the same"


def as_text(report: Report) -> str:
    """Return the report as a table with a small plot of each line, for a terminal."""
    lines = [
        report.title,
        f"{_moment(report.began)} to {_moment(report.ended)} ({report.ended - report.began:.0f} s)",
        "",
        f"{'':18}{'p50':>10}{'p95':>10}{'p99':>10}{'least':>10}{'most':>10}",
    ]
    for name, found in report.summaries.items():
        figures = "".join(f"{figure(v):>10}" for v in (found.p50, found.p95, found.p99, found.least, found.most))
        lines.append(f"{name:18}{figures}  {_spark(report.points.get(name, ()))}".rstrip())
    lines += ["", "alerts: none" if not report.alerts else "alerts:"]
    lines += [
        f"  {_moment(alert['time'])}  {alert['name']} {alert['level']} {alert['state']}: {figure(alert['value'])}"
        f" (threshold {figure(alert['threshold'])})"
        for alert in report.alerts
    ]
    return "\n".join(lines)


def comparison_as_text(before: Report, after: Report) -> str:
    """Return a table of what has changed."""
    lines = [
        f"{before.title} ({_moment(before.began)}) and {after.title} ({_moment(after.began)})",
        "",
        f"{'':18}{'p50':>10}{'then':>10}{'p95':>10}{'then':>10}",
    ]
    for change in compare(before, after):
        old, new = change.before, change.after
        figures = "".join(f"{figure(value):>10}" for value in (old.p50, new.p50, old.p95, new.p95))
        lines.append(f"{change.name:18}{figures}  {change.verdict}".rstrip())
    return "\n".join(lines)


def figure(value: float) -> str:
    """Return a number with three digits that say something."""
    return f"{value:.0f}" if abs(value) >= 100 or value == int(value) else f"{value:.3g}"


def _moment(at: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(at))


def _spark(points: Sequence[Point]) -> str:
    if len(points) < 2:
        return ""
    parts = np.array_split(np.array([point.mean for point in points]), min(_SPARK, len(points)))
    means = [float(part.mean()) for part in parts]
    low, high = min(means), max(means)
    if high == low:
        return ""
    return "".join(_BARS[round((mean - low) / (high - low) * (len(_BARS) - 1))] for mean in means)
