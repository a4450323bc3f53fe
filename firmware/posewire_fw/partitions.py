"""The chip's application partitions. Loaded by what updates the firmware image, and unloaded after.

Where there is only one, nothing is asked of the boot loader's records: there are none, and the chip would complain.
"""


def next_partition():
    """The partition that an image would go into, None where the partition table has none."""
    try:
        from esp32 import Partition

        if len(Partition.find(Partition.TYPE_APP)) < 2:
            return None
        return Partition(Partition.RUNNING).get_next_update()  # pyright: ignore[reportArgumentType]
    except (ImportError, OSError):
        return None


def confirm():
    """The running image works: the boot loader need not go back to the one before."""
    if next_partition() is None:
        return
    try:
        from esp32 import Partition

        Partition.mark_app_valid_cancel_rollback()
    except (ImportError, OSError, AttributeError):
        pass
