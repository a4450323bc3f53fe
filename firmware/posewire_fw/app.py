"""The whole board, put together. main.py calls run(); user code calls on() and snapshot()."""

import asyncio
import gc
import time

import machine
import micropython
import posewire_slots
from micropython import const

from posewire_fw import __version__, board, crash, log, secrets
from posewire_fw.button import PRESSED, RELEASED, Button
from posewire_fw.connection import Connection
from posewire_fw.console import Console
from posewire_fw.events import Events
from posewire_fw.files import CONFIG, GOOD_CONFIG, copy_file
from posewire_fw.forget import forget
from posewire_fw.frames import HEADER
from posewire_fw.led import open_led
from posewire_fw.link import Link
from posewire_fw.mic import Microphone, frame_bytes
from posewire_fw.ring import Ring
from posewire_fw.session import OFFLINE, Session
from posewire_fw.speaker import Speaker
from posewire_fw.supervisor import Supervisor
from posewire_fw.telemetry import Telemetry
from posewire_fw.tools import Tools
from posewire_fw.updates import Updates
from posewire_fw.uplink import Uplink
from posewire_fw.wifi import Wifi

# 0.8 and 0.7 s: for a network that pauses, and for the host's first burst and more on the way down.
_MIC_FRAMES = const(14)
_SPEAKER_FRAMES = const(12)

_SETUP_HOLD_MS = const(5000)
_REBOOT_MS = const(500)
_CRASH_PAUSE_MS = const(5000)
# For whoever uses the REPL: a watchdog cannot be stopped, only be given more time.
_REPL_WATCHDOG_MS = const(3600000)

_events = Events()
_app = None


