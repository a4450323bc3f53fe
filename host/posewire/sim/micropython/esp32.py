"""The esp32 module: what the IDF knows of its own heap, the chip's temperature, non-volatile storage."""

import json
import os
import socket

import simidf

HEAP_DATA = 0x0004
HEAP_EXEC = 0x0001

_NVS_FILE = "nvs.json"
_BLOB_MAX = 4000
# The slow memory: what is kept for programs of the ULP, then what machine.RTC().memory() keeps.
_ULP_AT = 0x50000000
_SLOW = 8192
RTC_MAX = 2048
# By namespace: what all open handles see, stored with the next commit.
_spaces = {}


def idf_heap_info(capabilities):
    """(total, free, largest free block, least ever free) of each region; not there without a model of the memory."""
    socket.forget_closed()
    return simidf.heap_info(capabilities == HEAP_EXEC)


def _has_ulp_memory():
    """Put some memory where the chip has that of its ULP; False where this process cannot."""
    try:
        import ffi

        mmap = ffi.open(None).func("p", "mmap", "piiiii")
        return mmap(_ULP_AT, _SLOW, 3, 0x32, -1, 0) == _ULP_AT
    except (ImportError, OSError, AttributeError):
        return False


if simidf.ulp_memory() and _has_ulp_memory():

    class ULP:
        """The slow second processor: the firmware uses the memory that is kept for its programs."""

        RESERVE_MEM = simidf.ulp_memory()


def rtc_memory():
    """What machine.RTC().memory() keeps, None where there is none."""
    count = simidf.ulp_memory()
    if not count:
        return None
    import uctypes

    return uctypes.bytearray_at(_ULP_AT + count, RTC_MAX)


def mcu_temperature():
    return 41


class NVS:
    """Integers of 32 bits and blobs by name; they last once commit() was called."""

    def __init__(self, namespace):
        if not _spaces:
            _spaces.update(_load())
        self._values = _spaces.setdefault(namespace, {})

    def set_i32(self, key, value):
        if not -0x80000000 <= value <= 0xFFFFFFFF:
            raise OverflowError("overflow converting long int to machine word")
        self._values[_key(key)] = value

    def get_i32(self, key):
        return self._get(key, int)

    def set_blob(self, key, value):
        if len(bytes(value)) > _BLOB_MAX:
            raise OSError(-0x110E, "ESP_ERR_NVS_VALUE_TOO_LONG")
        self._values[_key(key)] = bytes(value).hex()

    def get_blob(self, key, buffer):
        data = bytes.fromhex(self._get(key, str))
        if len(data) > len(buffer):
            raise OSError(-0x110C, "ESP_ERR_NVS_INVALID_LENGTH")
        buffer[: len(data)] = data
        return len(data)

    def erase_key(self, key):
        self._get(key, object)
        del self._values[key]

    def commit(self):
        with open(_NVS_FILE + ".new", "w") as file:
            json.dump(_spaces, file)
        os.rename(_NVS_FILE + ".new", _NVS_FILE)

    def _get(self, key, kind):
        value = self._values.get(key)
        if value is None or not isinstance(value, kind):
            raise OSError(-0x1102, "ESP_ERR_NVS_NOT_FOUND")
        return value


def _key(key):
    if not 0 < len(key) <= 15:
        raise OSError(-0x1109, "ESP_ERR_NVS_KEY_TOO_LONG")
    return key


def _load():
    try:
        with open(_NVS_FILE) as file:
            return json.load(file)
    except OSError:
        return {}


_SECTOR = 4096
_PARTITIONS_FILE = "partitions.bin"


class Partition:
    """Two application partitions where the settings say so (bytes of each); else one, as on a small chip.

    What is booted next is the simulator's business: a simulated chip always runs its own interpreter.
    """

    BOOT = 0
    RUNNING = 1
    TYPE_APP = 0
    TYPE_DATA = 1

    confirmed = 0

    def __init__(self, id, block_size=_SECTOR):
        if id not in (Partition.BOOT, Partition.RUNNING, "ota_0", "ota_1", "factory"):
            raise OSError(2)
        self._size = _partition_size
        self._label = id if isinstance(id, str) else _boot[id] if self._size else "factory"

    @classmethod
    def find(cls, type=TYPE_APP, subtype=0xFF, label=None, block_size=_SECTOR):
        """The partitions of a kind: those for applications, of which a small chip has one."""
        if type != cls.TYPE_APP:
            return []
        return [cls("ota_0"), cls("ota_1")] if _partition_size else [cls("factory")]

    def info(self):
        """(type, subtype, address, size, label, encrypted)"""
        number = ("ota_0", "ota_1", "factory").index(self._label)
        return (0, (16, 17, 0)[number], 0x10000 + number * self._size, self._size or 0x1F0000, self._label, False)

    def readblocks(self, block, buffer, offset=0):
        data = b""
        try:
            with open(self._file(), "rb") as file:
                file.seek(block * _SECTOR + offset)
                data = file.read(len(buffer))
        except OSError:
            pass
        buffer[: len(data)] = data
        for i in range(len(data), len(buffer)):
            buffer[i] = 0xFF

    def writeblocks(self, block, buffer, offset=0):
        if block * _SECTOR + offset + len(buffer) > self._size:
            raise OSError(-0x104)
        try:
            file = open(self._file(), "r+b")
        except OSError:
            file = open(self._file(), "w+b")
        with file:
            file.seek(block * _SECTOR + offset)
            file.write(buffer)

    def ioctl(self, operation, argument):
        return {4: self._size // _SECTOR, 5: _SECTOR, 6: 0}.get(operation)

    def set_boot(self):
        head = bytearray(1)
        self.readblocks(0, head)
        if head[0] != 0xE9:
            raise OSError(-0x1503, "ESP_ERR_OTA_VALIDATE_FAILED")
        _boot[Partition.BOOT] = self._label

    def get_next_update(self):
        if not self._size:
            raise OSError(2)
        return Partition("ota_1" if self._label == "ota_0" else "ota_0")

    @classmethod
    def mark_app_valid_cancel_rollback(cls):
        cls.confirmed += 1

    def _file(self):
        return self._label + "." + _PARTITIONS_FILE


# Bytes of each of the two application partitions, 0 for a chip that has one; what boots and what runs.
_partition_size = 0
_boot = ["ota_0", "ota_0"]
