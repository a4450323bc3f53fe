"""The memory that the chip's IDF has: drivers, network and machine code take of it what they take on the chip.

Where the settings name no memory there is no limit. simheap adds to MicroPython's heap out of the same regions.
"""

import errno
import struct

import simbus
import simheap
from micropython import const

# What the simulated hardware takes of the firmware's heap while that runs, names above all: the difference to an
# emulated ESP32 with the same firmware (3.3 KB with the profile motion, 4.2 KB with voice).
_OWN = const(3300)

_memory = simbus.settings.get("memory")
_costs = _memory["costs"] if _memory else {}
# Free bytes of the regions for machine code only, and which of simheap's regions it may take besides.
_code = [free for _, free in _memory["code"]] if _memory else []
_code_min = list(_code)
_shared = 0
_internal = 0
# The least that each region had free.
_least = []
_report = bytearray(20)


def begin():
    """Give the chip its memory: from here on the firmware's heap grows out of it. Returns whether it does."""
    global _shared, _internal
    if not _memory:
        return False
    internal = _memory["data"] + _memory["shared"]
    _shared = len(_memory["data"])
    _internal = len(internal)
    regions = [free for _, free in internal]
    psram = None
    if _memory["psram"]:
        psram = len(regions)
        regions.append(_memory["psram"])
    in_use = max(0, _memory["heap_in_use"] - _OWN)
    if not simheap.start(_memory["heap"], in_use, regions, psram, _memory["grows"]):
        return False
    _least.extend(regions)
    return True


def cost(name):
    """Bytes that a thing takes, 0 where no memory is modelled."""
    return _costs.get(name, 0)


def ulp_memory():
    """Bytes that the chip keeps for programs of its ULP."""
    return _memory.get("ulp", 0) if _memory else 0


class Allocation:
    """Memory of the IDF in use: (region, bytes) of each piece."""

    def __init__(self):
        self.pieces = []

    def add(self, other):
        self.pieces.extend(other.pieces)

    def size(self):
        return sum([size for _, size in self.pieces])

    def free(self):
        for region, size in self.pieces:
            simheap.charge(region, -size)
        self.pieces = []


def allocate(size, internal=False):
    """Allocate one block; raises NoMemory. internal: not of the PSRAM."""
    memory = Allocation()
    if not _least or not size:
        return memory
    needed = simheap.block(size)
    order = list(range(_internal))
    if len(_least) > _internal and not internal:
        # As the image is configured: what is larger than 8 KB goes into the PSRAM, and what fits nowhere else.
        order = [_internal] + order if size > 8192 else order + [_internal]
    for region in order:
        if simheap.region_free(region) >= needed:
            _charge(region, needed, memory)
            return memory
    raise NoMemory()


def allocate_parts(size, internal=True):
    """Allocate so much in small blocks, wherever there is room; raises NoMemory when there is not enough in all."""
    memory = Allocation()
    if not _least or not size:
        return memory
    order = list(range(_internal if internal else len(_least)))
    if sum([simheap.region_free(region) for region in order]) < size:
        raise NoMemory()
    for region in order:
        piece = min(size, simheap.region_free(region))
        if piece:
            _charge(region, piece, memory)
            size -= piece
    return memory


def free_internal():
    """The free bytes of the chip's own memory."""
    free = 0
    for region in range(_internal):
        free += simheap.region_free(region)
    return free


def allocate_code(size):
    """Allocate memory for a piece of machine code, for good; raises MemoryError as the chip does."""
    if not _least:
        return
    size = (size + 3) // 4 * 4 + 4
    needed = simheap.block(size)
    for i in range(len(_code)):
        if _code[i] >= needed:
            _code[i] -= needed
            return
    for region in range(_shared, _internal):
        if simheap.region_free(region) >= needed:
            _charge(region, needed, Allocation())
            return
    raise MemoryError("memory allocation failed, allocating %d bytes" % size)


class NoMemory(OSError):
    """Out of memory as lwIP says it; who has another word for it catches this."""

    def __init__(self):
        super().__init__(errno.ENOMEM)


def _charge(region, size, memory):
    simheap.charge(region, size)
    memory.pieces.append((region, size))
    _least[region] = min(_least[region], simheap.region_free(region))


class Watch:
    """Tells the host when there is too little memory for the network to move anything, and when there is enough again.

    The sockets of this process do not take of the chip's memory: the simulated network stands still instead.
    """

    def __init__(self):
        self._starved = False
        if _costs:
            simbus.tick_with(self)

    def tick(self):
        starved = bool(_least) and free_internal() < _costs["traffic"]
        if starved != self._starved:
            self._starved = starved
            simbus.send(simbus.STARVED, 0, 1 if starved else 0)


def tell():
    """Tell the host of the memory as it is and what was the least. Allocates nothing: there may be nothing left."""
    if _least:
        struct.pack_into("<2I", _report, 0, simheap.size(), simheap.free())
        struct.pack_into("<I", _report, 8, simheap.free_min())
        struct.pack_into("<2I", _report, 12, simheap.idf_free(), simheap.idf_free_min())
        simbus.send_bytes(simbus.MEMORY, 0, 0, 0, 0, _report, 0, 20)


def modelled():
    """Whether there is a chip's memory."""
    return bool(_least)


def heap_info(code):
    """(total, free, largest block, least ever free) of each region, for esp32.idf_heap_info()."""
    info = []
    if code:
        for i in range(len(_code)):
            info.append((_memory["code"][i][0], _code[i], simheap.usable(_code[i]), _code[i]))
        first = _shared
    else:
        first = 0
    sizes = [size for size, _ in _memory["data"] + _memory["shared"]]
    if not code and _memory["psram"]:
        sizes.append(_memory["psram"])
    for region in range(first, len(sizes)):
        free = simheap.region_free(region)
        info.append((sizes[region], free, simheap.usable(free), min(free, _least[region])))
    return info
