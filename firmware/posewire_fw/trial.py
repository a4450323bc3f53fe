"""A new version on trial, of the application or of the image under it: is there one, did it pass, what became of it.

Imported at the start and with a host's first hello, and forgotten after.
"""

import posewire_slots as slots

from posewire_fw import credentials, log, partitions


def running():
    """Whether what runs is on trial. An image that the boot loader has left again is no more."""
    label = credentials.get(credentials.IMAGE)
    if label and not _runs(label):
        log.error("update", "the image in %s did not stay: the one before it runs again", label)
        credentials.put(credentials.IMAGE, "")
        label = ""
    return bool(label) or slots.load_state().trial > 0


def passed(version):
    """A host has said hello: what is on trial stays. True when that ended an application's trial. Raises OSError."""
    committed = slots.commit()
    if committed:
        log.info("update", "%s works and stays", version)
    partitions.confirm()
    if credentials.get(credentials.IMAGE):
        credentials.put(credentials.IMAGE, "")
        log.info("update", "the new image works and stays")
    return committed


def outcome(version, committed):
    """The message to the host about the last update, None for none."""
    if committed:
        return {"type": "update", "event": "committed", "version": version}
    try:
        failed = slots.pop_rolled_back()
    except OSError:
        failed = 0
    if failed:
        return {"type": "update", "event": "rolled_back", "version": version, "slot": slots.folder(failed)}
    return None


def _runs(label):
    try:
        from esp32 import Partition

        return Partition(Partition.RUNNING).info()[4] == label  # pyright: ignore[reportArgumentType]
    except (ImportError, OSError):
        return False
