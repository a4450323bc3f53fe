"""The folder with the firmware as a file system of its own: loading machine code from it takes of the IDF's memory."""

import os
import sys

import simbus
import simidf

_POINT = "/firmware"


class _Folder:
    """A file system that hands everything on to a folder of the computer."""

    def __init__(self, root, native):
        self._root = root
        # By file: the bytes of each function that is machine code.
        self._native = native

    def mount(self, readonly, mkfs):
        pass

    def umount(self):
        pass

    def stat(self, path):
        return os.stat(self._root + path)

    def open(self, path, mode):
        for size in self._native.get(path[1:], ()):
            # It is read into the heap first.
            bytearray(size)
            simidf.allocate_code(size)
        return open(self._root + path, mode)


def mount():
    """Put it in the place of the folder on the path."""
    import vfs

    root = simbus.settings.get("firmware")
    native = simbus.settings.get("native")
    if native and root in sys.path:
        vfs.mount(_Folder(root, native), _POINT)
        sys.path[sys.path.index(root)] = _POINT
