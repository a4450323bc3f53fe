"""Gives the memory of modules back that are needed once in months."""

import sys


def forget(*names):
    """Let go of modules of this package; a later import loads them anew."""
    package = sys.modules.get("posewire_fw")
    for name in names:
        sys.modules.pop("posewire_fw." + name, None)
        if hasattr(package, name):
            delattr(package, name)
