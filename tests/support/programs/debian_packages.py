"""Other people's programs that tests start, from Debian's packages.

Run as a program (``make test`` does), this file installs the missing ones, where root runs it and there is apt. A test
whose program is missing is skipped, and says so.
"""

import os
import shutil
import subprocess
import sys

PACKAGES = {
    "flite": "flite",
    "espeak-ng": "espeak-ng",
    "fish": "fish",
    "mosquitto": "mosquitto",
    "prosody": "prosody",
    "zsh": "zsh",
}
"""The package of each command."""

_SBIN = ":/usr/local/sbin:/usr/sbin"

_TIMEOUT_SECONDS = 600


def find(command: str) -> str | None:
    """Return the path of a command, also of one for administrators; None: it is not there."""
    return shutil.which(command, path=os.environ.get("PATH", "") + _SBIN)


def missing() -> list[str]:
    """Return the packages whose command is not there."""
    return sorted(package for command, package in PACKAGES.items() if find(command) is None)


def install(packages: list[str]) -> str:
    """Install packages; return why it failed, or nothing."""
    if os.getuid() or shutil.which("apt-get") is None:
        return "needs root on Debian or Ubuntu"
    # In run level 1 a package does not start its own server.
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
    for words in (["update"], ["-y", "--no-install-recommends", "install", *packages]):
        command = ["apt-get", "-q", *words]
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, env=environment, timeout=_TIMEOUT_SECONDS, check=False
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            return str(error)
        if done.returncode:
            return (done.stdout + done.stderr)[-1000:]
    return ""


if __name__ == "__main__":
    if wanted := missing():
        print(f"installing {', '.join(wanted)}…", file=sys.stderr, flush=True)
        if why := install(wanted):
            print(f"tests that need {', '.join(wanted)} are skipped: {why}", file=sys.stderr)
