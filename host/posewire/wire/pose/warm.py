"""``python -m posewire.wire.pose.warm``: compile the codec (extra ``fast``) once, before anybody waits for it."""

from __future__ import annotations

import os

import numpy as np

from posewire.wire.pose.decoder import PoseDecoder
from posewire.wire.pose.encoder import PoseEncoder
from posewire.wire.pose.frame import Values
from posewire.wire.pose.relay import PoseRelay


def warm() -> None:
    """Make the compiled path ready in this process: 0.3 s, or seconds where numba has not kept its work yet.

    Raises ``ImportError`` where numba is not installed.
    """
    encoder = PoseEncoder(["body33", "quat2"], compiled=True)
    relay, late = PoseRelay(compiled=True), PoseDecoder(compiled=True)

    def frame(time_ms: int) -> dict[str, Values | None]:
        return {"body33": _ramp(33, time_ms), "quat2": _ramp(2, time_ms)}

    for budget, time_ms in ((None, 0), (None, 33), (None, 66), (40, 99), (40, 133)):
        encoder.budget = budget
        relay.feed(encoder.encode(frame(time_ms), time_ms))
    if (snapshot := relay.snapshot()) is not None:
        late.decode(snapshot)
    encoder.request_key()
    late.decode(encoder.encode(frame(166), 166))
    alone, late = PoseEncoder("body33", compiled=True), PoseDecoder(compiled=True)
    for time_ms in (0, 33):
        late.decode(alone.encode(_ramp(33, time_ms), time_ms))


def _ramp(landmarks: int, time_ms: int) -> Values:
    ramp = np.arange(4 * landmarks).reshape(landmarks, 4) * time_ms / 80_000 + 0.3
    return ramp.astype(np.float32)


if __name__ == "__main__":
    if hasattr(os, "nice"):
        os.nice(10)
    warm()
