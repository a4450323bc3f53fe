"""The gc module of a chip: its heap's numbers leave out the simulated hardware, and count what could still be added."""

from gc import collect, disable, enable, isenabled, threshold  # noqa: F401

import simheap


def mem_free():
    return simheap.free() + simheap.largest_area()


def mem_alloc():
    return simheap.allocated()
