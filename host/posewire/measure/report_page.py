"""A report as a page of HTML: one file, plots included, nothing that it loads from elsewhere."""

import time
from collections.abc import Sequence
from html import escape

from posewire.measure.alerts import Rule
from posewire.measure.report import Point, Report, figure

_WIDTH, _HEIGHT, _LEFT = 640, 140, 56

_STYLE = """
:root { color-scheme: light dark; --line: #2563eb; --most: #93c5fd; --warning: #d97706; --critical: #dc2626; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; } td, th { padding: .2rem .8rem .2rem 0; text-align: right; }
td:first-child, th:first-child { text-align: left; } svg { width: 100%; height: auto; max-width: 44rem; }
text { font-size: 11px; fill: currentColor; } h2 { font-size: 1.05rem; margin: 1.4rem 0 .2rem; }
"""


def as_html(report: Report) -> str:
    """Return the whole page."""
    rows = "".join(
        f"<tr><td>{escape(name)}</td>"
        + "".join(f"<td>{figure(value)}</td>" for value in (s.p50, s.p95, s.p99, s.least, s.most, s.mean))
        + f"<td>{s.count}</td></tr>"
        for name, s in report.summaries.items()
    )
    plots = "".join(
        f"<h2>{escape(name)}</h2>{_plot(name, points, [r for r in report.rules if r.name == name])}"
        for name, points in report.points.items()
        if len(points) > 1
    )
    alerts = "".join(
        f"<tr><td>{_moment(alert['time'])}</td><td>{escape(str(alert['name']))}</td><td>{escape(str(alert['level']))}"
        f"</td><td>{escape(str(alert['state']))}</td><td>{figure(alert['value'])}</td>"
        f"<td>{figure(alert['threshold'])}</td></tr>"
        for alert in report.alerts
    )
    told = (
        "<table><tr><th>when</th><th>value</th><th>level</th><th>state</th><th>was</th><th>threshold</th></tr>"
        f"{alerts}</table>"
        if alerts
        else "<p>None.</p>"
    )
    facts = "".join(
        f"<tr><td>{escape(str(k))}</td><td>{escape(str(v))}</td></tr>" for k, v in sorted(report.facts.items())
    )
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>{escape(report.title)}</title><style>{_STYLE}</style><h1>{escape(report.title)}</h1>"
        f"<p>{_moment(report.began)} to {_moment(report.ended)}</p>"
        "<table><tr><th></th><th>p50</th><th>p95</th><th>p99</th><th>least</th><th>most</th><th>mean</th>"
        f"<th>samples</th></tr>{rows}</table><h1>Alerts</h1>{told}<h1>Over time</h1>{plots}"
        f"<h1>Facts</h1><table>{facts}</table></html>\n"
    )


def _plot(name: str, points: Sequence[Point], rules: Sequence[Rule]) -> str:
    """Draw the means as a line, the highest values behind it, and the thresholds that are in sight."""
    began, ended = points[0].at, points[-1].at
    high = max(point.most for point in points) * 1.05 or 1.0
    low = min(0.0, min(point.mean for point in points))

    def x(at: float) -> float:
        return round(_LEFT + (at - began) / max(ended - began, 1e-9) * (_WIDTH - _LEFT), 1)

    def y(value: float) -> float:
        return round(_HEIGHT - 16 - (value - low) / (high - low) * (_HEIGHT - 24), 1)

    def line(color: str, values: Sequence[tuple[float, float]], width: float) -> str:
        path = " ".join(f"{x(at)},{y(value)}" for at, value in values)
        return f'<polyline fill="none" stroke="var(--{color})" stroke-width="{width}" points="{path}"/>'

    drawn = [
        line("most", [(p.at, p.most) for p in points], 1),
        line("line", [(p.at, p.mean) for p in points], 1.5),
        *(
            f'<line x1="{_LEFT}" x2="{_WIDTH}" y1="{y(rule.threshold)}" y2="{y(rule.threshold)}" '
            f'stroke="var(--{escape(rule.level)})" stroke-dasharray="4 4"/>'
            for rule in rules
            if low < rule.threshold < high
        ),
        f'<text x="0" y="{y(high) + 10}">{figure(high)}</text><text x="0" y="{y(low)}">{figure(low)}</text>',
        f'<text x="{_LEFT}" y="{_HEIGHT - 2}">{_moment(began)}</text>',
        f'<text x="{_WIDTH}" y="{_HEIGHT - 2}" text-anchor="end">{_moment(ended)}</text>',
    ]
    return (
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{escape(name)} over time">{"".join(drawn)}</svg>'
    )


def _moment(at: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(at))
