"""This command as a person types it: by its name where the shell finds it, else by its path."""

import os
import shlex
import shutil
import sys
from pathlib import Path

_NAME = "posewire"


def own_command(*words: str, config: Path | None = None) -> str:
    """Return a command line for a shell of this machine. ``config``: the file of settings that it is to use."""
    return shlex.join([*_start(), *words]) + config_option(config)


def config_option(config: Path | None) -> str:
    """Return what a command line ends with, so that the command uses this file of settings; empty for none."""
    return "" if config is None else f" --config {shlex.quote(str(config.absolute()))}"


def _start() -> list[str]:
    program = Path(sys.executable).with_name(_NAME)
    found = shutil.which(_NAME)
    if found is not None and os.path.realpath(found) == os.path.realpath(program):
        return [_NAME]
    if os.access(program, os.X_OK):
        return [str(program)]
    return [sys.executable, "-m", _NAME]
