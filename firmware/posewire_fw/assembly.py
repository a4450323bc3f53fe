"""Makes the parts of the board, as its settings, its profile and its memory allow. Needed once, at the start.

What everything else rests on comes first; then each part of the profile. One that does not fit is left out by name, and
the rest goes on: a board that can tell what it lacks is worth more than one that starts for ever.
"""

import gc

import machine
import posewire_slots
from micropython import const

from posewire_fw import board, log, memory
from posewire_fw.connection import Connection
from posewire_fw.led import open_led
from posewire_fw.link import Link
from posewire_fw.supervisor import Poller, Supervisor
from posewire_fw.telemetry import Telemetry
from posewire_fw.tools import Tools
from posewire_fw.unload import drop_functions, unload_modules
from posewire_fw.updates import Updates
from posewire_fw.uplink import Uplink
from posewire_fw.wifi import Wifi

_AUDIO_POLL_MS = const(5)
_FRONT_POLL_MS = const(10)
_KEYPOINT_POLL_MS = const(5)
_IMU_POLL_MS = const(2)
_CONSOLE_POLL_MS = const(20)

# The landmark set that most cameras send.
_BODY33 = const(1)

# 0.8 and 0.7 s: for a network that pauses, and for the host's first burst and more on the way down.
_MIC_FRAMES = const(14)
_SPEAKER_FRAMES = const(12)
# The same, and the longest message, of a chip that has little memory. A piece of an update has 2200 bytes.
_MIC_FRAMES_SMALL = const(8)
_SPEAKER_FRAMES_SMALL = const(8)
_MESSAGE = const(4096)
_MESSAGE_SMALL = const(2560)


def build(app):
    """Make all parts of the application."""
    settings = app.config
    hardware = app.board = board.load()
    small = memory.is_small()
    waits = wait_for_update(settings)
    app.led = open_led(hardware)
    app.events.on("state", app.led.set_state)
    longest = _MESSAGE_SMALL if small else _MESSAGE
    app.uplink = Uplink(app.clock)
    app.link = Link(app.uplink, longest, longest, silence_ms=settings["host"]["silence"] * 1000)
    app.wifi = Wifi(settings["wifi"])
    app.tools = Tools(hardware.name, app.on_tool_call)
    if hardware.profile != "motion" and (hardware.has_microphone() or hardware.has_speaker()):
        _open_part(app, "voice", _open_small_voice if small else _open_voice)
    app.session = _make_session(app)
    app.tools.report = app.session.report  # pyright: ignore[reportAttributeAccessIssue]
    app.updates = Updates(app.session.send, app.reboot, app.session.public_state, hardware.profile, waits)
    app.session.handle("update", app.updates.on_message)
    app.telemetry = Telemetry(app)
    app.events.on("connected", app.on_connected)
    app.events.on("disconnected", app.on_disconnected)
    app.connection = Connection(
        settings, app.wifi, app.link, app.session, app.headers, app.led.set_phase, app.setup, app.pair
    )
    pin = hardware.button_pin()
    if pin is not None:
        from posewire_fw.button import Button

        app.button = Button(pin)
    from posewire_fw.console import Console

    app.console = Console(app.make_improv)
    watchdog = app.watchdog = open_watchdog(settings["watchdog"])
    app.supervisor = Supervisor(watchdog, app.frames_sent, app.others, app.note_crash, app.give_up)
    if settings["pose"]["room"]:
        open_pose(app)
    app.session.receiver = app.receiver
    _open_part(app, "tools", register_tools)
    add_workers(app)
    hardware.needs = None
    unload_modules("credentials")
    if small:
        _drop_what_is_done(app)


