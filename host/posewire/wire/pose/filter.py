"""The One-Euro filter (Casiez, Roussel, Vogel, CHI 2012): less jitter at rest, little lag in motion. Lossy."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


class OneEuro:
    """Call it with each frame of a set. ``min_cutoff`` in Hz: lower is steadier; ``beta``: higher lags less in motion.

    Values that are missing (NaN) start anew when they come back.
    """

    def __init__(self, min_cutoff: float = 1.0, beta: float = 10.0, derivative_cutoff: float = 1.0) -> None:
        self.min_cutoff = min_cutoff
        self.beta = beta
        self.derivative_cutoff = derivative_cutoff
        self._state: dict[str, tuple[Any, Any, int]] = {}

    def __call__(self, name: str, values: NDArray[np.float32], time_ms: int) -> NDArray[np.float32]:
        """The filtered values of the set ``name`` at ``time_ms``."""
        before = self._state.get(name)
        if before is None or before[0].shape != values.shape:
            self._state[name] = (values.astype(np.float64), np.zeros(values.shape), time_ms)
            return values
        last, speed, at = before
        dt = max(((time_ms - at) & 0xFFFFFFFF) / 1000, 1e-3)
        raw_speed = (values - last) / dt
        raw_speed = np.where(np.isnan(raw_speed), 0.0, raw_speed)
        speed = speed + _alpha(self.derivative_cutoff, dt) * (raw_speed - speed)
        alpha = _alpha(self.min_cutoff + self.beta * np.abs(speed), dt)
        out = np.where(np.isnan(last), values, last + alpha * (values - last))
        self._state[name] = (out, speed, time_ms)
        return out.astype(np.float32)


def _alpha(cutoff: Any, dt: float) -> Any:
    r = 2 * np.pi * cutoff * dt
    return r / (r + 1)
