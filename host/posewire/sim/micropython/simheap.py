"""MicroPython's heap as on the chip: a small area that grows by further ones, out of the memory that the IDF has.

The interpreter of this process has one heap, which its command line makes large enough. Its allocation table is cut
short here to what the chip would have at the moment (py/gc.c looks no further than gc_alloc_table_byte_len), so that
it is the interpreter's own allocator that finds no room, collects and raises MemoryError. A collection calls the
finalisers of objects that nobody refers to: two such objects are kept that way, and their finaliser does what the
chip's gc_alloc does when a collection has freed too little: it adds an area as large as all that there are, or the
largest free block of the IDF where that is less, or none where even the request would not fit (gc_try_add_heap); an
added area in which nothing lives any more is given back. For how many blocks gc_alloc was called is read from its
stack frame. Where in the frame that is, and where gc_alloc is told from gc.collect(), start() finds out by failing on
purpose; an interpreter in which it does not find out has no growing heap (start() returns False).

It is one file, though a long one: all of it works on one array of numbers, whose places are constants that machine code
can have of its own module only.

All of this is counted in the chip's bytes: blocks of 16. A 64-bit interpreter has as many blocks of 32.
"""

import array
import gc
import sys

import micropython
import uctypes
from micropython import const

# Words of 32 bits in an address of this process.
_WORDS = 1 if sys.maxsize < 2**32 else 2
_BLOCK = 16 * _WORDS

# What is in _state, by index. Addresses take two entries.
_CALLS = const(0)
_SIZE = const(1)
_NLR = const(2)
_TABLE = const(4)
_FINALISERS = const(6)
_AREA = const(8)
_RETURN = const(12)
_FAILING = const(13)
_THRESHOLD = const(14)
_BLOCKS_AT = const(15)
_MODE = const(16)
_AREAS = const(17)
_ROOM = const(18)
_LIVE = const(19)
_FREE_MIN = const(20)
_IDF_MIN = const(21)
_REGIONS = const(22)
_PSRAM = const(23)
_HARDWARE = const(24)
_TOTAL = const(25)
_GROWN = const(26)
_GROWS = const(27)
_AREAS_MAX = const(8)
# By area: where it ends in the table (bytes), what it took of the IDF, and of which region.
_END = const(32)
_TAKEN = const(40)
_REGION = const(48)
# By region of the IDF's memory: what is free in it.
_FREE = const(56)
# The blocks of the objects whose finaliser is called.
_WITNESS = const(64)
_WITNESSES = const(8)

# What the IDF's allocator needs of each block for itself.
_HEADER = const(4)
# sizeof(mp_state_mem_area_t), at the beginning of an area.
_AREA_SIZE = const(32)
_NONE = const(255)

_RECORD = const(0)
_RUN = const(1)
_IDLE = const(2)

_MASK = 0xFFFFFFFF if _WORDS == 1 else 0xFFFFFFFFFFFFFFFF
# Requests that no heap can meet, and one that it can, whose number of blocks is like no other number on the stack.
_HUGE = 0x3456780
_HUGER = 0x2345680
_LARGE = 32 * 251

# Words of the stack that are looked at, from nlr_top up.
_FRAME = const(160)

_state = array.array("I", [0] * 72)
_frame = array.array("I", [0] * (_FRAME * _WORDS))
# The addresses of the blocks between the areas, which keep an allocation from reaching across: seen by the collector.
_guards = array.array("I", [0] * (_AREAS_MAX * _WORDS))


@micropython.viper
def _collected(this):
    """Called in the middle of each collection: what lives is marked, nothing is freed yet. Nothing can be allocated.

    It names nothing global: such a function has a frame of its own on the chain of frames, at times.
    """
    state = ptr32(this.state)
    size = int(state[_SIZE])
    wide = 32 if size == 2 else 0
    nlr = ptr32(state[_NLR] | (state[_NLR + 1] << wide))
    stack = ptr32(nlr[0] | ((nlr[1] << wide) if wide else 0))
    mode = int(state[_MODE])
    wanted = 0
    if mode == _RECORD:
        frame = ptr32(this.frame)
        i = 0
        while i < _FRAME * size:
            # Not as it is: an address here would keep an object alive.
            frame[i] = stack[i] ^ 1
            i += 1
    elif mode == _RUN:
        back = int(stack[state[_RETURN]])
        if back == int(state[_FAILING]) or back == int(state[_THRESHOLD]):
            wanted = int(stack[state[_BLOCKS_AT]])
    state[_CALLS] = state[_CALLS] + 1
    this.go_on(wanted)