def _drop_what_is_done(app):
    """Give back what has made the parts: nobody makes another one."""
    for part in (app, app.session, app.wifi, app.tools, app.updates, app.telemetry, app.connection, app.console,
                 app.supervisor, app.imu, app.keypoints, app.uplink, app.uplink.rate):  # fmt: skip
        if part is not None and hasattr(type(part), "__init__"):
            try:
                drop_functions(type(part), "__init__")
            except (AttributeError, KeyError):
                pass
    drop_functions(type(app.supervisor), "add")
    drop_functions(
        type(app.board), "has_microphone", "has_speaker", "button_pin", "open_codec", "_codec_bus", "open_uart"
    )
    if app.uplink.rate is not None:
        from posewire_fw.pose_stream import drop_builders

        drop_builders()
    unload_modules("led")


def _open_part(app, name, open_it):
    """Call open_it(app); where the memory does not suffice the board goes on without. True when the part is there."""
    need = app.board.needs.get(name)
    if need and not memory.has_room(need[0], need[1]):
        found = memory.idf()
        have = (need[0], memory.heap_free(), need[1], found[0] if found else 0)
        app.leave_out(name, "it needs %d bytes of heap (%d are free) and %d of the chip's memory (%d are free)" % have)
        return False
    try:
        open_it(app)
        return True
    except MemoryError as exc:
        why = "not enough memory: %s" % exc
    except ImportError as exc:
        why = "it is not installed (%s): posewire deploy with another --profile brings it" % exc
    gc.collect()
    app.leave_out(name, why)
    return False


def wait_for_update(settings):
    """Leave motion out, once, where an update has asked for its memory; the answer is for Updates."""
    pose = settings["pose"]
    if not pose["room"]:
        return None
    from posewire_fw import credentials

    if not credentials.get(credentials.NO_MOTION):
        return False
    credentials.put(credentials.NO_MOTION, "")
    log.warning("app", "without motion this time, to have memory for an update")
    pose["room"] = None
    return True


def _make_session(app):
    from posewire_fw import __version__

    args = (app.config, app.board, __version__, app.link, app.uplink, app.tools, app.events, app.reboot)
    if app.board.profile != "motion" and "voice" not in app.left_out:
        from posewire_fw.voice_session import VoiceSession

        return VoiceSession(*args, app.mic, app.ring, app.speaker)
    from posewire_fw.session import Session

    return Session(*args)


def _open_small_voice(app):
    _open_voice(app, _MIC_FRAMES_SMALL, _SPEAKER_FRAMES_SMALL)


def _open_voice(app, mic_frames=_MIC_FRAMES, speaker_frames=_SPEAKER_FRAMES):
    """Microphone and speaker: the ports themselves are opened when there is something to hear or to say."""
    from posewire_fw.mic import Microphone, frame_bytes
    from posewire_fw.ring import Ring
    from posewire_fw.speaker import Speaker

    audio = app.config["audio"]
    frame = frame_bytes(audio["format"], audio["frame_ms"])
    ring = Ring(frame * mic_frames, frame)
    ports = audio_ports(app.board)
    mic = speaker = None
    if app.board.has_microphone():
        detector = voice_detector(app.config)
        mic = Microphone(ports.open_microphone, ring, audio["format"], audio["frame_ms"], audio["gain"], detector)
    if app.board.has_speaker():
        speaker = Speaker(ports.open_speaker, Ring(frame * speaker_frames, frame), audio["volume"])
    app.ring = app.uplink.ring = ring
    app.mic = mic
    app.speaker = speaker


def audio_ports(board):
    """What opens the microphone's and the speaker's port."""
    codec = board.open_codec()
    if codec is None:
        return board
    from posewire_fw.codec_ports import CodecPorts

    return CodecPorts(board, codec)


def voice_detector(settings):
    """What notices that somebody speaks, None where the board is not to."""
    if settings["listen"]["start"] != "voice":
        return None
    from posewire_fw.vad import VoiceStart

    return VoiceStart()


