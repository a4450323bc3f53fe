"""The One-Euro filter in the browser is the host's: the same packets."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import numpy as np

from pose.node import find_node
from posewire.wire.pose import OneEuro, PoseEncoder

ROOT = Path(__file__).resolve().parent.parent.parent


def test_the_browser_smooths_as_the_host_does(tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    encoder = PoseEncoder("body33", smooth=OneEuro())
    cases, want = [], []
    for t in range(40):
        values = (0.5 + 0.2 * np.sin(t / 9) + rng.normal(0, 0.003, (33, 4))).astype(np.float32)
        if 10 <= t < 13:
            values[5] = np.nan
        time_ms = 33 * t + 7 * (t % 3)
        want.append(encoder.encode(values, time_ms).hex())
        cases.append([time_ms, [None if np.isnan(v) else float(v) for v in values.reshape(-1)]])
    path = tmp_path / "cases.json"
    path.write_text(json.dumps(cases))
    command = [find_node(), ROOT / "tests/pose/filter.mjs", ROOT / "host/posewire/dashboard/pose.js", path]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == want
