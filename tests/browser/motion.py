"""Somebody who moves, for tests."""

from typing import Any

import numpy as np


def skeleton(at: float) -> np.ndarray[Any, Any]:
    """Return somebody who waves."""
    body = np.full((33, 4), (0.5, 0.5, 0.0, 1.0), np.float32)
    for marks, (x, y) in {
        (0, 1, 2, 3, 4, 5, 6, 9, 10): (0.5, 0.1), (7,): (0.47, 0.1), (8,): (0.53, 0.1),
        (11,): (0.42, 0.25), (12,): (0.58, 0.25), (13,): (0.36, 0.38), (14,): (0.66, 0.3),
        (15, 17, 19, 21): (0.34, 0.5), (16, 18, 20, 22): (0.7 + 0.05 * np.sin(at), 0.12),
        (23,): (0.45, 0.52), (24,): (0.55, 0.52), (25,): (0.44, 0.72), (26,): (0.56, 0.72),
        (27, 29, 31): (0.44, 0.94), (28, 30, 32): (0.56, 0.94),
    }.items():  # fmt: skip
        body[list(marks), :2] = x, y
    return body
