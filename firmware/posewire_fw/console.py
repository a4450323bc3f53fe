"""The serial console while the application runs: Improv packets, and Ctrl-C for people and their tools.

An Improv command has byte 3 in it, which is Ctrl-C: so MicroPython must not look for that itself any more. Here it does
what it should, outside of a packet: it ends the application, and the REPL answers.
"""

import select
import sys
import time

import micropython
from micropython import const

from posewire_fw.unload import unload_modules

_CTRL_C = const(3)
_HEADER = b"IMPROV"
_IDLE_MS = const(60000)
_BYTES_A_POLL = const(64)


class Console:
    """make_improv() gives the object that takes the packets' bytes; it is made when the first packet comes."""

    def __init__(self, make_improv):
        self._make_improv = make_improv
        self._improv = None
        self._matched = 0
        self._heard = time.ticks_ms()
        self._byte = bytearray(1)
        self._stream = sys.stdin.buffer
        self._poller = select.poll()
        self._poller.register(sys.stdin, select.POLLIN)
        self._ready()  # the first time it allocates
        micropython.kbd_intr(-1)

    def poll(self):
        """Take what has come. Raises KeyboardInterrupt."""
        for _ in range(_BYTES_A_POLL):
            if not self._ready() or not self._stream.readinto(self._byte, 1):
                break
            self._take(self._byte[0])
        if self._improv is not None:
            self._improv.poll()
            if time.ticks_diff(time.ticks_ms(), self._heard) > _IDLE_MS and self._improv.idle():
                self._improv = None
                unload_modules("improv")

    def close(self):
        """Give Ctrl-C back to MicroPython."""
        micropython.kbd_intr(_CTRL_C)

    def _ready(self):
        for entry in self._poller.ipoll(0):
            return entry[1] & select.POLLIN
        return False

    def _take(self, byte):
        self._heard = time.ticks_ms()
        if self._improv is not None and self._improv.inside():
            self._improv.feed(byte)
        elif byte == _HEADER[self._matched]:
            self._matched += 1
            if self._matched == len(_HEADER):
                self._matched = 0
                if self._improv is None:
                    self._improv = self._make_improv()
                self._improv.begin()
        elif byte == _CTRL_C:
            self.close()
            raise KeyboardInterrupt
        else:
            self._matched = 1 if byte == _HEADER[0] else 0
