"""What a participant says it can do (XEP-0030, XEP-0115): the focus invites only those that can do the usual."""

import base64
import hashlib
from xml.etree.ElementTree import Element

from posewire.jitsi.xml import element

INFO = "{http://jabber.org/protocol/disco#info}query"
_NODE = "https://posewire.local/conference"
_IDENTITY = ("client", "bot", "", "posewire")
FEATURES = sorted(
    (
        "http://jabber.org/protocol/caps",
        "http://jabber.org/protocol/disco#info",
        "http://jitsi.org/json-encoded-sources",
        "http://jitsi.org/source-name",
        "urn:ietf:rfc:4588",
        "urn:ietf:rfc:5761",
        "urn:ietf:rfc:5888",
        "urn:xmpp:jingle:1",
        "urn:xmpp:jingle:apps:dtls:0",
        "urn:xmpp:jingle:apps:rtp:1",
        "urn:xmpp:jingle:apps:rtp:audio",
        "urn:xmpp:jingle:apps:rtp:video",
        "urn:xmpp:jingle:transports:dtls-sctp:1",
        "urn:xmpp:jingle:transports:ice-udp:1",
        "urn:xmpp:ping",
    )
)


def verification() -> str:
    """Return the verification string (XEP-0115 section 5): a hash of identity and features."""
    said = "<".join(["/".join(_IDENTITY), *FEATURES]) + "<"
    return base64.b64encode(hashlib.sha1(said.encode(), usedforsecurity=False).digest()).decode()


def caps() -> Element:
    """Return what presences say of it."""
    return element("{http://jabber.org/protocol/caps}c", {"hash": "sha-1", "node": _NODE, "ver": verification()})


def info_answer(query: Element) -> Element:
    """Return the answer to a query."""
    node = query.get("node")
    category, kind, _, name = _IDENTITY
    return element(
        INFO,
        {"node": node} if node else {},
        element("identity", {"category": category, "type": kind, "name": name}),
        *(element("feature", {"var": feature}) for feature in FEATURES),
    )
