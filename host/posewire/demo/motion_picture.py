"""The received motion as one SVG picture: bodies side by side, and a trace of values over time."""

from collections.abc import Sequence
from html import escape

import numpy as np
from numpy.typing import NDArray

# MediaPipe Pose connections between its 33 landmarks.
_BONES = (
    (11, 12), (11, 23), (12, 24), (23, 24), (11, 13), (13, 15), (12, 14), (14, 16), (23, 25), (25, 27), (24, 26),
    (26, 28), (0, 1), (1, 2), (2, 3), (0, 4), (4, 5), (5, 6), (9, 10), (15, 19), (16, 20),
)  # fmt: skip
_WIDTH, _BODY, _TRACE, _MARGIN = 1200, 330, 150, 30
_COLOURS = ("#2f6fde", "#d9480f", "#2b8a3e", "#862e9c", "#0b7285", "#e67700")

Floats = NDArray[np.floating]


def draw_motion(
    title: str, body_times: Sequence[float], bodies: Floats, traces: Sequence[tuple[str, Sequence[float], Floats]]
) -> str:
    """Return the SVG text.

    Args:
        title: one line above the picture.
        body_times: seconds of each body pose.
        bodies: float array (frames, 33, >= 2), x and y in 0 .. 1, NaN where missing.
        traces: (label, seconds, values) each; values is (samples, channels), drawn over time.
    """
    height = _MARGIN + _BODY + len(traces) * (_TRACE + _MARGIN) + 2 * _MARGIN
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" font-family="sans-serif">',
        f'<rect width="{_WIDTH}" height="{height}" fill="#fbfbfd"/>',
        f'<text x="{_MARGIN}" y="22" font-size="16">{escape(title)}</text>',
    ]
    parts += _bodies(body_times, bodies)
    top = _MARGIN + _BODY + _MARGIN
    for label, times, values in traces:
        parts += _trace(label, times, values, top)
        top += _TRACE + _MARGIN
    parts.append("</svg>")
    return "\n".join(parts)


def _bodies(times: Sequence[float], bodies: Floats) -> list[str]:
    if not len(bodies):
        return []
    count = min(6, len(bodies))
    chosen = np.linspace(0, len(bodies) - 1, count).astype(int)
    cell = (_WIDTH - 2 * _MARGIN) / count
    points = bodies[..., :2]
    low, high = np.nanmin(points, axis=(0, 1)), np.nanmax(points, axis=(0, 1))
    scale = min((cell - 20) / max(float(high[0] - low[0]), 1e-6), (_BODY - 30) / max(float(high[1] - low[1]), 1e-6))
    parts = []
    for column, index in enumerate(chosen):
        left, colour = _MARGIN + column * cell + 10, _COLOURS[column % len(_COLOURS)]
        x, y = left + (points[index, :, 0] - low[0]) * scale, _MARGIN + 10 + (points[index, :, 1] - low[1]) * scale
        seen = np.isfinite(x) & np.isfinite(y)
        for a, b in _BONES:
            if seen[a] and seen[b]:
                parts.append(
                    f'<path d="M{x[a]:.1f} {y[a]:.1f}L{x[b]:.1f} {y[b]:.1f}" stroke="{colour}" stroke-width="3" '
                    'stroke-linecap="round"/>'
                )
        parts += [f'<circle cx="{x[i]:.1f}" cy="{y[i]:.1f}" r="2.5" fill="#222"/>' for i in np.flatnonzero(seen)]
        parts.append(f'<text x="{left:.0f}" y="{_MARGIN + _BODY}" font-size="12">{times[index]:.2f} s</text>')
    return parts


def _trace(label: str, times: Sequence[float], values: Floats, top: float) -> list[str]:
    parts = [
        f'<text x="{_MARGIN}" y="{top + 12:.0f}" font-size="12">{escape(label)}</text>',
        f'<rect x="{_MARGIN}" y="{top + 18:.0f}" width="{_WIDTH - 2 * _MARGIN}" height="{_TRACE - 18}" '
        'fill="none" stroke="#ccd"/>',
    ]
    if len(times) < 2:
        return parts
    clock = np.asarray(times)
    x = _MARGIN + (clock - clock[0]) / max(float(clock[-1] - clock[0]), 1e-6) * (_WIDTH - 2 * _MARGIN)
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    y = top + _TRACE - 4 - (values - low) / max(high - low, 1e-6) * (_TRACE - 28)
    for channel in range(values.shape[1]):
        seen = np.isfinite(y[:, channel])
        path = " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x[seen], y[seen, channel], strict=True))
        colour = _COLOURS[channel % len(_COLOURS)]
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.3"/>')
    return parts
