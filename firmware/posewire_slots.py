"""Which copy of the application runs: the base beside this file, or one of two slots that updates are installed into.

boot.py calls choose(), main.py calls run(). The choice is one 32-bit number in non-volatile storage, so that losing
power leaves either the old or the new one. An update is on trial until the application calls commit(): after a few
boots without it, the copy before it comes back. This file is not part of an update.
"""

import os
import sys
import time

import machine
from micropython import const

BASE = const(0)
PATHS = ("", "slots/a", "slots/b")
# A slot with this file is complete: it is written last, and removed first.
MANIFEST = "manifest"
# The marks of a reset that nobody asked for are counted; so many in a row and the application is left alone.
CRASHES_MAX = const(5)

_TRIAL_BOOTS = const(3)
# An update that hangs while it is imported, or in a loop, would never come to its next boot.
_TRIAL_WATCHDOG_MS = const(120000)
_SAFE_RETRY_MS = const(900000)
_CRASH_PAUSE_MS = const(5000)
_TRIAL_PAUSE_MS = const(500)
_BUTTON_MS = const(60)
# GPIO0 held during a reset starts the chip's own loader: there the button counts when it is pressed just after it.
_BOOT_PIN_MS = const(600)

# Of two buffers of the file system, four times this is the size; a file that is open has another one.
_READ_SIZE = const(128)

_NAMESPACE = "posewire"
_KEY = "boot"

_retry = None
# The watchdog that was started for a version on trial; None when there is none. Whoever runs has to feed it.
watchdog = None


class State:
    """slot runs, previous ran before it. trial: boots left, 0 when committed. failed: the slot rolled back from."""

    def __init__(self, word=0):
        self.slot = min(word & 3, 2)
        self.previous = min(word >> 2 & 3, 2)
        self.trial = word >> 4 & 15
        self.crashes = word >> 8 & 15
        self.failed = min(word >> 12 & 3, 2)

    def word(self):
        return self.slot | self.previous << 2 | self.trial << 4 | self.crashes << 8 | self.failed << 12


def read_faster():
    """Let the file system read the flash in pieces of 128 bytes instead of 32: modules are found six times as fast."""
    try:
        import vfs
        from flashbdev import bdev

        sys.modules.pop("flashbdev", None)
        files = vfs.VfsLfs2(bdev, readsize=_READ_SIZE)
    except (ImportError, AttributeError, OSError):
        return  # another port, or another file system
    vfs.umount("/")
    vfs.mount(files, "/")


def load_state():
    """The state that is stored; the base where there is none."""
    try:
        from esp32 import NVS

        return State(NVS(_NAMESPACE).get_i32(_KEY))
    except (ImportError, OSError):
        return State()


def store(state):
    """Store it if it differs from what is there. Raises OSError."""
    from esp32 import NVS

    nvs = NVS(_NAMESPACE)
    try:
        if nvs.get_i32(_KEY) == state.word():
            return
    except OSError:
        pass
    nvs.set_i32(_KEY, state.word())
    nvs.commit()


def folder(slot):
    """The folder of a slot, "" for that of the base."""
    return PATHS[slot]


def complete(slot):
    """Whether a slot holds a whole application; the base always counts as whole."""
    if slot == BASE:
        return True
    try:
        os.stat(PATHS[slot] + "/" + MANIFEST)
        return True
    except OSError:
        return False


def after_boot(state, crashed):
    """Bring the state up to date at a boot: counts it, and goes back where an update has used up its chances."""
    if state.trial:
        state.trial -= 1
        if not state.trial or not complete(state.slot):
            state.trial = 0
            state.failed = state.slot
            state.slot = state.previous
            state.previous = BASE
            state.crashes = 0
    elif crashed:
        state.crashes = min(state.crashes + 1, 15)
    else:
        state.crashes = 0
    if not complete(state.slot):
        state.slot = state.previous if complete(state.previous) else BASE
    return state


