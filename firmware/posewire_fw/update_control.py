"""The decisions about updates: begin one, tell the host how it went, end the trial. Loaded for each, then unloaded."""

import gc

from micropython import const

from posewire_fw import __version__, credentials, log, memory
from posewire_fw.unload import unload_modules

# Free bytes of heap that a transfer wants beside everything else: messages of the host, blocks of files, some air.
_ROOM = const(6144)
_MODULES = ("image_update", "updater", "update_error", "partitions")


def greeted(updates, wanted):
    """A host has said hello: what is on trial stays, and a host that wants to know hears what became of it."""
    from posewire_fw import trial

    try:
        if updates.committed is None:
            updates.committed = trial.passed(__version__)
            updates.trial = False
    except OSError as exc:
        log.error("update", "the trial cannot be ended: %s", exc)
    if wanted and updates.committed is not None:
        message = trial.outcome(__version__, updates.committed)
        updates.told = True
        if message:
            updates.send(message)
    unload_modules("trial", "partitions")


def obey(updates, message):
    """A message of the host other than data."""
    action = message.get("action")
    if action == "query":
        _describe(updates)
    elif action == "begin":
        _begin(updates, message)
    elif action == "cancel" and updates.update is not None:
        log.warning("update", "cancelled by the host")
        updates.drop()


def _describe(updates):
    from posewire_fw import updater

    updates.send(updater.describe(__version__, updates.profile))
    if updates.update is None:
        unload_modules(*_MODULES)


def _begin(updates, message):
    updates.drop()
    gc.collect()
    from posewire_fw.update_error import UpdateError

    state = "on trial" if updates.trial else updates.state()
    if state != "idle":
        raise UpdateError("busy", "the board is %s: try again when it is idle" % state)
    log.info("update", "to %s begins", message.get("version"))
    if message.get("kind", "app") == "image":
        from posewire_fw.image_update import ImageUpdate as Update
    else:
        from posewire_fw.updater import AppUpdate as Update
    updates.update = Update(message)
    gc.collect()
    free = memory.heap_free()
    if updates.without_motion is False and free < _ROOM:
        raise MemoryError("%d bytes free" % free)


def fail(updates, exc):
    """The update, which was dropped, could not go on."""
    unload_modules(*_MODULES)
    no_memory = isinstance(exc, MemoryError)
    if no_memory and updates.without_motion is False and credentials.put(credentials.NO_MOTION, "1"):
        # The host begins again when the board is back.
        log.warning("update", "not enough memory (%s): starting without motion, for the update", exc)
        updates.reboot()
        return
    code = getattr(exc, "code", "no_room" if getattr(exc, "errno", 0) == 28 else "update_failed")
    log.error("update", "failed: %s: %s", code, exc)
    text = str(exc) or type(exc).__name__
    if no_memory:
        text = "the board has not enough free memory for an update beside what it does: " + text
    updates.send({"type": "update", "event": "failed", "code": code, "message": text})
    if updates.without_motion:
        updates.reboot()


def give_up(updates, nothing):
    """An answer that was waited for has not come."""
    if updates.trial:
        updates.trial = False
        log.error("update", "no host within five minutes of the first start: trying again")
    else:
        updates.without_motion = False
        log.warning("update", "no update has come: back to motion")
    updates.reboot()
