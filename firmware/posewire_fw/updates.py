"""Updates as the session sees them: loads the updater when one begins, tells the host how it went, ends the trial."""

# pyright: reportOptionalMemberAccess=false

import gc
import time

from micropython import const

from posewire_fw import __version__, credentials, log, memory
from posewire_fw.unload import unload_modules

# An update that has not reached a host by then is not worth keeping: the board starts again, and finally goes back.
_TRIAL_MS = const(300000)
# A board that has started without motion to have memory for an update does not wait for one longer than this.
_WAIT_MS = const(120000)
# Free bytes of heap that a transfer wants beside everything else: messages of the host, blocks of files, some air.
_ROOM = const(10240)
_MODULES = ("image_update", "updater", "update_error", "partitions")


class Updates:
    """send(message) sends a text message, reboot() restarts the board soon, state() is the session's public state.

    without_motion: the board has left motion out, for this; True, False, or None where there is no motion.
    """

    def __init__(self, send, reboot, state, profile="full", without_motion=None):
        from posewire_fw import trial

        self._send = send
        self._reboot = reboot
        self._state = state
        self._profile = profile
        self._without_motion = without_motion
        self._update = None
        self._began = time.ticks_ms()
        self._trial = trial.running()
        self._committed = None
        self._told = False
        unload_modules("trial", "partitions")

    def greeted(self, wanted):
        """A host has said hello: the application works. wanted: this host hears about updates."""
        if self._told or (self._committed is not None and not wanted):
            return
        from posewire_fw import trial

        try:
            if self._committed is None:
                self._committed = trial.passed(__version__)
                self._trial = False
        except OSError as exc:
            log.error("update", "the trial cannot be ended: %s", exc)
        if wanted and self._committed is not None:
            message = trial.outcome(__version__, self._committed)
            self._told = True
            if message:
                self._send(message)
        unload_modules("trial", "partitions")

    def on_message(self, message):
        """An update message of the host."""
        action = message.get("action")
        try:
            if action == "query":
                self._describe()
            elif action == "begin":
                self._begin(message)
            elif action == "data" and self._update is not None:
                self._update.data(message)
            elif action == "cancel" and self._update is not None:
                log.warning("update", "cancelled by the host")
                self.drop()
        except Exception as exc:
            self._fail(exc)

    def poll(self):
        """Do a little of the work. Called every few milliseconds."""
        if self._update is not None:
            self._step()
        elif self._trial or self._without_motion:
            self._check_time()

    def active(self):
        return self._update is not None

    def drop(self):
        """The connection or the update is over; what has arrived stays for the next attempt."""
        if self._update is not None:
            self._update.close()
            self._update = None
            unload_modules(*_MODULES)

    def _step(self):
        try:
            message = self._update.step()
        except Exception as exc:
            self._fail(exc)
            return
        if message is None:
            return
        self._send(message)
        if message["event"] == "installed":
            self._update = None
            self._reboot()

    def _check_time(self):
        age = time.ticks_diff(time.ticks_ms(), self._began)
        if self._trial and age > _TRIAL_MS:
            self._trial = False
            log.error("update", "no host within %d s of the first start: trying again", _TRIAL_MS // 1000)
            self._reboot()
        elif self._without_motion and age > _WAIT_MS:
            self._without_motion = False
            log.warning("update", "no update has come: back to motion")
            self._reboot()

    def _describe(self):
        from posewire_fw import updater

        self._send(updater.describe(__version__, self._profile))
        if self._update is None:
            unload_modules(*_MODULES)

    def _begin(self, message):
        self.drop()
        gc.collect()
        from posewire_fw.update_error import UpdateError

        state = "on trial" if self._trial else self._state()
        if state != "idle":
            raise UpdateError("busy", "the board is %s: try again when it is idle" % state)
        log.info("update", "to %s begins", message.get("version"))
        if message.get("kind", "app") == "image":
            from posewire_fw.image_update import ImageUpdate as Update
        else:
            from posewire_fw.updater import AppUpdate as Update
        self._update = Update(message)
        gc.collect()
        free = memory.heap_free()
        if self._without_motion is False and free < _ROOM:
            raise MemoryError("%d bytes free" % free)

    def _fail(self, exc):
        self.drop()
        unload_modules(*_MODULES)
        no_memory = isinstance(exc, MemoryError)
        if no_memory and self._without_motion is False and credentials.put(credentials.NO_MOTION, "1"):
            # The host begins again when the board is back.
            log.warning("update", "not enough memory (%s): starting without motion, for the update", exc)
            self._reboot()
            return
        code = getattr(exc, "code", "no_room" if getattr(exc, "errno", 0) == 28 else "update_failed")
        log.error("update", "failed: %s: %s", code, exc)
        text = str(exc) or type(exc).__name__
        if no_memory:
            text = "the board has not enough free memory for an update beside what it does: " + text
        self._send({"type": "update", "event": "failed", "code": code, "message": text})
        if self._without_motion:
            self._reboot()
