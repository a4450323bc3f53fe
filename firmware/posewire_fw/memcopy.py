"""Copying between buffers at offsets without making memoryview slices (each slice is an object on the heap)."""

import micropython


@micropython.viper
def memcopy(target, at: int, source, start: int, count: int):
    """Copy count bytes forwards; within one buffer the target must not lie after the source."""
    t8 = ptr8(target)
    s8 = ptr8(source)
    i = 0
    # By words where both ends allow it. A bytes object may start at any address, so the addresses themselves are
    # looked at.
    if (at | start | int(t8) | int(s8)) & 3 == 0:
        t32 = ptr32(target)
        s32 = ptr32(source)
        words = count >> 2
        a = at >> 2
        s = start >> 2
        while i < words:
            t32[a + i] = s32[s + i]
            i += 1
        i = words << 2
    while i < count:
        t8[at + i] = s8[start + i]
        i += 1
