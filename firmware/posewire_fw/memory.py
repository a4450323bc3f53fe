"""Free memory: MicroPython's heap, and the chip's own memory, on which Wi-Fi, sockets, TLS and machine code live.

On an ESP32 a heap that is full takes a block of the chip's own memory and keeps it, and gc.mem_free() counts what could
still be taken. Here the two are kept apart.
"""

import gc

from micropython import const

try:
    import esp32
except ImportError:
    esp32 = None

# No region of the chip's internal memory is larger; what is, is PSRAM, which the network cannot use.
_INTERNAL_MAX = const(600000)
# Heap and internal memory together, with Wi-Fi active: an ESP32 has 150 000 bytes.
_SMALL = const(200000)
# Besides what is asked for: blocks that do not fit exactly.
_MARGIN = const(1024)


# A UART of its own, for the sake of its receive buffer: that is memory of the chip, of any size that is asked for.
_held = None
_held_bytes = 0
_least = _INTERNAL_MAX


def idf():
    """(free bytes, largest free block, the least that was found free since the start); None where that is not known.

    Of the chip's internal memory; what is held back for it counts as free.
    """
    global _least
    if not hasattr(esp32, "idf_heap_info"):
        return None
    free = _held_bytes
    largest = _held_bytes
    for region in esp32.idf_heap_info(esp32.HEAP_DATA):  # pyright: ignore
        if region[0] <= _INTERNAL_MAX:
            free += region[1]
            largest = max(largest, region[2])
    _least = min(_least, free)
    return free, largest, _least


def growth():
    """Bytes by which gc.mem_free() counts more than the heap has: what it could still take of internal memory.

    A heap that grows out of PSRAM takes from nobody: that counts as its own.
    """
    largest = 0
    if hasattr(esp32, "idf_heap_info"):
        for region in esp32.idf_heap_info(esp32.HEAP_DATA):  # pyright: ignore
            if region[0] > _INTERNAL_MAX:
                return 0
            largest = max(largest, region[2])
    return largest


def heap_free():
    """Free bytes of the heap as it is, garbage not counted."""
    return gc.mem_free() - growth()


def is_small():
    """Whether this is a chip that has to be economical: a plain ESP32. Where nothing is known, it is not."""
    found = idf()
    return found is not None and growth() > 0 and found[0] + heap_free() < _SMALL


def has_room(heap, chip):
    """Whether so many bytes are free of the heap, and of the chip's own memory; collects first."""
    gc.collect()
    found = idf()
    return heap_free() >= heap + _MARGIN and (found is None or found[0] >= chip + _MARGIN)


def hold(count):
    """Take so many bytes of the chip's own memory, until release()."""
    global _held, _held_bytes
    import machine

    if count > 0:
        try:
            _held = machine.UART(2, 115200, rxbuf=count)
            _held_bytes = count
        except (OSError, ValueError, MemoryError) as exc:
            print("start: cannot hold %d bytes back: %s" % (count, exc))


def release():
    """Give back what hold() has taken: the heap has grown, and what lives in it keeps what it has grown by."""
    global _held, _held_bytes
    if _held is not None:
        _held.deinit()
        _held = None
        _held_bytes = 0
