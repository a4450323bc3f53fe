"""Gives the memory of modules back that are needed once in months."""

import sys


def unload_modules(*names):
    """Let go of modules of this package; a later import loads them anew."""
    package = sys.modules.get("posewire_fw")
    for name in names:
        sys.modules.pop("posewire_fw." + name, None)
        if hasattr(package, name):
            delattr(package, name)


def unload_slots():
    """Let go of posewire_slots, which who asks for it loads anew."""
    sys.modules.pop("posewire_slots", None)


def drop_functions(owner, *names):
    """Give back functions of a module or a class that have done their work; what they have made keeps it alive."""
    for name in names:
        if isinstance(owner, type):
            # A name that is deleted from a class leaves its value behind, out of sight.
            setattr(owner, name, None)
        else:
            delattr(owner, name)