def open_pose(app):
    """Open the sources of poses and what follows others' poses, each for itself."""
    if app.board.profile == "voice":
        app.leave_out("motion", "the board has the profile voice: posewire deploy --profile motion brings motion")
        return
    pose = app.config["pose"]
    if not _open_part(app, "rate", _open_rate):
        return
    if pose["imu"] and app.board.has("i2c_scl", "i2c_sda"):
        _open_part(app, "imu", _open_imu)
    if pose["keypoints"] and app.board.has("uart_tx", "uart_rx"):
        _open_part(app, pose["uart"], _open_uart_part)
    if pose["receive"] is not None:
        _open_part(app, "follow", _open_receiver)


def _open_rate(app):
    from posewire_fw.pose_rate import PoseRate

    app.uplink.rate = PoseRate(app.config["pose"]["bytes_per_second"])


def _open_imu(app):
    from posewire_fw.imu import Imu

    app.imu = Imu(app.board.open_i2c(), app.config["pose"]["imu_hz"], app.clock, app.board.imu)
    app.uplink.add_source(app.imu.stream)


def _open_receiver(app):
    from posewire_fw.pose_receiver import PoseReceiver

    pose = app.config["pose"]
    app.receiver = PoseReceiver(app.events, pose["receive"], pose["hold_ms"], pose["relax_ms"])
    app.uplink.receiver = app.receiver


def _open_uart_part(app):
    pose = app.config["pose"]
    part = pose["uart"]
    if part == "keypoints":
        from posewire_fw.keypoints import KeypointReader

        uart = app.board.open_uart(pose["uart_baud"])
        app.keypoints = KeypointReader(uart, app.add_pose_stream, app.reserve_packet, app.leave_out, _BODY33)
        app.uplink.publishes = True
        return
    if part == "bno08x":
        from posewire_fw import bno08x

        app.keypoints = bno08x.Bno08x(app.board.open_uart(pose["uart_baud"] or bno08x.BAUD), app.clock)
    elif part == "grove-ai":
        from posewire_fw import grove_ai

        uart = app.board.open_uart(pose["uart_baud"] or grove_ai.BAUD)
        app.keypoints = grove_ai.GroveAi(uart, app.clock, pose["picture"][0], pose["picture"][1])
    else:
        from posewire_fw import huskylens2

        uart = app.board.open_uart(pose["uart_baud"] or huskylens2.BAUD)
        algorithm = huskylens2.HAND if part == "huskylens2-hand" else huskylens2.POSE
        app.keypoints = huskylens2.HuskyLens2(uart, app.clock, algorithm)
    app.add_pose_stream(app.keypoints.stream)


def register_tools(app):
    """Declare the board's own tools, and the user's."""
    from posewire_fw import device_tools

    device_tools.register(app)
    drop_functions(device_tools, "register", "has_outputs")
    try:
        user_tools = __import__("user_tools")
    except ImportError as exc:
        if "user_tools" not in str(exc):
            log.exception("tools", "user_tools.py cannot be imported", exc)
        return
    except Exception as exc:
        log.exception("tools", "user_tools.py cannot be imported", exc)
        return
    try:
        user_tools.register(app.tools, app.board)
    except Exception as exc:
        log.exception("tools", "register() in user_tools.py failed", exc)


def open_watchdog(settings):
    """The watchdog, None for none."""
    if settings["enabled"]:
        return machine.WDT(timeout=settings["seconds"] * 1000)
    # The one that posewire_slots has started for a version on trial wants to be fed as well.
    return posewire_slots.watchdog


def add_workers(app):
    """Hand to the supervisor what has to be done all the time."""
    add = app.supervisor.add
    if app.mic is not None:
        add("mic", Poller(app.mic.poll, _AUDIO_POLL_MS))
    if app.speaker is not None:
        add("speaker", Poller(app.speaker.poll, _AUDIO_POLL_MS))
    if app.keypoints is not None:
        add("keypoints", Poller(app.keypoints.poll, _KEYPOINT_POLL_MS))
    if app.imu is not None:
        add("imu", Poller(app.imu.poll, _IMU_POLL_MS))
    add("front", Poller(app.poll_front, _FRONT_POLL_MS), True)
    add("console", Poller(app.console.poll, _CONSOLE_POLL_MS))
    add("connection", app.connection, True)
