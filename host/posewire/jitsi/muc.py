"""The room of a conference (XEP-0045): who is in it, and messages through it."""

import json
from dataclasses import dataclass
from typing import Any
from xml.etree.ElementTree import Element

from posewire.errors import WireError
from posewire.jitsi.disco import caps
from posewire.jitsi.xml import element
from posewire.jitsi.xmpp import CLIENT
from posewire.wire.json_text import parse_json

_MUC = "{http://jabber.org/protocol/muc}x"
_USER = "{http://jabber.org/protocol/muc#user}"
_JSON = "{http://jitsi.org/jitmeet}json-message"
_HOST = "{urn:posewire:conference:1}host"
_JOINED = "110"
_MAX_JSON = 64 * 1024
_MAX_NICK = _MAX_FINGERPRINT = 100


@dataclass(frozen=True)
class Seen:
    """A presence in the room. ``fingerprint``: of a host's certificate; empty: it is no host."""

    endpoint: str
    here: bool
    own: bool
    fingerprint: str = ""


def joining(room_jid: str, endpoint: str, name: str, fingerprint: str = "") -> Element:
    """Return the presence with which a participant enters, and stays."""
    parts = [
        element(_MUC),
        caps(),
        element("{http://jabber.org/protocol/nick}nick", None, name),
        element("{http://jitsi.org/jitmeet/audio}audiomuted", None, "true"),
        element("{http://jitsi.org/jitmeet/video}videomuted", None, "true"),
    ]
    if fingerprint:
        parts.append(element(_HOST, {"fingerprint": fingerprint}))
    return element(f"{CLIENT}presence", {"to": f"{room_jid}/{endpoint}"}, *parts)


def leaving(room_jid: str, endpoint: str) -> Element:
    """Return the presence with which a participant goes."""
    return element(f"{CLIENT}presence", {"to": f"{room_jid}/{endpoint}", "type": "unavailable"})


def read_presence(stanza: Element, room_jid: str) -> Seen | None:
    """Return what a presence says of the room; None: it is of another."""
    room, _, endpoint = stanza.get("from", "").partition("/")
    if room.lower() != room_jid or not endpoint or len(endpoint) > _MAX_NICK:
        return None
    codes = {status.get("code") for status in stanza.iter(f"{_USER}status")}
    host = stanza.find(_HOST)
    return Seen(
        endpoint,
        stanza.get("type") != "unavailable",
        _JOINED in codes,
        host.get("fingerprint", "")[:_MAX_FINGERPRINT] if host is not None else "",
    )


def private_message(room_jid: str, endpoint: str, payload: dict[str, Any]) -> Element:
    """Return a message to one member, through the room."""
    said = element(_JSON, None, json.dumps(payload, separators=(",", ":")))
    hint = element("{urn:xmpp:hints}no-store")
    return element(f"{CLIENT}message", {"to": f"{room_jid}/{endpoint}", "type": "chat"}, said, hint)


def read_message(stanza: Element, room_jid: str) -> tuple[str, dict[str, Any]] | None:
    """Return who says what; None: it is nothing that a program has said.

    Raises:
        WireError: it is too long, or no JSON.
    """
    room, _, endpoint = stanza.get("from", "").partition("/")
    said = stanza.find(_JSON)
    if room.lower() != room_jid or not endpoint or said is None or stanza.get("type") == "error":
        return None
    text = said.text or ""
    if len(text) > _MAX_JSON:
        raise WireError(f"a message through the room has at most {_MAX_JSON} characters")
    try:
        payload = parse_json(text)
    except ValueError:
        raise WireError("a message through the room is JSON") from None
    return (endpoint, payload) if isinstance(payload, dict) else None
