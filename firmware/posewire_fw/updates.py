"""Updates as the session sees them: loads the updater when one begins, tells the host how it went, ends the trial."""

# pyright: reportOptionalMemberAccess=false

import gc
import time

from micropython import const

from posewire_fw import log, secrets
from posewire_fw.forget import forget

# An update that has not reached a host by then is not worth keeping: the board starts again, and finally goes back.
_TRIAL_MS = const(300000)
# A board that has started without motion to have memory for an update does not wait for one longer than this.
_LEAN_MS = const(120000)
# Free bytes that a transfer wants beside everything else: messages of the host, blocks of files, and some air.
_ROOM = const(24576)


class Updates:
    """send(message) sends a text message, reboot() restarts the board soon, state() is the session's public state.

    lean: the board has left out what takes memory, for this; True, False, or None where there is nothing to leave out.
    """

    def __init__(self, version, send, reboot, state, lean=None):
        from posewire_fw import trial

        self._version = version
        self._send = send
        self._reboot = reboot
        self._state = state
        self._lean = lean
        self._update = None
        self._began = time.ticks_ms()
        self._trial = trial.running()
        self._committed = None
        self._told = False
        forget("trial")

    def greeted(self, wanted):
        """A host has said hello: the application works. wanted: this host hears about updates."""
        if self._told or (self._committed is not None and not wanted):
            return
        from posewire_fw import trial

        try:
            if self._committed is None:
                self._committed = trial.passed(self._version)
                self._trial = False
        except OSError as exc:
            log.error("update", "the trial cannot be ended: %s", exc)
        if wanted and self._committed is not None:
            message = trial.outcome(self._version, self._committed)
            self._told = True
            if message:
                self._send(message)
        forget("trial")

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
        elif self._trial or self._lean:
            self._look_at_the_time()

    def active(self):
        return self._update is not None

    def drop(self):
        """The connection or the update is over; what has arrived stays for the next attempt."""
        if self._update is not None:
            self._update.close()
            self._update = None
            forget("image_update", "updater")

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

    def _look_at_the_time(self):
        age = time.ticks_diff(time.ticks_ms(), self._began)
        if self._trial and age > _TRIAL_MS:
            self._trial = False
            log.error("update", "no host within %d s of the first start: trying again", _TRIAL_MS // 1000)
            self._reboot()
        elif self._lean and age > _LEAN_MS:
            self._lean = False
            log.warning("update", "no update has come: back to motion")
            self._reboot()

    def _describe(self):
        from posewire_fw import updater

        self._send(updater.describe(self._version))
        if self._update is None:
            forget("image_update", "updater")

    def _begin(self, message):
        self.drop()
        gc.collect()
        from posewire_fw import updater

        self._update = updater.begin(message, "on trial" if self._trial else self._state())
        gc.collect()
        if self._lean is False and gc.mem_free() < _ROOM:
            raise MemoryError("%d bytes free" % gc.mem_free())

    def _fail(self, exc):
        self.drop()
        if self._lean is False and isinstance(exc, MemoryError) and secrets.put(secrets.LEAN, "1"):
            # The host begins again when the board is back.
            log.warning("update", "not enough memory (%s): starting without motion, for the update", exc)
            self._reboot()
            return
        code = getattr(exc, "code", "no_room" if getattr(exc, "errno", 0) == 28 else "update_failed")
        log.error("update", "failed: %s: %s", code, exc)
        text = str(exc) or type(exc).__name__
        if isinstance(exc, MemoryError):
            text = "the board has not enough free memory for an update beside what it does: " + text
        self._send({"type": "update", "event": "failed", "code": code, "message": text})
        if self._lean:
            self._reboot()