@micropython.viper
def _go_on(this, wanted: int):
    state = ptr32(_state)
    wide = 32 if state[_SIZE] == 2 else 0
    table = ptr8(state[_TABLE] | (state[_TABLE + 1] << wide))
    flags = ptr8(state[_FINALISERS] | (state[_FINALISERS + 1] << wide))
    # Keep all witnesses although nobody refers to them, which also leaves the others' finalisers for the next time.
    i = _WITNESS
    while i < _WITNESS + _WITNESSES:
        block = int(state[i])
        table[block >> 2] = table[block >> 2] | (3 << ((block & 3) << 1))
        flags[block >> 3] = flags[block >> 3] | (1 << (block & 7))
        i += 1
    if state[_MODE] == _RUN:
        _weigh(wanted)


@micropython.viper
def _weigh(wanted: int):
    """Count what lives; free areas in which nothing does; add one where so many blocks in a row are not free."""
    state = ptr32(_state)
    size = int(state[_SIZE])
    wide = 32 if size == 2 else 0
    table = ptr8(state[_TABLE] | (state[_TABLE + 1] << wide))
    area = ptr32(state[_AREA] | (state[_AREA + 1] << wide))
    more = 1
    while more:
        more = 0
        used = int(area[6 * size]) + 1
        limit = int(area[size]) << 2
        if used > limit:
            used = limit
        live = 0
        last = 0
        run = 0
        longest = 0
        within = 0
        block = 0
        while block < used:
            kind = (table[block >> 2] >> ((block & 3) << 1)) & 3
            if kind == 3 or (kind == 2 and within == 1):
                within = 1
                live += 1
                last = block
                if run > longest:
                    longest = run
                run = 0
            else:
                within = 0
                run += 1
            block += 1
        run += limit - used
        if run > longest:
            longest = run
        areas = int(state[_AREAS])
        if areas > 1 and last == (int(state[_END + areas - 2]) << 2) + 3:
            # The last that lives is the block before it: the last area is empty.
            _drop_area()
            more = 1
    state[_LIVE] = live
    if wanted > longest and int(state[_GROWS]):
        _add_area(wanted)
        limit = int(area[size]) << 2
    if limit - live < int(state[_FREE_MIN]):
        state[_FREE_MIN] = limit - live


@micropython.viper
def _drop_area():
    state = ptr32(_state)
    size = int(state[_SIZE])
    wide = 32 if size == 2 else 0
    table = ptr8(state[_TABLE] | (state[_TABLE + 1] << wide))
    area = ptr32(state[_AREA] | (state[_AREA + 1] << wide))
    guards = ptr32(_guards)
    last = int(state[_AREAS]) - 1
    start = int(state[_END + last - 1])
    table[start] = 0xA9
    guards[last * size] = 0
    guards[last * size + size - 1] = 0
    state[_TOTAL] = int(state[_TOTAL]) - (int(state[_END + last]) - start - 1)
    state[_AREAS] = last
    area[size] = start
    region = int(state[_REGION + last])
    state[_FREE + region] = int(state[_FREE + region]) + int(state[_TAKEN + last])


@micropython.viper
def _step(size: int) -> int:
    """The IDF's allocator (TLSF) knows sizes in steps of a sixteenth of the power of two below."""
    step = 1
    while size >> 5 >= step:
        step <<= 1
    return step


