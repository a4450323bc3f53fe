"""The environment of child processes that run this package."""

import os
from pathlib import Path

import posewire


def child_environment() -> dict[str, str]:
    """Return the environment in which a child process finds this very package."""
    here = str(Path(posewire.__file__).parent.parent)
    return os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, (here, os.environ.get("PYTHONPATH", ""))))}
