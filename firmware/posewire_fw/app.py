"""The whole board, put together. startup.py calls run(); user code calls on() and snapshot()."""

# The steps of the start make the parts.
# pyright: reportAttributeAccessIssue=false, reportOptionalMemberAccess=false

import asyncio
import gc
import time

import machine
import micropython
from micropython import const

from posewire_fw import events, log, memory
from posewire_fw.session import OFFLINE
from posewire_fw.unload import unload_modules

# The longest header of a binary frame.
_HEADER_MAX = const(16)
# What a button's poll() returns.
_PRESSED = const(1)
_RELEASED = const(2)

_SETUP_HOLD_MS = const(5000)
_REBOOT_MS = const(500)
_CRASH_PAUSE_MS = const(5000)
# For whoever uses the REPL: a watchdog cannot be stopped, only be given more time.
_REPL_WATCHDOG_MS = const(3600000)
# Bytes allocated between two collections: a part of what is free, within these.
_THRESHOLD_LEAST = const(4096)
_THRESHOLD_MOST = const(32768)

# What makes the parts, in this order: each has build(app). And the modules that only they need.
_STEPS = ("settings", "base_parts", "voice_parts", "session_parts", "motion_parts", "tool_parts", "worker_parts")
# Without these a board is still of use: what the host and the page hear is left out.
_OPTIONAL = {"voice_parts": "voice", "motion_parts": "motion", "tool_parts": "tools"}
_NEEDED_ONCE = ("config", "url", "credentials", "parts", "board", "outputs")

_app = None


