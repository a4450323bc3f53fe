"""Makes what talks with the host: session, updates, telemetry, connection, supervisor. Needed at the start only."""

import gc

import machine
import posewire_slots
from micropython import const

from posewire_fw import growing, log
from posewire_fw.connection import Connection
from posewire_fw.supervisor import Supervisor
from posewire_fw.telemetry import Telemetry
from posewire_fw.unload import unload_modules
from posewire_fw.updates import Updates

# For the network, what parts that are opened after this cannot have.
_NETWORK = const(14000)


def build(app):
    """Make them as attributes of the application."""
    settings = app.config
    waits = wait_for_update(settings)
    session = app.session = _make_session(app)
    session.small = app.small
    app.tools.report = session.report
    app.updates = Updates(session.send, app.reboot, session.public_state, app.board.profile, waits)
    session.handle("update", app.updates.on_message)
    app.telemetry = Telemetry(app)
    app.events.on("connected", app.on_connected)
    app.events.on("disconnected", app.on_disconnected)
    app.connection = Connection(
        settings, app.wifi, app.link, session, app.headers, app.led.set_phase, app.setup, app.pair, app.give_up
    )
    app.link.recall = app.last_address
    # More than the first heap can hold lives now: the heap has grown and stays so. Machine code needs what was held.
    growing.release(_NETWORK)
    app.watchdog = open_watchdog(settings["watchdog"])
    app.supervisor = Supervisor(app.watchdog, app.frames_sent, app.others, app.note_crash, app.give_up)


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
    if app.mic is not None or app.speaker is not None or app.button is not None:
        session = _make_voice_session(app, args)
        if session is not None:
            return session
    from posewire_fw.session import Session

    return Session(*args)


def _make_voice_session(app, args):
    """A session that can listen and speak; None, and the board goes on without, where it does not fit."""
    if app.board.profile == "motion" or "voice" in app.left_out:
        return None
    try:
        from posewire_fw.voice_session import VoiceSession

        return VoiceSession(*args, app.mic, app.ring, app.speaker)  # pyright: ignore[reportCallIssue]
    except MemoryError as exc:
        why = "not enough memory for a conversation: %s" % exc
    app.mic = app.speaker = app.ring = app.uplink.ring = None
    unload_modules("voice_session", "audio", "mic", "speaker")
    gc.collect()
    app.leave_out("voice", why)
    return None


def open_watchdog(settings):
    """The watchdog, None for none."""
    if settings["enabled"]:
        return machine.WDT(timeout=settings["seconds"] * 1000)
    # The one that posewire_slots has started for a version on trial wants to be fed as well.
    return posewire_slots.watchdog