@micropython.viper
def _add_area(wanted: int):
    """As gc_try_add_heap() of py/gc.c: as large as the heap, or as is needed, or as there is room."""
    state = ptr32(_state)
    size = int(state[_SIZE])
    wide = 32 if size == 2 else 0
    table = ptr8(state[_TABLE] | (state[_TABLE + 1] << wide))
    area = ptr32(state[_AREA] | (state[_AREA + 1] << wide))
    guards = ptr32(_guards)
    areas = int(state[_AREAS])
    more = (wanted << 4) * 13 // 512
    needed = (wanted << 4) + (more if more > 2048 else 2048)
    room = 0
    i = 0
    while i < int(state[_REGIONS]):
        if int(state[_FREE + i]) > room:
            room = int(state[_FREE + i])
        i += 1
    step = int(_step(room))
    room = room // step * step
    if room < needed or areas == _AREAS_MAX:
        return
    total = int(state[_TOTAL])
    amount = (total + total // 2 + total * 64 + 1 + _AREA_SIZE + 15) // 16 * 16
    if amount < needed:
        amount = needed
    if amount > room:
        amount = room
    start = int(state[_END + areas - 1])
    length = (amount - _AREA_SIZE - 1) * 8 // 524
    if start + 1 + length > int(state[_ROOM]):
        return
    step = int(_step(amount))
    amount = (amount + step - 1) // step * step + _HEADER
    # What malloc() finds first, and the PSRAM before all of it.
    region = int(state[_PSRAM])
    if region == _NONE or int(state[_FREE + region]) < amount:
        region = 0
        while int(state[_FREE + region]) + _HEADER < amount:
            region += 1
    # The block between this area and the one before it lives on, for the collector that is at work, too.
    table[start] = 0xAB
    pool = uint(area[3 * size]) + ((uint(area[3 * size + 1]) << wide) if wide else uint(0)) + uint(start * 64 * size)
    guards[areas * size] = pool
    if wide:
        guards[areas * size + 1] = pool >> 32
    if int(area[6 * size]) < start * 4 + 3:
        area[6 * size] = start * 4 + 3
    area[size] = start + 1 + length
    if amount > int(state[_FREE + region]):
        amount = int(state[_FREE + region])
    state[_END + areas] = start + 1 + length
    state[_TAKEN + areas] = amount
    state[_REGION + areas] = region
    state[_AREAS] = areas + 1
    state[_TOTAL] = total + length
    state[_GROWN] = int(state[_GROWN]) + 1
    state[_FREE + region] = int(state[_FREE + region]) - amount
    _note_idf()


@micropython.viper
def _note_idf():
    state = ptr32(_state)
    free = 0
    i = 0
    while i < int(state[_REGIONS]):
        free += int(state[_FREE + i])
        i += 1
    if free < int(state[_IDF_MIN]):
        state[_IDF_MIN] = free


class _Witness:
    __del__ = _collected
    go_on = _go_on
    state = _state
    frame = _frame


def _word(address):
    return int.from_bytes(uctypes.bytearray_at(address, 4 * _WORDS), "little")


def _put(index, value):
    _state[index] = value & 0xFFFFFFFF
    _state[index + 1] = value >> 32


def _maps():
    """(start, end, rights, name) of each part of this process's memory."""
    found = []
    with open("/proc/self/maps") as file:
        for line in file:
            words = line.split()
            start, end = words[0].split("-")
            found.append((int(start, 16), int(end, 16), words[1], words[5] if len(words) > 5 else ""))
    return found


class _NotFound(Exception):
    pass


def _find():
    """Find the collector's state in this process, and the addresses of its program; raises _NotFound."""
    maps = _maps()
    stack = [part for part in maps if part[3] == "[stack]"]
    # The interpreter is where its built-in functions are.
    own = id(gc.collect) & _MASK
    names = [part[3] for part in maps if part[0] <= own < part[1]]
    program = [part for part in maps if part[3] and part[3] in names]
    if not stack or not program:
        raise _NotFound("no memory map")
    code = [part for part in program if "x" in part[2]]
    start, end = program[-1][:2]
    for part in maps:
        if part[0] == end and not part[3]:
            end = part[1]
    top, bottom = stack[0][1], stack[0][0]
    nlr = 0
    at = start
    step = 4 * _WORDS
    while at < end - 16 * step:
        value = _word(at)
        if bottom <= value < top:
            # A chain of frames that ends in nothing.
            frames = 1
            while bottom <= _word(value) < top and _word(value) > value:
                value = _word(value)
                frames += 1
            if frames > 1 and not _word(value) and not nlr:
                nlr = at
        elif value:
            length, flags, pool, pool_end = [_word(at + step * i) for i in (1, 2, 3, 4)]
            if flags == value + length + 1 and pool_end - pool == length * 4 * _BLOCK:
                if not nlr:
                    raise _NotFound("no frames")
                _put(_NLR, nlr)
                _put(_TABLE, value)
                _put(_FINALISERS, flags)
                _put(_AREA, at)
                _state[_SIZE] = _WORDS
                _state[_ROOM] = length
                return pool, code[0][0], code[0][1]
        at += step
    raise _NotFound("no heap")


def _call_witnesses(pool):
    """Make objects that nobody refers to and whose finalisers are called."""
    witnesses = [_Witness() for _ in range(_WITNESSES)]
    for i in range(_WITNESSES):
        _state[_WITNESS + i] = ((id(witnesses[i]) & _MASK) - pool) // _BLOCK
    _arm()


def _arm():
    flags = uctypes.bytearray_at(_word_at(_FINALISERS), _state[_ROOM] // 2)
    for i in range(_WITNESS, _WITNESS + _WITNESSES):
        flags[_state[i] // 8] |= 1 << (_state[i] & 7)


def _word_at(index):
    return _state[index] | _state[index + 1] << 32


def _overwrite(depth):
    """Leave nothing on the stack that looks like one of the two objects."""
    numbers = [0] * 16
    return _overwrite(depth - 1) if depth else len(numbers)


def _seen(act):
    """The words on the stack when a collection happened in act(): pairs of (offset, word) of 32 bits."""
    before = _state[_CALLS]
    try:
        act()
    except MemoryError:
        pass
    if _state[_CALLS] == before:
        raise _NotFound("no finaliser was called")
    return bytes(_frame)


def _at(frame, i):
    return int.from_bytes(frame[4 * i : 4 * i + 4], "little") ^ 1


def _find_frame(pool, start, end):
    """Find where gc_alloc's return address and its number of blocks are on the stack; raises _NotFound."""
    unreal = uctypes.bytearray_at(pool, _HUGE)

    def at_threshold():
        gc.threshold(0)
        try:
            bytearray(_LARGE)
        finally:
            gc.threshold(-1)

    own = _seen(gc.collect)
    one = _seen(lambda: bytearray(_HUGE))
    two = _seen(lambda: bytearray(_HUGER))
    grown = _seen(lambda: bytearray(_BLOCK).extend(unreal))
    limit = _seen(at_threshold)
    low, high = start & 0xFFFFFFFF, end & 0xFFFFFFFF
    back = blocks = -1
    for i in range(0, _FRAME * _WORDS, _WORDS):
        failing, threshold, other = _at(one, i), _at(limit, i), _at(own, i)
        same = failing == _at(two, i) == _at(grown, i)
        if back < 0 and same and failing != threshold and other not in (failing, threshold):
            if all(low <= word < high for word in (failing, threshold, other)):
                back = i
                _state[_FAILING] = failing
                _state[_THRESHOLD] = threshold
        wanted = (_HUGE // _BLOCK, _HUGER // _BLOCK, _HUGE // _BLOCK + 1, _LARGE // _BLOCK)
        if blocks < 0 and (failing, _at(two, i), _at(grown, i), threshold) == wanted:
            blocks = i
    if back < 0 or blocks < 0:
        raise _NotFound("gc_alloc's frame is not as expected")
    _state[_RETURN] = back
    _state[_BLOCKS_AT] = blocks


def start(heap, in_use, regions, psram, grows=True):
    """From now on the heap is a chip's.

    Args:
        heap: bytes of the first area, with its tables
        in_use: bytes of it that the chip's own start takes
        regions: free bytes of each region of the IDF's memory from which areas can come
        psram: which of them is PSRAM, None for none
        grows: False: the first area is all that there ever is

    Returns whether this interpreter can do that: if not, nothing has changed.
    """
    global in_use_at_start
    try:
        pool, code, code_end = _find()
        _call_witnesses(pool)
        _overwrite(8)
        _find_frame(pool, code, code_end)
    except (_NotFound, OSError) as exc:
        print("sim: the heap does not grow as a chip's:", exc)
        _state[_MODE] = _IDLE
        return False
    for i in range(len(regions)):
        _state[_FREE + i] = regions[i]
    _state[_REGIONS] = len(regions)
    _state[_PSRAM] = _NONE if psram is None else psram
    _state[_IDF_MIN] = sum(regions)
    _state[_AREAS] = 1
    _state[_GROWS] = 1 if grows else 0
    _state[_TOTAL] = (heap - 1) * 8 // 524
    in_use_at_start = (in_use + 63) // 64 * 64
    gc.collect()
    top = _fill_holes()
    _state[_HARDWARE] = top * 4
    end = top + _state[_TOTAL] - in_use_at_start // 64
    _state[_END] = end
    _state[_FREE_MIN] = end * 4
    _state[_MODE] = _RUN
    uctypes.bytearray_at(_word_at(_AREA) + 4 * _WORDS, 4)[:] = end.to_bytes(4, "little")
    gc.collect()
    _state[_FREE_MIN] = end * 4
    return True


in_use_at_start = 0


def grows():
    """Whether areas can be added."""
    return _state[_GROWS] == 1


def size():
    """Bytes of blocks in all areas."""
    return _state[_TOTAL] * 64


def free():
    """Bytes of free blocks in them."""
    return gc.mem_free() // _WORDS


def allocated():
    """Bytes that are allocated, of what is the firmware's."""
    return gc.mem_alloc() // _WORDS - _state[_HARDWARE] * 16 + in_use_at_start


def free_min():
    """The least that a collection has ever left free."""
    return _state[_FREE_MIN] * 16


def idf_free_min():
    """The least that the IDF ever had free."""
    return _state[_IDF_MIN]


def idf_free():
    """The bytes that the IDF has free for data."""
    found = 0
    for i in range(_FREE, _FREE + _state[_REGIONS]):
        found += _state[i]
    return found


def region_free(i):
    """Free bytes of one of the IDF's regions."""
    return _state[_FREE + i]


def charge(region, size):
    """Count so many bytes of one of the IDF's regions as used; a negative size frees them."""
    _state[_FREE + region] -= size
    _note_idf()


def block(size):
    """The memory that a block of so many bytes takes of the IDF."""
    step = _step(size)
    return (size + step - 1) // step * step + _HEADER


def largest_area():
    """The largest area that could still be added."""
    return largest() if _state[_GROWS] else 0


def largest():
    """The largest block that the IDF can give for data."""
    found = 0
    for i in range(_state[_REGIONS]):
        found = max(found, usable(_state[_FREE + i]))
    return found


def usable(free):
    """The largest block that can be had of so many free bytes."""
    step = _step(free)
    return free // step * step


_filled = None


def _fill_holes():
    """Take every free block below the highest one in use; returns how long the table is up to there.

    What the simulated hardware has left between its own things is not the firmware's.
    """
    global _filled
    top = _last_used() // 4 + 1
    free = _count_free(top)
    for _ in range(free):
        _filled = (_filled,)
    # This very function's own garbage may have been in the way.
    return top


def _last_used():
    return int.from_bytes(uctypes.bytearray_at(_word_at(_AREA) + 24 * _WORDS, 4), "little")


def _count_free(top):
    table = uctypes.bytearray_at(_word_at(_TABLE), top)
    free = 0
    for byte in table:
        for shift in (0, 2, 4, 6):
            if not byte >> shift & 3:
                free += 1
    return free
