"""The focus of a conference (jicofo): it is asked before a room is entered, and invites to the video bridge."""

import asyncio
import secrets

from posewire.jitsi.address import ConferenceAddress
from posewire.jitsi.xml import element
from posewire.jitsi.xmpp import StanzaError, XmppStream

_CONFERENCE = "{http://jitsi.org/protocol/focus}conference"
_PAUSE, _TRIES = 0.5, 4
_PATIENCE = 2.0
"""Seconds for an answer: a room that is there works without a focus."""


async def ask_focus(stream: XmppStream, address: ConferenceAddress) -> str:
    """Ask for the conference; returns why there will be none, or nothing: without a focus a room may work all the same.

    Raises:
        ConnectionError: the stream is closed.
    """
    machine = secrets.token_hex(16)
    for _ in range(_TRIES):
        asked = element(_CONFERENCE, {"room": address.room_jid, "machine-uid": machine})
        try:
            answer = await stream.ask(address.focus, "set", asked, _PATIENCE)
        except StanzaError as error:
            if error.condition == "not-authorized":
                return "the conference may be begun only by somebody with an account: join it with a browser first"
            return f"the focus refuses: {error}"
        except ConnectionError as error:
            if stream.close_reason:
                raise
            return str(error)
        said = answer.find(_CONFERENCE)
        if said is not None and said.get("ready") == "true":
            return ""
        await asyncio.sleep(_PAUSE)
    return "the focus is not ready"
