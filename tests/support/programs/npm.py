"""Packages from npm that tests try the host with: installed once, outside the project."""

import fcntl
import shutil
import subprocess
from pathlib import Path

import pytest

from posewire.sim.interpreter import cache_folder

_TIMEOUT_SECONDS = 300


def npm_package(name: str, version: str) -> Path:
    """Return the folder ``node_modules`` with a package; skips the test where npm cannot get it."""
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        pytest.skip("node and npm are not installed")
    folder = cache_folder() / f"npm-{name}-{version}"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "node_modules" / name / "package.json").exists():
            command = [npm, "install", "--prefix", str(folder), "--no-audit", "--no-fund", f"{name}@{version}"]
            done = subprocess.run(command, capture_output=True, text=True, timeout=_TIMEOUT_SECONDS)
            if done.returncode:
                pytest.skip(f"npm does not get {name}: {done.stderr[-300:]}")
    return folder / "node_modules"