class App:
    def __init__(self):
        from posewire_fw import assembly

        settings = self.config = assembly.read_settings()
        forget("config")
        lean = assembly.leave_out(settings)
        self.events = _events
        self.board = board.load()
        self.clock = log.clock
        self.led = open_led(self.board)
        self._reboot_at = None
        audio = settings["audio"]

        frame = frame_bytes(audio["format"], audio["frame_ms"])
        self.ring = Ring(frame * _MIC_FRAMES, frame)
        ports = assembly.audio_ports(self.board)
        self.mic = None
        if self.board.has_microphone():
            self.mic = Microphone(
                ports.open_microphone,
                self.ring,
                audio["format"],
                audio["frame_ms"],
                audio["gain"],
                assembly.voice_detector(settings),
            )
        self.speaker = None
        if self.board.has_speaker():
            jitter = Ring(frame * _SPEAKER_FRAMES, frame)
            self.speaker = Speaker(ports.open_speaker, jitter, audio["volume"])

        self.uplink = Uplink(self.ring, self.clock)
        self.link = Link(self.uplink, silence_ms=settings["host"]["silence"] * 1000)
        self.keypoints = None
        self.imu = None
        self.receiver = None
        if settings["pose"]["room"]:
            assembly.open_pose(self)

        self.wifi = Wifi(settings["wifi"])
        self.tools = Tools(self.board.name, self._on_tool_call)
        assembly.register_tools(self)

        self.session = Session(
            settings,
            self.board,
            __version__,
            self.link,
            self.uplink,
            self.mic,
            self.ring,
            self.speaker,
            self.tools,
            self.events,
            self.reboot,
        )
        self.tools.report = self.session.report  # pyright: ignore[reportAttributeAccessIssue]
        self.session.receiver = self.receiver
        self.updates = Updates(__version__, self.session.send, self.reboot, self.session.public_state, lean)
        self.session.handle("update", self.updates.on_message)
        self.telemetry = Telemetry(self)
        self.events.on("connected", self._on_connected)
        self.events.on("disconnected", self._on_disconnected)
        self.connection = Connection(
            settings,
            self.wifi,
            self.link,
            self.session,
            self._headers,
            self.led.set_phase,
            self._setup,
            self._pair,
        )
        self.events.on("state", self.led.set_state)

        pin = self.board.button_pin()
        self.button = Button(pin) if pin is not None else None
        self._pressed_at = time.ticks_ms()
        self.console = Console(self._make_improv)
        self.watchdog = assembly.open_watchdog(settings["watchdog"])
        self.supervisor = Supervisor(self.watchdog, self._frames_sent, self._others, crash.note, self._give_up)
        assembly.add_workers(self, self._poll_front)
        forget("assembly", "device_tools", "outputs")

    def add_pose_stream(self, stream):
        pose = self.config["pose"]
        if pose["smooth"] is not None:
            from posewire_fw.pose_filter import PoseFilter, can_smooth

            if can_smooth(stream.set_id):
                stream.set_filter(PoseFilter(pose["smooth"], pose["smooth_beta"]))
        self.uplink.add_source(stream)

    def reserve_packet(self, count):
        self.link.reserve(max(HEADER) + count)

    def _headers(self):
        token = self.config["host"]["token"]
        headers = [
            ("Protocol-Version", str(self.config["protocol"])),
            ("Device-Id", self.wifi.mac()),
            ("Client-Id", self.config["client_id"]),
        ]
        if token:
            headers.append(("Authorization", token if " " in token else "Bearer " + token))
        return headers

    def _give_up(self, why):
        crash.note(why)
        log.error("app", "%sonly a reset can help", why.replace("\n", ": "))
        # At once: what would do it in good order may be what does not recover.
        machine.reset()

    def _poll_front(self):
        self.clock.update()
        if self.button is not None:
            change = self.button.poll()
            if change == PRESSED:
                self._pressed_at = time.ticks_ms()
                self.session.press()
            elif change == RELEASED:
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
            posewire_slots.orderly()
            machine.reset()

    def _check_hold(self):
        # Without a session there is nobody to talk to: a long press asks for the board's own page.
        if time.ticks_diff(time.ticks_ms(), self._pressed_at) > _SETUP_HOLD_MS:
            self._pressed_at = time.ticks_add(time.ticks_ms(), _SETUP_HOLD_MS)
            self.connection.want_setup()

    def name(self):
        """What the board is called on networks: posewire- and the end of its address."""
        return "posewire-" + self.wifi.mac().replace(":", "")[-4:]

    def set_host(self, url, token):
        """Use another host and token from the next connection on, and keep them; "" leaves one as it is.

        Raises ValueError for what cannot be a URL or cannot be kept.
        """
        if url and url != self.config["host"]["url"]:
            from posewire_fw import config

            if not config.is_url(url):
                raise ValueError("the host is a ws:// or wss:// URL")
            if not config.save_value("host.url", url, repair=True):
                raise ValueError("the host cannot be stored: the flash is full")
            self.config["host"]["url"] = url
        if token:
            self.config["host"]["token"] = token
            secrets.put(secrets.TOKEN, token)

    # What is needed once in months is imported then, and forgotten after.

    def _make_improv(self):
        from posewire_fw.improv import Improv

        return Improv(self)

    async def _setup(self, beat):
        from posewire_fw.portal import Portal

        await Portal(self).run(beat)
        forget("portal")

    async def _pair(self, beat):
        from posewire_fw.pairing import Pairing, PairingError

        try:
            await Pairing(self).run(beat)
        except (PairingError, ValueError) as exc:
            log.warning("pairing", "%s", exc)
        finally:
            forget("pairing")

    def reboot(self):
        """Reset the board in half a second: an answer that is being sent should get out first."""
        self._reboot_at = time.ticks_add(time.ticks_ms(), _REBOOT_MS)

    def _on_connected(self, session_id):
        if not self.config["errors"]:
            copy_file(CONFIG, GOOD_CONFIG)
        features = self.session.host_features
        self.updates.greeted(bool(features.get("update")))
        self.telemetry.greeted(bool(features.get("telemetry")))

    def _on_disconnected(self, value):
        self.updates.drop()
        self.telemetry.wanted = False

    def _on_tool_call(self, name, arguments):
        self.events.emit("tool", {"name": name, "arguments": arguments})

    def _frames_sent(self):
        return self.uplink.sent_audio + self.uplink.sent_pose

    def _others(self):
        # What may allocate: text messages, what a change of state brings about (ports opened, users' listeners), and a
        # landmark set seen for the first time.
        session = self.session
        return session.sent_text + session.received_text + session.transitions + len(self.uplink.sources)

    def snapshot(self):
        """What the board has done so far, as a dict ready for JSON."""
        session = self.session
        skipped = 0
        for source in self.uplink.sources:
            skipped += source.skipped
        result = {
            "sent": {"audio": self.uplink.sent_audio, "pose": self.uplink.sent_pose, "text": session.sent_text},
            "received": {
                "audio": session.received_audio,
                "pose": session.received_pose,
                "text": session.received_text,
            },
            "dropped": {
                "audio": self.ring.dropped,
                "pose": skipped,
                "bad_frames": session.bad_frames,
                "bad_messages": session.bad_messages,
            },
            "reconnects": self.connection.reconnects(),
            "restarts": self.supervisor.restarts,
            "heap_free_min": self.supervisor.heap_free_min,
            "alloc_per_frame": self.supervisor.alloc_per_frame(),
            "state": session.public_state(),
            "session_id": session.session_id,
            "room_slot": session.room_slot,
            "uptime_ms": self.clock.uptime_ms(),
        }
        if self.mic is not None:
            result["mic"] = {
                "frames": self.mic.frames,
                "lost_samples": self.mic.lost_samples,
                "stalls": self.mic.stalls,
                "level": self.mic.level,
            }
        if self.speaker is not None:
            result["speaker"] = {
                "frames": self.speaker.frames,
                "late": self.speaker.late,
                "undecodable": self.speaker.undecodable,
                "underruns": self.speaker.underruns,
                "concealed": self.speaker.concealed,
                "stalls": self.speaker.stalls,
                "volume": self.speaker.volume,
            }
        if self.keypoints is not None:
            result["keypoints"] = {
                "frames": self.keypoints.frames,
                "bad_frames": self.keypoints.bad_frames,
                "skipped_bytes": self.keypoints.skipped_bytes,
            }
        if self.uplink.rate is not None:
            result["pose_budget"] = self.uplink.rate.budget
        if self.receiver is not None:
            receiver = self.receiver
            result["receiver"] = {
                "slot": receiver.slot,
                "state": ("lost", "live", "held")[receiver.state],
                "frames": receiver.frames,
                "undecodable": receiver.undecodable,
            }
        if self.imu is not None:
            result["imu"] = {"chip": self.imu.chip, "samples": self.imu.samples, "errors": self.imu.errors}
        return result


def on(name, fn):
    """Call fn(value) at each event of this name (events.NAMES); may be called before run()."""
    _events.on(name, fn)


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
        gc.threshold(gc.mem_free() // 4 + gc.mem_alloc())
        log.info("app", "posewire %s on %s, %d bytes free", __version__, _app.board.name, gc.mem_free())
        asyncio.run(_app.supervisor.run())
    except KeyboardInterrupt:
        if _app is not None and _app.watchdog is not None:
            machine.WDT(timeout=_REPL_WATCHDOG_MS)
        raise
    except Exception as exc:
        log.exception("app", "crashed", exc)
        crash.record(exc)
        # During the pause Ctrl-C is for whoever wants to see what is wrong.
        micropython.kbd_intr(3)
        time.sleep_ms(_CRASH_PAUSE_MS)
        machine.reset()