class App:
    """All parts of the board; the steps of the start make them. left_out: {part: why} of those that are not there."""

    def __init__(self):
        self.events = events.board
        self.clock = log.clock
        self.left_out = {}
        self.session = None
        self.mic = self.speaker = self.ring = self.button = None
        self.keypoints = self.imu = self.receiver = None
        self._reboot_at = None
        self._pressed_at = time.ticks_ms()
        # One after the other, so that the next takes the place of the last.
        for step in _STEPS:
            if not self._is_wanted(step):
                continue
            try:
                module = __import__("posewire_fw." + step, None, None, (step,))
                module.build(self)
            except MemoryError as exc:
                if step not in _OPTIONAL:
                    raise
                self.leave_out(_OPTIONAL[step], "not enough memory: %s" % exc)
            module = None
            unload_modules(step, *_NEEDED_ONCE)
            gc.collect()
        from posewire_fw import growing

        growing.release()
        del growing
        unload_modules("growing")

    def _is_wanted(self, step):
        """Whether a step has anything to do here: what loading it leaves behind, its names, stays for good."""
        if step == "voice_parts":
            return self.board.profile != "motion"
        return step != "motion_parts" or bool(self.config["pose"]["room"])

    def add_pose_stream(self, stream):
        pose = self.config["pose"]
        if pose["smooth"] is not None:
            from posewire_fw.pose_filter import PoseFilter, can_smooth

            if can_smooth(stream.set_id):
                stream.set_filter(PoseFilter(pose["smooth"], pose["smooth_beta"]))
        self.uplink.add_source(stream)

    def reserve_packet(self, count):
        self.link.reserve(_HEADER_MAX + count)

    def headers(self):
        """Those of the handshake."""
        token = self.config["host"]["token"]
        headers = [
            ("Protocol-Version", str(self.config["protocol"])),
            ("Device-Id", self.wifi.mac()),
            ("Client-Id", self.config["client_id"]),
        ]
        if token:
            headers.append(("Authorization", token if " " in token else "Bearer " + token))
        return headers

    def last_address(self, host):
        """Where a host was last, None when that is not known."""
        from posewire_fw import credentials

        address = credentials.last_address(host)
        unload_modules("credentials")
        return address

    def note_crash(self, text):
        """Keep what may be the last thing that is known."""
        from posewire_fw import crash

        crash.note(text)
        unload_modules("crash")

    def give_up(self, why):
        """Only a reset can help."""
        try:
            log.error("app", "%sonly a reset can help", why.replace("\n", ": "))
            self.note_crash(why)
        except Exception:
            print("app: only a reset can help")
        # At once: what would do it in good order may be what does not recover.
        machine.reset()

    def poll_front(self):
        self.clock.update()
        if self.button is not None:
            change = self.button.poll()
            if change == _PRESSED:
                self._pressed_at = time.ticks_ms()
                self.session.press()
            elif change == _RELEASED:
                self.session.release()
            elif self.button.down and self.session.state == OFFLINE:
                self._check_hold()
        self.session.tick()
        if self.uplink.rate is not None:
            self.uplink.rate.poll()
        if self.receiver is not None:
            self.receiver.tick()
        self.updates.poll()
        self.telemetry.poll()
        self.led.tick()
        if self._reboot_at is not None and time.ticks_diff(time.ticks_ms(), self._reboot_at) > 0:
            import posewire_slots

            posewire_slots.orderly()
            machine.reset()

    def _check_hold(self):
        # Without a session there is nobody to talk to: a long press asks for the board's own page.
        if time.ticks_diff(time.ticks_ms(), self._pressed_at) > _SETUP_HOLD_MS:
            self._pressed_at = time.ticks_add(time.ticks_ms(), _SETUP_HOLD_MS)
            self.connection.want_setup()

    def name(self):
        """The board's name on networks: posewire- and the end of its address."""
        return "posewire-" + self.wifi.mac().replace(":", "")[-4:]

    # What is needed once in months is imported then, and unloaded after.

    def declare_tools(self):
        """Declare the board's own tools."""
        from posewire_fw import device_tools

        device_tools.register(self)
        unload_modules("device_tools")

    def set_host(self, url, token):
        """Use another host and token, and keep them: host_setting.set_host()."""
        from posewire_fw import host_setting

        host_setting.set_host(self.config, url, token)
        unload_modules("host_setting", "config")

    def make_improv(self):
        from posewire_fw.improv import Improv

        return Improv(self)

    async def setup(self, beat):
        """The board's own page; returns when it is not needed any more."""
        from posewire_fw.portal import Portal

        await Portal(self).run(beat)
        unload_modules("portal")

    async def pair(self, beat):
        """Ask the host for a token."""
        from posewire_fw.pairing import Pairing, PairingError

        try:
            await Pairing(self).run(beat)
        except (PairingError, ValueError) as exc:
            log.warning("pairing", "%s", exc)
        finally:
            unload_modules("pairing", "opening", "handshake", "url")

    def reboot(self):
        """Reset the board in half a second: an answer that is being sent should get out first."""
        self._reboot_at = time.ticks_add(time.ticks_ms(), _REBOOT_MS)

    def on_connected(self, session_id):
        if not self.config["errors"]:
            from posewire_fw.files import CONFIG, GOOD_CONFIG, copy_file

            copy_file(CONFIG, GOOD_CONFIG)
            unload_modules("files")
        features = self.session.host_features
        self.updates.greeted(bool(features.get("update")))
        self.telemetry.greeted(bool(features.get("telemetry")))
        for part in self.left_out:
            self.session.report("left_out", {"part": part, "reason": self.left_out[part]})

    def on_disconnected(self, value):
        self.updates.drop()
        self.telemetry.wanted = False

    def on_tool_call(self, name, arguments):
        self.events.emit("tool", {"name": name, "arguments": arguments})

    def frames_sent(self):
        return self.uplink.sent_audio + self.uplink.sent_pose

    def others(self):
        """A count of what may allocate: text messages, what a change of state brings about (ports opened, users'
        listeners), and a landmark set seen for the first time.
        """
        session = self.session
        return session.sent_text + session.received_text + session.transitions + len(self.uplink.sources)

    def snapshot(self):
        """The counts of the board so far, as a dict ready for JSON."""
        from posewire_fw.counters import counters

        return counters(self)

    def leave_out(self, part, why):
        """A part is not there, or not any more: say so here and, once there is one, to the host."""
        if part in self.left_out:
            return
        self.left_out[part] = why
        log.error("app", "left out: %s: %s", part, why)
        if self.session is not None:
            self.session.report("left_out", {"part": part, "reason": why})


def on(name, fn):
    """Call fn(value) at each event of this name (events.NAMES); may be called before run()."""
    events.board.on(name, fn)


def snapshot():
    """Counters and state of the running board; empty before run()."""
    return _app.snapshot() if _app is not None else {}


def current():
    """The running App, None before run()."""
    return _app


def run():
    """Start the board and keep it running. After a crash it says what happened, waits, and resets."""
    global _app
    try:
        _app = App()
        gc.collect()
        free = memory.heap_free()
        gc.threshold(min(max(free // 4, _THRESHOLD_LEAST), _THRESHOLD_MOST))
        from posewire_fw import __version__

        found = memory.idf()
        chip = ", %d of the chip" % found[0] if found else ""
        log.info("app", "posewire %s on %s, %d bytes of heap free%s", __version__, _app.board.name, free, chip)
        asyncio.run(_app.supervisor.run())
    except KeyboardInterrupt:
        if _app is not None and _app.watchdog is not None:
            machine.WDT(timeout=_REPL_WATCHDOG_MS)
        raise
    except Exception as exc:
        try:
            log.exception("app", "crashed", exc)
            from posewire_fw import crash

            crash.record(exc)
        except Exception:
            # No memory to say what it was: the restart is all the more needed.
            print("app: crashed, and cannot say why")
        # During the pause Ctrl-C is for whoever wants to see what is wrong.
        micropython.kbd_intr(3)
        time.sleep_ms(_CRASH_PAUSE_MS)
        machine.reset()
