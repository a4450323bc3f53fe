"""The JavaScript by itself: the shared vectors in Node, and the types of client and page."""

import hashlib
import subprocess
from pathlib import Path

import pytest

from browser.chromium import UnavailableError, checkers
from riscv.machine import ROOT
from support.programs.node import find_node

CLIENT = ROOT / "host/posewire/web/client"
PAGE = ROOT / "host/posewire/web/page"


def test_frames_and_audio_pass_the_vectors() -> None:
    command = [find_node(), ROOT / "tests/browser/vectors.mjs", CLIENT, ROOT / "tests/vectors"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.stdout.strip() == "ok", done.stderr


def test_the_fallback_by_itself() -> None:
    command = [find_node(), ROOT / "tests/browser/fallback.mjs", CLIENT]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.stdout.strip() == "ok", done.stderr


def test_md5_is_that_of_others() -> None:
    program = f"import {{ md5 }} from '{PAGE}/serial/md5.js'; for (const size of [0, 1, 55, 56, 63, 64, 65, 1000]) " + (
        "console.log(md5(Uint8Array.from({ length: size }, (_, i) => (i * i) & 255)));"
    )
    done = subprocess.run(
        [find_node(), "--input-type=module", "-e", program], capture_output=True, text=True, check=True
    )
    sizes = (0, 1, 55, 56, 63, 64, 65, 1000)
    wanted = [hashlib.md5(bytes(i * i & 255 for i in range(size))).hexdigest() for size in sizes]
    assert done.stdout.split() == wanted


@pytest.mark.parametrize("folder", [CLIENT, PAGE], ids=["client", "page"])
def test_the_types_hold(folder: Path) -> None:
    try:
        compiler = checkers() / "typescript/bin/tsc"
    except UnavailableError as error:
        pytest.skip(f"no TypeScript: {error}")
    done = subprocess.run([find_node(), compiler, "--project", folder], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
