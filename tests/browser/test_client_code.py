"""The JavaScript client by itself: the shared vectors in Node, and its types."""

import subprocess

import pytest

from browser.chromium import UnavailableError, checkers
from riscv.machine import ROOT
from support.node import find_node

CLIENT = ROOT / "host/posewire/web/client"


def test_frames_and_audio_pass_the_vectors() -> None:
    command = [find_node(), ROOT / "tests/browser/vectors.mjs", CLIENT, ROOT / "tests/vectors"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.stdout.strip() == "ok", done.stderr


def test_the_types_hold() -> None:
    try:
        compiler = checkers() / "typescript/bin/tsc"
    except UnavailableError as error:
        pytest.skip(f"no TypeScript: {error}")
    done = subprocess.run([find_node(), compiler, "--project", CLIENT], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
