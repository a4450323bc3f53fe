"""The One-Euro filter in the browser is the host's: the same packets. The board's is within a part of a step."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest

from posewire.sim.interpreter import find_micropython
from posewire.wire.pose import OneEuro, PoseEncoder, load_recording
from riscv.machine import Machine
from support.programs.node import find_node

ROOT = Path(__file__).resolve().parent.parent.parent
BOARD_TOLERANCE = 1 / 16
"""Of a step."""


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
    command = [find_node(), ROOT / "tests/pose/filter.mjs", ROOT / "host/posewire/web/client/pose.js", path]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == want


def smooth_on_unix(source: bytes, folder: Path) -> bytes:
    """The frames as the firmware filters them in MicroPython's unix port."""
    frames, smoothed = folder / "frames", folder / "smoothed"
    frames.write_bytes(source)
    done = subprocess.run(
        [*find_micropython(), ROOT / "tests/firmware/pose/pose_filter_run.py", frames, smoothed],
        env={**os.environ, "MICROPYPATH": f"{ROOT / 'firmware'}:.frozen"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout.strip() == "ok", done.stderr
    return smoothed.read_bytes()


def smooth_on_rv32(source: bytes, machine: Machine) -> bytes:
    """The same as RISC-V machine code."""
    arguments = ("pose/pose_filter_run.py", "/rom/frames", "/smoothed")
    printed, smoothed = machine.run_for_file(*arguments, files={"frames": source}, wanted="/smoothed")
    assert printed.strip() == "ok"
    return smoothed


@pytest.mark.parametrize("name", ["body_slp_viewer", "hands_slp_viewer", "world_slp_84322c"])
@pytest.mark.parametrize("every_ms", [16, 33])
@pytest.mark.parametrize("board", ["unix", "rv32"])
def test_the_board_smooths_as_the_host_does(
    board: str, name: str, every_ms: int, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    recording = load_recording(ROOT / "tests/data/pose" / f"{name}.npz")
    data = recording.frames[recording.sets[0].name]
    frames, landmarks, channels = data.shape
    data = np.where(np.isnan(data).any(2, keepdims=True), np.float32(np.nan), data)
    times = [every_ms * t + 7 * (t % 3) for t in range(frames)]
    source = np.array([landmarks, channels], "<u2").tobytes()
    source += b"".join(t.to_bytes(4, "big") + v.astype("<f4").tobytes() for t, v in zip(times, data, strict=True))
    if board == "unix":
        smoothed = smooth_on_unix(source, tmp_path)
    else:
        smoothed = smooth_on_rv32(source, request.getfixturevalue("rv32"))
    result = np.frombuffer(smoothed, "<f4").reshape(data.shape)
    smooth = OneEuro()
    host = np.array([smooth("", values, t) for values, t in zip(data, times, strict=True)])
    steps = np.exp2(-np.array(recording.sets[0].bits, np.float64))
    assert np.array_equal(np.isnan(result), np.isnan(data))
    assert np.nanmax(np.abs(result - host) / steps) <= BOARD_TOLERANCE
    assert np.nanmax(np.abs(result - data) / steps) > 10  # it did something
