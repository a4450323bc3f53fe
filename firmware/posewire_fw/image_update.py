"""Takes a new firmware image (MicroPython itself) into the chip's other application partition, where there is one."""

import binascii
import hashlib
import time

from micropython import const

from posewire_fw import credentials, log
from posewire_fw.partitions import next_partition
from posewire_fw.update_error import PIECE, UpdateError

_BLOCK = const(4096)
_MAGIC = const(0xE9)
_SILENCE_MS = const(30000)
_AGAIN_MS = const(4000)


class ImageUpdate:
    """As updater.AppUpdate, for one image. Blocks are written in order; nothing boots it before it is whole."""

    def __init__(self, message):
        self.version = str(message.get("version", ""))
        self._length = message["size"]
        self._wanted = message["sha256"]
        partition = next_partition()
        if partition is None:
            raise UpdateError("no_partition", "this board's partition table has no second application partition")
        self._partition = partition
        room = partition.info()[3]
        if not isinstance(self._length, int) or not 0 < self._length <= room:
            raise UpdateError("no_room", "the image has %s bytes, the partition %d" % (self._length, room))
        self._block = bytearray(_BLOCK)
        self._digest = hashlib.sha256()
        self._offset = 0
        self._asked = False
        self._heard = time.ticks_ms()
        self._asked_at = self._heard
        self.slot = self._partition.info()[4]

    def step(self):
        if self._asked:
            now = time.ticks_ms()
            if time.ticks_diff(now, self._heard) > _SILENCE_MS:
                raise UpdateError("timeout", "the host sent nothing for %d s" % (_SILENCE_MS // 1000))
            return self._ask() if time.ticks_diff(now, self._asked_at) > _AGAIN_MS else None
        if self._offset == self._length:
            return self._install()
        return self._ask()

    def _ask(self):
        self._asked_at = time.ticks_ms()
        if not self._asked:
            self._asked = True
            self._heard = self._asked_at
        return {
            "type": "update",
            "event": "want",
            "name": "image",
            "offset": self._offset,
            "count": self._count(),
            "done": self._offset,
            "total": self._length,
        }

    def _count(self):
        # A piece never crosses a block: each block is written once it is full.
        return min(PIECE, self._length - self._offset, _BLOCK - self._offset % _BLOCK)

    def data(self, message):
        if not self._asked or message.get("name") != "image" or message.get("offset") != self._offset:
            return
        piece = binascii.a2b_base64(message["data"])
        if len(piece) != self._count():
            raise UpdateError("bad_data", "a piece of the image has the wrong length")
        if not self._offset:
            self._check_head(piece)
        at = self._offset % _BLOCK
        self._block[at : at + len(piece)] = piece
        self._digest.update(piece)
        self._offset += len(piece)
        if self._offset % _BLOCK == 0 or self._offset == self._length:
            for i in range((self._offset - 1) % _BLOCK + 1, _BLOCK):
                self._block[i] = 0xFF
            self._partition.writeblocks((self._offset - 1) // _BLOCK, self._block)
        self._asked = False

    def _check_head(self, piece):
        """An image for another chip does not start: compare with what runs."""
        from esp32 import Partition

        running = bytearray(24)
        Partition(Partition.RUNNING).readblocks(0, running, 0)  # pyright: ignore[reportArgumentType]
        if len(piece) < 24 or piece[0] != _MAGIC:
            raise UpdateError("bad_file", "this is not an application image (.app-bin)")
        if running[0] == _MAGIC and bytes(running[12:14]) != bytes(piece[12:14]):
            raise UpdateError("wrong_architecture", "the image is for another chip")

    def _install(self):
        if binascii.hexlify(self._digest.digest()).decode() != self._wanted or not self._holds():
            raise UpdateError("bad_hash", "the image arrived damaged")
        # Checks the image itself once more; the boot loader goes back to the old one unless it is confirmed.
        self._partition.set_boot()
        credentials.put(credentials.IMAGE, self.slot)
        log.info("update", "image %s is installed in %s", self.version, self.slot)
        return {"type": "update", "event": "installed", "version": self.version, "slot": self.slot}

    def _holds(self):
        """Whether the partition reads back as what was sent."""
        digest = hashlib.sha256()
        left = self._length
        number = 0
        while left:
            self._partition.readblocks(number, self._block)
            count = min(left, _BLOCK)
            digest.update(memoryview(self._block)[:count])
            left -= count
            number += 1
        return binascii.hexlify(digest.digest()).decode() == self._wanted

    def close(self):
        pass
