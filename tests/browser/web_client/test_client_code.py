"""The JavaScript by itself: the shared vectors in Node, and the types of client and page."""

import hashlib
import json
import subprocess
from pathlib import Path

import pytest

from browser.chromium import UnavailableError, checkers
from docs.pages import block
from riscv.machine import ROOT
from support.programs.node import find_node

CLIENT = ROOT / "host/posewire/web/client"
PAGE = ROOT / "host/posewire/web/page"


def test_frames_and_audio_pass_the_vectors() -> None:
    command = [find_node(), ROOT / "tests/browser/web_client/vectors.mjs", CLIENT, ROOT / "tests/vectors"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.stdout.strip() == "ok", done.stderr


def test_the_fallback_by_itself() -> None:
    command = [find_node(), ROOT / "tests/browser/web_client/fallback.mjs", CLIENT]
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


def test_a_strict_program_in_typescript_gets_the_types(tmp_path: Path) -> None:
    """With the options that docs/web-client.md shows."""
    try:
        compiler = checkers() / "typescript/bin/tsc"
    except UnavailableError as error:
        pytest.skip(f"no TypeScript: {error}")
    options = json.loads(block("docs/web-client.md", "json", 0))["compilerOptions"]
    # Besides what the document says: where the clone is, and what any program names.
    (served,) = options["paths"]
    where = {"paths": {served: [f"{CLIENT}/*"]}}
    needs = {
        "noEmit": True,
        "target": "es2022",
        "module": "esnext",
        "lib": ["es2022", "dom", "dom.iterable"],
        "types": [],
    }
    settings = {
        "compilerOptions": {**options, **where, **needs},
        "files": [str(Path(__file__).with_name("program.ts"))],
    }
    (tmp_path / "tsconfig.json").write_text(json.dumps(settings))
    done = subprocess.run([find_node(), compiler, "--project", tmp_path], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
