"""Updates as the session sees them. What an update needs besides is loaded when one begins (update_control.py)."""

# pyright: reportOptionalMemberAccess=false, reportAttributeAccessIssue=false

import time

from micropython import const

from posewire_fw.unload import unload_modules, unload_slots

# An update that has not reached a host by then is not worth keeping: the board starts again, and finally goes back.
_TRIAL_MS = const(300000)
# A board that has started without motion to have memory for an update does not wait for one longer than this.
_WAIT_MS = const(120000)


class Updates:
    """send(message) sends a text message, reboot() restarts the board soon, state() is the session's public state.

    without_motion: the board has left motion out, for this; True, False, or None where there is no motion.
    """

    def __init__(self, send, reboot, state, profile="full", without_motion=None):
        self.send = send
        self.reboot = reboot
        self.state = state
        self.profile = profile
        self.without_motion = without_motion
        self.update = None
        self._began = time.ticks_ms()
        self.committed = None
        self.told = False
        from posewire_fw import trial

        self.trial = trial.running()
        unload_modules("trial", "partitions", "credentials")

    def greeted(self, wanted):
        """A host has said hello: the application works. wanted: this host hears about updates."""
        if not self.told and (self.committed is None or wanted):
            self._do("greeted", wanted)

    def on_message(self, message):
        """An update message of the host."""
        action = message.get("action")
        try:
            if action == "data":
                if self.update is not None:
                    self.update.data(message)
            else:
                self._do("obey", message)
        except Exception as exc:
            self._fail(exc)

    def poll(self):
        """Do a little of the work. Called every few milliseconds."""
        if self.update is not None:
            self._step()
        elif self.trial or self.without_motion:
            age = time.ticks_diff(time.ticks_ms(), self._began)
            if age > (_TRIAL_MS if self.trial else _WAIT_MS):
                self._do("give_up", None)

    def active(self):
        return self.update is not None

    def drop(self):
        """The connection or the update is over; what has arrived stays for the next attempt."""
        if self.update is not None:
            self.update.close()
            self.update = None
            unload_modules("image_update", "updater", "update_error", "partitions")
            unload_slots()

    def _step(self):
        try:
            message = self.update.step()
        except Exception as exc:
            self._fail(exc)
            return
        if message is None:
            return
        self.send(message)
        if message["event"] == "installed":
            self.update = None
            self.reboot()

    def _fail(self, exc):
        # What says so is loaded where the update was: there may be room for one of them only.
        self.drop()
        self._do("fail", exc)

    def _do(self, name, argument):
        from posewire_fw import update_control

        try:
            getattr(update_control, name)(self, argument)
        finally:
            unload_modules("update_control", "credentials")
            if self.update is None:
                unload_slots()
