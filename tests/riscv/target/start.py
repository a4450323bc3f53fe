"""Runs on the emulated machine: gives it a file system that can be written, runs one program, and switches off."""

import binascii
import sys

import machine
import vfs

_BLOCK = 512
_BLOCKS = 1024


class _RamDisk:
    def __init__(self):
        self._data = memoryview(bytearray(_BLOCK * _BLOCKS))

    def readblocks(self, block, buf, offset=0):
        at = _BLOCK * block + offset
        buf[:] = self._data[at : at + len(buf)]

    def writeblocks(self, block, buf, offset=0):
        at = _BLOCK * block + offset
        self._data[at : at + len(buf)] = buf

    def ioctl(self, what, _argument):
        return {4: _BLOCKS, 5: _BLOCK}.get(what, 0)


def run(program, arguments, wanted):
    """wanted: a file that the program writes, to be printed after it; or None."""
    disk = _RamDisk()
    vfs.VfsLfs1.mkfs(disk)
    vfs.mount(vfs.VfsLfs1(disk), "/")
    sys.argv[:] = [program] + arguments
    status = 0
    try:
        with open(program) as file:
            code = file.read()
        exec(code, {"__name__": "__main__", "__file__": program})
    except SystemExit as end:
        status = end.args[0] if end.args else 0
    except BaseException as error:
        sys.print_exception(error)
        status = 1
    print("\n--- ended with", status or 0)
    if wanted and not status:
        with open(wanted, "rb") as file:
            while piece := file.read(600):
                sys.stdout.write(binascii.b2a_base64(piece))
    machine.reset()