def choose():
    """Count this boot and put the right copy of the application on the path. Called from boot.py."""
    # A soft reset is a person at the REPL.
    state = after_boot(load_state(), machine.reset_cause() in (machine.HARD_RESET, machine.WDT_RESET))
    try:
        store(state)
    except OSError as exc:
        print("boot: the choice cannot be stored: %s" % exc)
    if state.slot != BASE:
        sys.path.insert(0, os.getcwd().rstrip("/") + "/" + PATHS[state.slot])
    print("boot: %s%s" % (PATHS[state.slot] or "base", " on trial" if state.trial else ""))


def target():
    """The slot that an update goes into: the one that does not run."""
    return 2 if load_state().slot == 1 else 1


def install(slot):
    """Let a slot run from the next boot on, on trial. Raises OSError."""
    state = load_state()
    state.previous = state.slot
    state.slot = slot
    state.trial = _TRIAL_BOOTS + 1
    state.failed = BASE
    state.crashes = 0
    store(state)


def commit():
    """The application works: the trial is over, crashes are forgotten. True when this ended a trial. Raises OSError."""
    state = load_state()
    ended = state.trial != 0
    state.trial = 0
    state.crashes = 0
    store(state)
    return ended


def pop_rolled_back():
    """The slot that was rolled back from since the last call, BASE for none. Raises OSError."""
    state = load_state()
    failed = state.failed
    if failed:
        state.failed = BASE
        store(state)
    return failed


def orderly():
    """This reset is meant: it is no crash."""
    state = load_state()
    if state.crashes and not state.trial:
        state.crashes = 0
        try:
            store(state)
        except OSError:
            pass


def safe_reason():
    """Why the application should be left alone now; "" when it should run."""
    if load_state().crashes >= CRASHES_MAX:
        return "it crashed %d times in a row" % CRASHES_MAX
    if _button_held():
        return "the button is held"
    return ""


def _button_held():
    import json

    try:
        with open("board.json") as file:
            number = json.load(file)["pins"]["button"]
        pin = machine.Pin(number, machine.Pin.IN, machine.Pin.PULL_UP)
    except (OSError, ValueError, KeyError, TypeError):
        return False
    wait = _BOOT_PIN_MS if number == 0 else 0
    while pin.value():
        if wait <= 0:
            return False
        time.sleep_ms(20)
        wait -= 20
    # Held, and not a spike.
    time.sleep_ms(_BUTTON_MS)
    return not pin.value()


def run(load):
    """Run what load() returns, unless there is a reason to leave the application alone. Called from main.py."""
    global watchdog
    reason = safe_reason()
    if reason:
        _stay_out(reason)
        return
    if load_state().trial:
        watchdog = machine.WDT(timeout=_TRIAL_WATCHDOG_MS)
    try:
        application = load()
    except Exception as exc:
        _cannot_start(exc)
        return
    _drop_boot_functions()
    application()


def _stay_out(reason):
    global _retry
    print("safe boot: %s; no application, the REPL is yours" % reason)
    state = load_state()
    if state.crashes >= CRASHES_MAX:
        # A board that nobody looks after should not stay dead: it tries again after a while.
        # The reset counts as a crash too: one more after it, and the application rests again.
        state.crashes = CRASHES_MAX - 2
        store(state)
        print("safe boot: the application is tried again in 15 minutes; posewire_slots.stay() to stop that")
        _retry = machine.Timer(0)
        _retry.init(mode=machine.Timer.ONE_SHOT, period=_SAFE_RETRY_MS, callback=lambda timer: machine.reset())


def _drop_boot_functions():
    """The application needs the memory more than these, which only a boot needs."""
    names = globals()
    for name in ("read_faster", "choose", "after_boot", "run", "safe_reason"):
        names.pop(name, None)
    for name in ("_button_held", "_stay_out", "_cannot_start", "stay"):
        names.pop(name, None)


def stay():
    """Do not try the application again by itself."""
    if _retry is not None:
        _retry.deinit()


def _cannot_start(exc):
    # An application that cannot even be imported. Ctrl-C during the pause leads to the REPL.
    print("boot: the application cannot be imported")
    sys.print_exception(exc)
    pause = _CRASH_PAUSE_MS
    try:
        if load_state().trial:
            pause = _TRIAL_PAUSE_MS
        with open("crash.txt", "w") as file:
            sys.print_exception(exc, file)
    except Exception:
        pass  # it starts anew all the same
    time.sleep_ms(pause)
    machine.reset()
