"""The invitation to a conference's media (XEP-0166): what the focus offers, and this participant's answer.

Neither sound nor pictures go this way. The answer is there because the bridge keeps nobody whose transport is not up.
"""

import secrets
from dataclasses import dataclass
from xml.etree.ElementTree import Element

from posewire.errors import WireError
from posewire.jitsi.xml import element

JINGLE = "{urn:xmpp:jingle:1}jingle"
_NS = "{urn:xmpp:jingle:1}"
_RTP = "{urn:xmpp:jingle:apps:rtp:1}"
_ICE = "{urn:xmpp:jingle:transports:ice-udp:1}"
_DTLS = "{urn:xmpp:jingle:apps:dtls:0}fingerprint"
_GROUP = "{urn:xmpp:jingle:apps:grouping:0}"
_WEB_SOCKET = "{http://jitsi.org/protocol/colibri}web-socket"
_MAX_CANDIDATES = 32


@dataclass(frozen=True)
class Candidate:
    """An address at which a side may be reached by UDP (RFC 8445)."""

    foundation: str
    component: int
    protocol: str
    priority: int
    ip: str
    port: int
    type: str


@dataclass(frozen=True)
class IceSide:
    """One side's part of a transport."""

    ufrag: str
    password: str
    candidates: tuple[Candidate, ...]


@dataclass(frozen=True)
class Offer:
    """An invitation. ``focus``: who invites. ``channel``: the WebSocket of the bridge channel; empty: there is none."""

    focus: str
    sid: str
    action: str
    ice: IceSide
    channel: str
    contents: tuple[Element, ...]


def read_offer(stanza: Element, jingle: Element) -> Offer:
    """Read ``session-initiate`` or ``transport-replace``.

    Raises:
        WireError: it has no transport.
    """
    contents = tuple(jingle.findall(f"{_NS}content"))
    transports = [found for found in (content.find(f"{_ICE}transport") for content in contents) if found is not None]
    if not transports or not jingle.get("sid"):
        raise WireError("an invitation has a transport and a sid")
    # With BUNDLE all contents share one transport; newer focuses say it in the first one only.
    main = max(transports, key=lambda transport: len(transport.findall(f"{_ICE}candidate")))
    ways = [way.get("url", "") for transport in transports for way in transport.iter(_WEB_SOCKET)]
    candidates = tuple(_candidate(entry) for entry in main.findall(f"{_ICE}candidate")[:_MAX_CANDIDATES])
    return Offer(
        stanza.get("from", ""),
        jingle.get("sid", ""),
        jingle.get("action", ""),
        IceSide(main.get("ufrag", ""), main.get("pwd", ""), tuple(filter(None, candidates))),
        next(filter(None, ways), ""),
        contents,
    )


def acceptance(offer: Offer, responder: str, own: IceSide) -> Element:
    """Return the answer to an offer."""
    action = "session-accept" if offer.action == "session-initiate" else "transport-accept"
    names = [content.get("name", "") for content in offer.contents]
    group = element(
        f"{_GROUP}group",
        {"semantics": "BUNDLE"},
        *(element(f"{_GROUP}content", {"name": name}) for name in names),
    )
    contents = [_content(content, own, full=action == "session-accept") for content in offer.contents]
    return element(JINGLE, {"action": action, "sid": offer.sid, "responder": responder}, *contents, group)


def termination(sid: str, reason: str) -> Element:
    """Return the end of a session; ``reason``: XEP-0166 section 7.4."""
    return element(
        JINGLE, {"action": "session-terminate", "sid": sid}, element(f"{_NS}reason", None, element(f"{_NS}{reason}"))
    )


def termination_reason(jingle: Element) -> str:
    """Return why the focus ends a session."""
    reason = jingle.find(f"{_NS}reason")
    said = [] if reason is None else [child.text or child.tag.rpartition("}")[2] for child in reason]
    return ", ".join(said) or "no reason given"


def _content(offered: Element, own: IceSide, full: bool) -> Element:
    parts = []
    description = offered.find(f"{_RTP}description")
    if full and description is not None:
        # One format of each kind is enough: nothing is sent in any of them.
        chosen = description.findall(f"{_RTP}payload-type")[:1]
        parts.append(
            element(
                f"{_RTP}description",
                {"media": description.get("media", "")},
                *(_copy(entry) for entry in chosen),
                element(f"{_RTP}rtcp-mux"),
            )
        )
    parts.append(
        element(
            f"{_ICE}transport",
            {"ufrag": own.ufrag, "pwd": own.password},
            element(f"{_ICE}rtcp-mux"),
            element(_DTLS, {"hash": "sha-256", "setup": "active"}, _no_certificate()),
            *(_written(number, candidate) for number, candidate in enumerate(own.candidates)),
        )
    )
    attributes = {"creator": "responder", "name": offered.get("name", ""), "senders": "none"}
    return element(f"{_NS}content", attributes, *parts)


def _no_certificate() -> str:
    """A fingerprint, which an answer must have: DTLS is never begun."""
    return ":".join(f"{byte:02X}" for byte in secrets.token_bytes(32))


def _copy(entry: Element) -> Element:
    return element(entry.tag, dict(entry.items()))


def _candidate(entry: Element) -> Candidate | None:
    try:
        found = Candidate(
            entry.get("foundation", "1"), int(entry.get("component", "1")), entry.get("protocol", "udp").lower(),
            int(entry.get("priority", "1")), entry.get("ip", ""), int(entry.get("port", "0")),
            entry.get("type", "host"),
        )  # fmt: skip
    except ValueError:
        return None
    return found if found.component == 1 and found.protocol == "udp" and 0 < found.port < 1 << 16 else None


def _written(number: int, candidate: Candidate) -> Element:
    return element(
        f"{_ICE}candidate",
        {
            "foundation": candidate.foundation, "component": str(candidate.component), "protocol": candidate.protocol,
            "priority": str(candidate.priority), "ip": candidate.ip, "port": str(candidate.port),
            "type": candidate.type, "generation": "0", "network": "0", "id": f"c{number}",
        },
    )  # fmt: skip
