"""Find a MicroPython interpreter on this machine, or get one.

The order is: the environment variable ``POSEWIRE_MICROPYTHON`` (a program, or a whole command line), ``micropython``
on the PATH, the one that was fetched earlier, and last a fetch from the Debian or Ubuntu archive into the user's cache.
"""

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from posewire.errors import SimulatorError
from posewire.sim.interpreter_fetch import fetch, system_family

OLDEST = (1, 24)
ENVIRONMENT_VARIABLE = "POSEWIRE_MICROPYTHON"

# Tells all at once: what the simulator needs, the version, whether machine code can be made for this processor.
_PROBE = """
import sys, asyncio, json, select, socket
try:
    exec("import micropython\\n@micropython.viper\\ndef f(x: int) -> int:\\n    return x + 1\\nviper = f(41) == 42")
except SyntaxError:
    viper = False
print("MicroPython", *sys.implementation.version[:3], int(viper))
"""


class Interpreter(NamedTuple):
    """A MicroPython that works: how to start it, its version, where it came from, whether it compiles viper."""

    argv: list[str]
    version: tuple[int, int, int]
    source: str
    viper: bool


def find_micropython() -> list[str]:
    """Return the command (argv prefix) that starts MicroPython >= 1.24, fetching one where needed.

    Raises SimulatorError that says in one line what to install.
    """
    return find_interpreter().argv


def describe_micropython() -> str:
    """Say in one line which interpreter is used, for people."""
    found = find_interpreter()
    version = ".".join(map(str, found.version))
    suffix = "" if found.viper else ", no machine code on this processor: viper functions run as bytecode"
    return f"{version}, {found.source}: {found.argv[-1]}{suffix}"


def find_interpreter(cache: Path | None = None) -> Interpreter:
    """As find_micropython(), with what is known of the interpreter. ``cache`` replaces the user's cache folder.

    Raises SimulatorError that says in one line what to install.
    """
    configured = os.environ.get(ENVIRONMENT_VARIABLE)
    if configured:
        argv = [configured] if Path(configured).exists() else shlex.split(configured)
        found, why = _try(argv, ENVIRONMENT_VARIABLE)
        if found is None:
            raise SimulatorError(f"{ENVIRONMENT_VARIABLE}={configured} {why}")
        return found
    reasons = []
    on_path = shutil.which("micropython")
    if on_path is not None:
        found, why = _try([on_path], "on the PATH")
        if found is not None:
            return found
        reasons.append(f"{on_path} {why}")
    try:
        argv = fetch(cache or cache_folder())
    except SimulatorError as error:
        reasons.append(str(error))
    else:
        found, why = _try(argv, "fetched from the system's package archive")
        if found is not None:
            return found
        reasons.append(f"{argv[-1]} {why}")
    raise SimulatorError(f"no MicroPython {OLDEST[0]}.{OLDEST[1]} or newer: {_advice()} ({'; '.join(reasons)})")


def cache_folder() -> Path:
    """Where a fetched interpreter is kept."""
    if sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "posewire" / "micropython"


def _try(argv: list[str], source: str) -> tuple[Interpreter | None, str]:
    """Run the probe; return what was found, or None and why not."""
    try:
        done = subprocess.run(  # noqa: S603
            [*argv, "-c", _PROBE], capture_output=True, text=True, timeout=20, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return None, f"does not start: {error}"
    words = done.stdout.split()
    if done.returncode or len(words) != 5 or words[0] != "MicroPython":
        last = (done.stderr.strip() or done.stdout.strip() or "no output").splitlines()[-1]
        return None, f"is not a MicroPython that can run the firmware: {last}"
    major, minor, patch, viper = map(int, words[1:])
    if (major, minor) < OLDEST:
        return None, f"is version {major}.{minor}, too old"
    return Interpreter(argv, (major, minor, patch), source, bool(viper)), ""


def _advice() -> str:
    if sys.platform == "darwin":
        return "brew install micropython"
    names = system_family()
    other = f"get one from https://micropython.org (unix port) and set {ENVIRONMENT_VARIABLE} to it"
    if "ubuntu" in names:
        return f"on Ubuntu 26.04 or newer: sudo apt install micropython; otherwise {other}"
    if "debian" in names:
        return f"on Debian 13 or newer: sudo apt install micropython; otherwise {other}"
    if "fedora" in names:
        return f"sudo dnf install micropython, or {other}"
    if "arch" in names:
        return f"install micropython from the AUR, or {other}"
    return other
