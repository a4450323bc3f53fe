"""Updates as the session sees them: loads the updater when one begins, tells the host how it went, ends the trial."""

# pyright: reportOptionalMemberAccess=false

import gc
import time

import posewire_slots as slots
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
        self._version = version
        self._send = send
        self._reboot = reboot
        self._state = state
        self._lean = lean
        self._update = None
        self._began = time.ticks_ms()
        self._image = _image_on_trial()
        self._trial = self._image or slots.load().trial > 0
        self._settled = False
        self._told = False
        self._committed = False

    def greeted(self, wanted):
        """A host has said hello: the application works. wanted: this host hears about updates."""
        if not self._settled:
            self._settled = True
            self._settle()
        if wanted and not self._told:
            self._told = True
            self._tell()

    def _settle(self):
        try:
            self._committed = slots.commit()
            if self._committed:
                log.info("update", "%s works and stays", self._version)
        except OSError as exc:
            self._settled = False
            log.error("update", "the trial cannot be ended: %s", exc)
            return
        self._trial = False
        _confirm_image()
        if self._image:
            self._image = False
            secrets.put(secrets.IMAGE, "")
            log.info("update", "the new image works and stays")

    def _tell(self):
        if self._settled and self._committed:
            self._send({"type": "update", "event": "committed", "version": self._version})
            return
        try:
            failed = slots.take_failed()
        except OSError:
            failed = 0
        if failed:
            self._send(
                {
                    "type": "update",
                    "event": "rolled_back",
                    "version": self._version,
                    "slot": slots.folder(failed),
                }
            )

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

    def _describe(self):
        from posewire_fw import image_update, updater

        message = updater.describe(self._version)
        partition = image_update.next_partition()
        message["image"] = None if partition is None else {"label": partition.info()[4], "size": partition.info()[3]}
        self._send(message)
        if self._update is None:
            forget("image_update", "updater")

    def _begin(self, message):
        from posewire_fw.updater import AppUpdate, UpdateError

        self.drop()
        gc.collect()
        if self._trial:
            raise UpdateError("busy", "the running version is still on trial")
        if self._state() != "idle":
            raise UpdateError("busy", "the board is %s: try again when it is idle" % self._state())
        if message.get("kind", "app") == "image":
            from posewire_fw.image_update import ImageUpdate

            self._update = ImageUpdate(message)
        else:
            self._update = AppUpdate(message)
        gc.collect()
        if self._lean is False and gc.mem_free() < _ROOM:
            raise MemoryError("%d bytes free" % gc.mem_free())
        log.info("update", "to %s begins", message.get("version"))

    def _fail(self, exc):
        if self._lean is False and isinstance(exc, MemoryError):
            # The host begins again when the board is back.
            self.drop()
            if secrets.put(secrets.LEAN, "1"):
                log.warning("update", "not enough memory (%s): starting without motion, for the update", exc)
                self._reboot()
                return
        code = getattr(exc, "code", "no_room" if getattr(exc, "errno", 0) == 28 else "update_failed")
        log.error("update", "failed: %s: %s", code, exc)
        text = str(exc) or type(exc).__name__
        if isinstance(exc, MemoryError):
            text = "the board has not enough free memory for an update beside what it does: " + text
        self._send({"type": "update", "event": "failed", "code": code, "message": text})
        self.drop()
        if self._lean:
            self._reboot()


def _confirm_image():
    """The running image of MicroPython works: the boot loader need not go back to the one before."""
    try:
        from esp32 import Partition

        Partition.mark_app_valid_cancel_rollback()
    except (ImportError, OSError, AttributeError):
        pass


def _image_on_trial():
    """Whether a new image runs that no host has confirmed; one that the boot loader has left again is forgotten."""
    label = secrets.get(secrets.IMAGE)
    if not label:
        return False
    try:
        from esp32 import Partition

        if Partition(Partition.RUNNING).info()[4] == label:  # pyright: ignore[reportArgumentType]
            return True
    except (ImportError, OSError):
        pass
    log.error("update", "the image in %s did not stay: the one before it runs again", label)
    secrets.put(secrets.IMAGE, "")
    return False
