"""The esp32 module: what the IDF knows of its own heap, the chip's temperature, non-volatile storage."""

import json
import os

HEAP_DATA = 0x0004
HEAP_EXEC = 0x0001

_NVS_FILE = "nvs.json"
_BLOB_MAX = 4000
# By namespace: what all open handles see, stored with the next commit.
_spaces = {}


def idf_heap_info(capabilities):
    """One region (total, free, largest free block, least ever free), as on a board with Wi-Fi and one connection."""
    if capabilities == HEAP_EXEC:
        return [(65536, 40960, 32768, 32768)]
    return [(229376, 95432, 65536, 67468)]


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
