"""A session's place in its room: joining it, losing it, joining it again. Loaded when one of these happens."""

from micropython import const

from posewire_fw import log

# A host answers a join at once.
_JOIN_MS = const(10000)
# Before a room is joined that has just been closed, and one that has not let the board in.
_CLOSED_MS = const(1000)
_REFUSED_MS = const(30000)
# Refusals of a join that may not hold for ever.
_PASSING = ("too_many", "room_locked", "no_such_room")


def join(session, uplink, pose):
    """Ask the host to let the board into the room of the settings."""
    from posewire_fw.greeting import join_room

    session.joining = True
    session.join_in(_JOIN_MS)
    session.send(join_room(pose, uplink.publishes, session.receiver is not None))


def on_room(session, uplink, pose, message):
    """The host tells what happened in the room."""
    event = message.get("event")
    if event == "welcome":
        session.member_id = message.get("member_id")
        log.info("session", "in room %s as member %s", message.get("room"), session.member_id)
        session.room_problem = None
        session.joining = False
        session.join_in(0)
        uplink.reset_pose()
        uplink.pose_open = True
    elif event == "closed":
        _lose(session, uplink, pose, "closed: %s" % message.get("reason"), _CLOSED_MS)
    elif event == "kicked":
        # Its owner does not want this board.
        _lose(session, uplink, pose, "removed: %s" % message.get("reason"), 0)
    elif event == "left" and session.receiver is not None:
        session.receiver.forget(message.get("member_id"))


def on_error(session, uplink, pose, message):
    """The host refuses something."""
    code = message.get("code")
    text = message.get("message")
    if code == "not_in_room":
        if uplink.pose_open:
            _lose(session, uplink, pose, text, _CLOSED_MS)
    elif session.joining:
        _lose(session, uplink, pose, "%s: %s" % (code, text), _REFUSED_MS if code in _PASSING else 0)
    else:
        log.warning("session", "the host refuses: %s: %s", code, text)


def _lose(session, uplink, pose, why, again):
    """The board is in no room, or not any more."""
    uplink.pose_open = False
    session.joining = False
    session.member_id = None
    session.room_problem = why
    if session.receiver is not None:
        session.receiver.forget()
    session.join_in(again)
    log.error("session", "not in room %s: %s", pose["room"], why)
