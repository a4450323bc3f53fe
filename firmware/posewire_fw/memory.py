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
# Besides what is asked for: blocks that do not fit exactly.
_MARGIN = const(1024)

# What is held back of the chip's own memory while the board starts (growing.py).
held = 0
_least = _INTERNAL_MAX


def idf():
    """(free bytes, largest free block, the least that was found free since the start); None where that is not known.

    Of the chip's internal memory; what is held back for it counts as free.
    """
    global _least
    if not hasattr(esp32, "idf_heap_info"):
        return None
    free = held
    largest = held
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


def has_room(heap, chip):
    """Whether so many bytes are free of the heap, and of the chip's own memory; collects first."""
    gc.collect()
    found = idf()
    return heap_free() >= heap + _MARGIN and (found is None or found[0] >= chip + _MARGIN)
