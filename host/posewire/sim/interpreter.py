"""Find a MicroPython interpreter on this machine, or get one.

The order is: the environment variable ``POSEWIRE_MICROPYTHON`` (a program, or a whole command line); a 32-bit one, as a
board's is, where this machine runs it, fetched from the Debian or Ubuntu archive into the user's cache; ``micropython``
on the PATH; the machine's own kind, fetched the same way.
"""

import contextlib
import os
import platform
import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

from posewire.errors import SimulatorError
from posewire.install.interpreter import parse_interpreter
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
bits = 32 if sys.maxsize < 2**32 else 64
print("MicroPython", *sys.implementation.version[:3], int(viper), bits, getattr(sys.implementation, "_mpy", 0))
"""


# By machine: Debian's name for the 32-bit architecture that its processor may run as well, and what emulates that.
_NARROW = {"x86_64": ("i386", "qemu-i386"), "aarch64": ("armhf", "qemu-arm"), "arm64": ("armhf", "qemu-arm")}
# After a fetch that failed, this long (seconds) none is tried again: it takes a while to find out.
_RETRY_SECONDS = 24 * 3600


class Interpreter(NamedTuple):
    """A MicroPython that works: how to start it, its version, where it came from, what it can.

    ``viper``: whether it compiles that. ``word_bits``: 32 as on a board, or 64. ``mpy``: the architecture, as mpy-cross
    calls it, whose compiled files it loads; empty where it loads none of ours.
    """

    argv: list[str]
    version: tuple[int, int, int]
    source: str
    viper: bool
    word_bits: int
    mpy: str


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
    return f"{version} of {found.word_bits} bits, {found.source}: {found.argv[-1]}{suffix}"


def find_interpreter(cache: Path | None = None, word_bits: int = 32) -> Interpreter:
    """As find_micropython(), with what is known of the interpreter.

    ``cache`` replaces the user's cache folder. With ``word_bits`` 64 no 32-bit one is looked for.

    Raises SimulatorError that says in one line what to install.
    """
    cache = cache or cache_folder()
    configured = os.environ.get(ENVIRONMENT_VARIABLE)
    if configured:
        argv = [configured] if Path(configured).exists() else shlex.split(configured)
        found, why = _try(argv, ENVIRONMENT_VARIABLE)
        if found is None:
            raise SimulatorError(f"{ENVIRONMENT_VARIABLE}={configured} {why}")
        return found
    reasons = []
    if word_bits == 32:
        found, why = _narrow(cache)
        if found is not None:
            return found
        reasons.append(why)
    on_path = shutil.which("micropython")
    if on_path is not None:
        found, why = _try([on_path], "on the PATH")
        if found is not None:
            return found
        reasons.append(f"{on_path} {why}")
    try:
        argv = fetch(cache)
    except SimulatorError as error:
        reasons.append(str(error))
    else:
        found, why = _try(argv, "fetched from the system's package archive")
        if found is not None:
            return found
        reasons.append(f"{argv[-1]} {why}")
    raise SimulatorError(f"no MicroPython {OLDEST[0]}.{OLDEST[1]} or newer: {_advice()} ({'; '.join(reasons)})")


def _narrow(cache: Path) -> tuple[Interpreter | None, str]:
    """A 32-bit interpreter for this machine, or why there is none."""
    names = _NARROW.get(platform.machine())
    if names is None or sys.platform != "linux":
        return None, "there is no 32-bit one for this system"
    architecture, emulator = names
    failed = cache / f"{architecture}-linux.failed"
    if failed.is_file() and time.time() - failed.stat().st_mtime < _RETRY_SECONDS:
        return None, failed.read_text("utf-8")
    try:
        argv = fetch(cache, architecture)
    except SimulatorError as error:
        return None, _note_failure(failed, f"{architecture}: {error}")
    found, why = _try(argv, f"fetched from the system's package archive ({architecture})")
    if found is None:
        # The kernel may be without 32-bit programs, and some ARM processors are.
        programs = filter(None, (shutil.which(name) for name in (emulator, f"{emulator}-static")))
        for program in programs:
            found, why = _try([program, *argv], f"fetched from the system's package archive ({architecture}, emulated)")
            if found is not None:
                return found, ""
        # Not noted: it is soon found out again, and a machine that is short of memory may stop any program.
        return None, f"{architecture}: {why}"
    return found, ""


def _note_failure(file: Path, reason: str) -> str:
    with contextlib.suppress(OSError):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(reason, "utf-8")
    return reason


def cache_folder() -> Path:
    """Where a fetched interpreter is kept."""
    if sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "posewire" / "micropython"


def _try(argv: list[str], source: str) -> tuple[Interpreter | None, str]:
    """Run the probe; return what was found, or None and why not. One that the system stopped runs once more."""
    try:
        done = _probe(argv)
        if done.returncode < 0:
            done = _probe(argv)
    except (OSError, subprocess.TimeoutExpired) as error:
        return None, f"does not start: {error}"
    if done.returncode < 0:
        return None, f"was stopped by signal {-done.returncode}"
    words = done.stdout.split()
    if done.returncode or len(words) != 7 or words[0] != "MicroPython":
        last = (done.stderr.strip() or done.stdout.strip() or "no output").splitlines()[-1]
        return None, f"is not a MicroPython that can run the firmware: {last}"
    major, minor, patch, viper, bits, mpy = map(int, words[1:])
    files = parse_interpreter([major, minor, patch], mpy, "")
    compiled = files.architecture if files.takes_mpy else ""
    if (major, minor) < OLDEST:
        return None, f"is version {major}.{minor}, too old"
    return Interpreter(argv, (major, minor, patch), source, bool(viper), bits, compiled), ""


def _probe(argv: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603
        [*argv, "-c", _PROBE], capture_output=True, text=True, timeout=20, check=False
    )


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
