"""Gives the memory of modules back that are needed once in months."""

import sys


def unload_modules(*names):
    """Let go of modules of this package; a later import loads them anew."""
    package = sys.modules.get("posewire_fw")
    for name in names:
        sys.modules.pop("posewire_fw." + name, None)
        if hasattr(package, name):
            delattr(package, name)


def drop_functions(module, *names):
    """Give back functions of a module that have done their work; what they have made keeps the module itself alive."""
    for name in names:
        delattr(module, name)
