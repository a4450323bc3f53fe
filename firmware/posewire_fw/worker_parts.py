"""Hands the work to the supervisor, and gives back what the start has needed. The last step of the start."""

from micropython import const

from posewire_fw.supervisor import Poller
from posewire_fw.unload import drop_functions, unload_modules, unload_slots

_AUDIO_POLL_MS = const(5)
_FRONT_POLL_MS = const(10)
_KEYPOINT_POLL_MS = const(5)
_IMU_POLL_MS = const(2)
_CONSOLE_POLL_MS = const(20)


def build(app):
    """Add the work that is done all the time; on a chip with little memory, nothing that has been done comes again."""
    add_workers(app)
    app.board.needs = None
    if app.small:
        drop_constructors(app)
        drop_slots()
    if app.mic is not None and app.config["audio"]["format"] in ("auto", "opus"):
        if not app.small:
            from posewire_fw.opus_part import allow_opus

            allow_opus(app)
        elif app.config["audio"]["format"] == "opus":
            app.leave_out("opus", "it needs a board with PSRAM")


def drop_constructors(app):
    """Give back what has made the parts: nobody makes another one."""
    parts = [app, app.session, app.wifi, app.tools, app.updates, app.telemetry, app.connection, app.console]
    parts += [app.supervisor, app.imu, app.keypoints, app.uplink, app.uplink.rate, app.link, app.link.receiver]
    parts += [app.clock, app.led, app.board, app.button, app.link.builder, app.link.builder.keys]
    for part in parts:
        if part is not None:
            try:
                drop_functions(type(part), "__init__")
            except (AttributeError, KeyError):
                pass  # an imported part of another kind has none of its own
    drop_functions(type(app), "_is_wanted")
    drop_functions(type(app.supervisor), "add")
    drop_functions(type(app.board), "has_microphone", "has_speaker", "button_pin", "open_codec", "_codec_bus")
    if app.mic is None:
        drop_functions(type(app.board), "open_microphone")
    if app.speaker is None:
        drop_functions(type(app.board), "open_speaker", "amplifier")
    del app.config["watchdog"]
    if app.board.profile == "motion":
        del app.config["listen"]
    from posewire_fw import led

    drop_functions(led, "open_led", "RgbLed")
    # Who needs one of these again gets it whole.
    unload_modules("led", "link", "websocket", "session", "connection", "supervisor", "telemetry", "console", "wifi")
    if app.uplink.publishes:
        from posewire_fw.pose_stream import drop_builders

        drop_builders()


def drop_slots():
    """Give back posewire_slots, all of it: who asks for it again gets it from the flash."""
    import sys

    slots = sys.modules.get("posewire_slots")
    unload_slots()
    if slots is not None:
        for name in list(slots.__dict__):
            if not name.startswith("__"):
                delattr(slots, name)


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
