"""Run the host by itself whenever this user's machine runs: a systemd user service on Linux, launchd on macOS.

examples:
  posewire service install --config posewire.toml
  posewire service show                                what would be written
  posewire service remove
"""

import argparse
import os
import plistlib
import shutil
import subprocess
import sys
from pathlib import Path

from posewire.errors import ConfigError
from posewire.terminal import show, show_json, show_text, warn

_NAME = "posewire"
_LABEL = "org.posewire.host"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the actions of ``posewire service``."""
    parser.add_argument("action", choices=("install", "show", "remove"), help="action")
    parser.add_argument("--config", type=Path, metavar="FILE", help="settings of the host (posewire init writes them)")
    parser.add_argument("--no-start", action="store_true", help="write the file, and change nothing else")
    parser.add_argument("--json", action="store_true", help="print the file's name, and for show its text, as JSON")


def run(args: argparse.Namespace) -> int:
    """Install, show or remove the service."""
    if args.config is not None and not args.config.is_file():
        raise ConfigError(f"there is no file {args.config}")
    if args.config is not None and args.action == "install":
        from posewire.server.settings import load_settings

        load_settings(args.config)  # a service that cannot start would begin again and again
    mac = sys.platform == "darwin"
    file, text = _launchd(args.config) if mac else _systemd(args.config)
    if args.json and args.action == "show":
        show_json({"file": str(file), "text": text})
        return 0
    if args.action == "show":
        show(f"# {file}", style="dim")
        show_text(text.rstrip())
        return 0
    if args.action == "remove":
        _control(["launchctl", "unload", str(file)] if mac else ["systemctl", "--user", "disable", "--now", _NAME])
        file.unlink(missing_ok=True)
        _report(args, "removed", file)
        return 0
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    except OSError as error:
        raise ConfigError(f"cannot write {file}: {error.strerror}") from None
    _report(args, "wrote", file)
    if args.no_start:
        return 0
    if mac:
        return _control(["launchctl", "load", "-w", str(file)])
    status = _control(["systemctl", "--user", "daemon-reload"])
    status = status or _control(["systemctl", "--user", "enable", "--now", _NAME])
    if not status and not args.json:
        show(f"it runs; its log: journalctl --user -u {_NAME}")
        show("loginctl enable-linger starts it before anybody logs in")
    return status


def _report(args: argparse.Namespace, done: str, file: Path) -> None:
    if args.json:
        show_json({done: str(file)})
    else:
        show(f"{done} {file}")


def _command(config: Path | None) -> list[str]:
    words = [sys.executable, "-m", "posewire", "serve"]
    return words + (["--config", str(config.resolve())] if config is not None else [])


def _systemd(config: Path | None) -> tuple[Path, str]:
    home = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    # Quoted as systemd.service(5) wants it; % and $ stand for something there.
    special = str.maketrans({"\\": "\\\\", '"': '\\"', "%": "%%", "$": "$$"})
    words = [f'"{word.translate(special)}"' for word in _command(config)]
    text = f"""\
[Unit]
Description=Posewire, the host of ESP32 boards

[Service]
ExecStart={" ".join(words)}
ExecReload=/bin/kill -HUP $MAINPID
Restart=on-failure
RestartSec=2
TimeoutStopSec=20

[Install]
WantedBy=default.target
"""
    return home / "systemd" / "user" / f"{_NAME}.service", text


def _launchd(config: Path | None) -> tuple[Path, str]:
    logs = Path.home() / "Library" / "Logs" / "posewire.log"
    entry = {
        "Label": _LABEL,
        "ProgramArguments": _command(config),
        "RunAtLoad": True,
        "KeepAlive": {"SuccessfulExit": False},
        "StandardErrorPath": str(logs),
    }
    return Path.home() / "Library" / "LaunchAgents" / f"{_LABEL}.plist", plistlib.dumps(entry).decode()


def _control(command: list[str]) -> int:
    """Tell the service manager; returns the status for the shell."""
    if shutil.which(command[0]) is None:
        warn(f"there is no {command[0]} on this machine: start it yourself with {' '.join(_command(None)[-2:])}")
        return 1
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)  # noqa: S603 - our own words
    if done.returncode:
        warn(f"{' '.join(command)}: {done.stderr.strip() or done.returncode}")
    return min(done.returncode, 1)
