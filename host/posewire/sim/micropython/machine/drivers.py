"""What the drivers of the chip's parts take of its memory."""

import errno

import simidf

_driven = set()


def drive(name, more=0):
    """Allocate what a driver and its buffers take of the chip's memory."""
    try:
        return simidf.allocate_parts(simidf.cost(name) + (more if simidf.cost(name) else 0))
    except simidf.NoMemory:
        raise OSError(errno.ENOMEM, "ESP_ERR_NO_MEM")


def drive_once(name):
    # Before the chip has its memory, the hardware gets itself ready.
    if name not in _driven and simidf.modelled():
        drive(name)
        _driven.add(name)
