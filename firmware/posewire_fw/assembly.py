"""Opens what a board has, as its settings want it. Needed once, by app.py at the start, and forgotten after."""

import machine
import posewire_slots
from micropython import const

from posewire_fw import device_tools, log, secrets
from posewire_fw.forget import spare
from posewire_fw.supervisor import Poller

_AUDIO_POLL_MS = const(5)
_FRONT_POLL_MS = const(10)
_KEYPOINT_POLL_MS = const(5)
_IMU_POLL_MS = const(2)
_CONSOLE_POLL_MS = const(20)


def read_settings():
    """The settings with what the board keeps secret; settings["errors"] says what was wrong with them."""
    from posewire_fw import config

    settings, errors = config.load()
    for error in errors:
        log.error("config", "%s", str(error)[len("config: ") :])
    settings["errors"] = errors
    # What the file says goes first; the rest is what the board was given over serial, its page, or by a host.
    if settings["wifi"] is not None:
        settings["wifi"] = settings["wifi"] + secrets.networks()
    if not settings["host"]["token"]:
        settings["host"]["token"] = secrets.get(secrets.TOKEN)
    if settings["client_id"] is None:
        settings["client_id"] = secrets.get(secrets.CLIENT_ID) or config.new_client_id()
        secrets.put(secrets.CLIENT_ID, settings["client_id"])
    return settings


def leave_out(settings):
    """Leave out motion, once, where an update has asked for its memory; the answer is for Updates."""
    pose = settings["pose"]
    if not pose["room"]:
        return None
    if not secrets.get(secrets.LEAN):
        return False
    secrets.put(secrets.LEAN, "")
    log.warning("app", "without motion this time, to have memory for an update")
    pose["room"] = None
    return True


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
    """Open the sources of poses and what follows others' poses."""
    # Imported here, because the codec takes memory that a board without such sources has better uses for.
    from posewire_fw.pose_rate import PoseRate

    pose = app.config["pose"]
    board = app.board
    app.uplink.rate = PoseRate(pose["bytes_per_second"])
    if pose["keypoints"] and board.has("uart_tx", "uart_rx"):
        _open_uart_part(app, pose)
    i2c = board.open_i2c() if pose["imu"] else None
    if i2c is not None:
        from posewire_fw.imu import Imu

        app.imu = Imu(i2c, pose["imu_hz"], app.clock, board.imu)
        app.uplink.add_source(app.imu.stream)
    if pose["receive"] is not None:
        from posewire_fw.pose_receiver import PoseReceiver

        app.receiver = PoseReceiver(app.events, pose["receive"], pose["hold_ms"], pose["relax_ms"])
        app.uplink.receiver = app.receiver


def _open_uart_part(app, pose):
    part = pose["uart"]
    if part == "keypoints":
        from posewire_fw.keypoints import KeypointReader

        uart = app.board.open_uart(pose["uart_baud"])
        app.keypoints = KeypointReader(uart, app.add_pose_stream, app.reserve_packet)
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
    device_tools.register(app)
    spare(device_tools, "register", "has_outputs")
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


def add_workers(app, poll_front):
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
    add("front", Poller(poll_front, _FRONT_POLL_MS), True)
    add("console", Poller(app.console.poll, _CONSOLE_POLL_MS))
    add("connection", app.connection, True)
