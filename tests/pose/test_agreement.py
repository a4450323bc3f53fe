"""Damaged and forged packets: every implementation refuses, ignores and shows the same ones as the reference."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

import fuzz

from posewire.errors import PoseError
from posewire.sim.interpreter import find_micropython
from posewire.wire.pose import PoseDecoder
from posewire.wire.pose.packet import seal
from riscv.machine import Machine
from support.programs.node import find_node

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rng = np.random.default_rng(11)
    out: list[list[Any]] = []
    for _ in range(12):
        packets, _truth, snapshots = fuzz.stream(rng, compiled=False)
        decoder, steps = PoseDecoder(), []
        for t, intact in enumerate(packets):
            tries = [intact]
            if t % 2:
                tries.insert(0, fuzz.mutate(rng, intact, packets[0]))
            if t % 3 == 0:
                reference = decoder.reference
                check = reference.check if reference is not None and t % 2 else 0
                tries.append(seal(fuzz.mutate(rng, [intact, snapshots[t % 4]][t % 2], packets[1])[:-4], check)[0])
            for packet in tries:
                try:
                    frame = decoder.decode(packet)
                except PoseError:
                    frame = None
                shown = None if frame is None else {k: v.reshape(-1).tolist() for k, v in frame.integers.items()}
                steps.append([packet.hex(), shown])
        out.append(steps)
    path = tmp_path_factory.mktemp("agreement") / "cases.json"
    path.write_text(json.dumps(out))
    return path


def run(command: list[Any], **environment: str) -> None:
    done = subprocess.run(
        command, env={**os.environ, **environment}, capture_output=True, text=True, timeout=100, check=False
    )
    assert done.returncode == 0, done.stderr + done.stdout
    assert done.stdout.strip() == "ok"


def test_javascript_agrees(cases: Path) -> None:
    run([find_node(), ROOT / "tests/pose/agreement.mjs", ROOT / "host/posewire/web/client/pose.js", cases])


def test_the_board_agrees(cases: Path) -> None:
    script = ROOT / "tests/firmware/pose/pose_agreement.py"
    run([*find_micropython(), "-X", "heapsize=64m", script, cases], MICROPYPATH=f"{ROOT / 'firmware'}:.frozen")


def test_an_rv32_board_agrees(cases: Path, rv32: Machine) -> None:
    # A stream at a time: the board has no room for all of them.
    for case in json.loads(cases.read_text()):
        files = {"case.json": json.dumps([case]).encode()}
        assert rv32.run("pose/pose_agreement.py", "/rom/case.json", files=files).strip() == "ok"
