"""The shared vectors on every implementation: plain and compiled host, MicroPython, JavaScript."""

from __future__ import annotations

import base64
import json
import os
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from posewire.errors import PoseError
from posewire.sim.interpreter import find_micropython
from posewire.wire.pose import PoseDecoder, PoseEncoder
from posewire.wire.pose.sets import make_set
from riscv.machine import Machine
from support.programs.node import find_node

ROOT = Path(__file__).resolve().parent.parent.parent
FILES = sorted((ROOT / "tests/vectors/pose").glob("*.json"))


def floats(text: str | None, spec: Any) -> Any:
    return None if text is None else np.frombuffer(base64.b64decode(text), "<f4").reshape(spec.landmarks, spec.channels)


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_host(path: Path, compiled: bool) -> None:
    if compiled:
        pytest.importorskip("numba")
    doc = json.loads(path.read_text())
    sets = {s["name"]: make_set(s["id"], s["landmarks"], tuple(s["bits"]), tuple(s["parents"])) for s in doc["sets"]}
    encoder = PoseEncoder(list(sets.values()), compiled=compiled, **doc["options"])
    decoder, late = PoseDecoder(compiled=compiled), None
    for step in doc["steps"]:
        if "control" in step:
            encoder.control(bytes.fromhex(step["control"]))
        packet = encoder.encode({k: floats(v, sets[k]) for k, v in step["values"].items()}, step["time"])
        assert packet.hex() == step["packet"]
        if not step.get("drop"):
            try:
                frame = decoder.decode(packet)
            except PoseError:
                frame = None
            assert (frame is None) == (step["integers"] is None)
            for got in (frame, late.decode(packet) if late is not None and frame is not None else None):
                if got is not None:
                    assert {k: v.reshape(-1).tolist() for k, v in got.integers.items()} == step["integers"]
        if "join" in step:
            late = PoseDecoder(compiled=compiled)
            assert late.decode(bytes.fromhex(step["join"])) is not None


def test_javascript() -> None:
    done = subprocess.run(
        [find_node(), ROOT / "tests/pose/vectors.mjs", ROOT / "host/posewire/web/client/pose.js", *FILES],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [w for f in FILES for w in ("ok", f.stem)]


def test_micropython() -> None:
    done = subprocess.run(
        [*find_micropython(), "-X", "heapsize=16m", ROOT / "tests/firmware/pose/pose_vectors.py", *FILES],
        env={**os.environ, "MICROPYPATH": f"{ROOT / 'firmware'}:.frozen"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr + done.stdout
    assert done.stdout.split() == [w for f in FILES for w in ("ok", f.stem)]


def test_micropython_on_rv32(rv32: Machine) -> None:
    printed = rv32.run("pose/pose_vectors.py", *(f"/rom/{path.relative_to(ROOT)}" for path in FILES))
    assert printed.split() == [w for f in FILES for w in ("ok", f.stem)]


def test_the_board_allocates_nothing_per_frame() -> None:
    script = ROOT / "tests/firmware/pose/pose_allocation.py"
    done = subprocess.run(
        [*find_micropython(), "-X", "heapsize=400k", script],
        env={**os.environ, "MICROPYPATH": f"{ROOT / 'firmware'}:.frozen"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr + done.stdout
    assert done.stdout.split() == ["encode", "0", "decode", "0"]


def test_an_rv32_board_allocates_nothing_per_frame(rv32: Machine) -> None:
    assert rv32.run("pose/pose_allocation.py").split() == ["encode", "0", "decode", "0"]
