"""This command as a person types it: by its name where the shell finds it, else by its path."""

import os
import shlex
import shutil
import sys
from pathlib import Path

_NAME = "posewire"


def own_command(*words: str, config: Path | None = None) -> str:
    """Return a command line for a shell of this machine. ``config``: the file of settings that it is to use."""
    program = Path(sys.executable).with_name(_NAME)
    found = shutil.which(_NAME)
    if found is not None and os.path.realpath(found) == os.path.realpath(program):
        start = [_NAME]
    elif os.access(program, os.X_OK):
        start = [str(program)]
    else:
        start = [sys.executable, "-m", _NAME]
    return shlex.join([*start, *words, *(["--config", str(config.absolute())] if config is not None else [])])
