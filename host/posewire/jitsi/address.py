"""The address of a host in a Jitsi conference."""

import re
from dataclasses import dataclass
from urllib.parse import parse_qs, unquote, urlencode, urlsplit

from posewire.errors import ConfigError

SCHEMES = ("jitsi+wss://", "jitsi+ws://")
_ROOM = re.compile(r"[^\s\"&'/:<>@\x00-\x1f]{1,200}")
_DOMAIN = re.compile(r"[a-z0-9]([a-z0-9.-]{0,250}[a-z0-9])?")
_FINGERPRINT = re.compile(r"[A-Za-z0-9_-]{43}")
_OPTIONS = ("domain", "muc", "focus")


@dataclass(frozen=True)
class ConferenceAddress:
    """A conference. ``url``: the WebSocket of its XMPP server. ``domain``, ``muc``, ``focus``: names in XMPP.

    ``fingerprint``: of the host's certificate (``certificate.fingerprint``); empty where the host itself reads it.
    """

    url: str
    room: str
    domain: str
    muc: str
    focus: str
    fingerprint: str = ""

    @property
    def room_jid(self) -> str:
        """The room's address in XMPP."""
        return f"{self.room}@{self.muc}"

    def websocket_url(self, token: str = "") -> str:
        """Return the URL that is opened; ``token``: the JWT of a deployment that wants one."""
        asked = {"room": self.room, **({"token": token} if token else {})}
        return f"{self.url}?{urlencode(asked)}"


def is_conference(url: str) -> bool:
    """Tell whether a URL is one of a conference."""
    return url.startswith(SCHEMES)


def read_address(url: str) -> ConferenceAddress:
    """Read ``jitsi+wss://SERVER/ROOM?domain=…&muc=…&focus=…#FINGERPRINT``; the options have the usual names.

    Raises:
        ConfigError: it is not one; the message says what is wrong.
    """
    wrong = f"the address of a conference is jitsi+wss://SERVER/ROOM, not {url.partition('?')[0][:100]!r}"
    try:
        parts = urlsplit(url)
        name, _ = (parts.hostname or "").lower(), parts.port
    except ValueError:
        raise ConfigError(wrong) from None
    folder, _, room = parts.path.rpartition("/")
    room = unquote(room).lower()  # names of rooms are, in XMPP
    if not is_conference(url) or not name or not _ROOM.fullmatch(room):
        raise ConfigError(wrong)
    if parts.username or parts.password:
        raise ConfigError("the address of a conference must not have a user name or a password in it")
    asked = parse_qs(parts.query)
    for option in asked:
        if option not in _OPTIONS:
            raise ConfigError(f"the address of a conference has no option {option[:40]!r}: only {', '.join(_OPTIONS)}")
    domain = asked.get("domain", [name])[0].lower()
    muc = asked.get("muc", [f"conference.{domain}"])[0].lower()
    focus = asked.get("focus", [f"focus.{domain}"])[0].lower()
    for option, value in zip(_OPTIONS, (domain, muc, focus), strict=True):
        if not _DOMAIN.fullmatch(value):
            raise ConfigError(f"{option} of a conference must be a domain, not {value[:100]!r}")
    if parts.fragment and not _FINGERPRINT.fullmatch(parts.fragment):
        raise ConfigError("after # stands the host's fingerprint, 43 characters: the host shows it when it starts")
    scheme = parts.scheme.removeprefix("jitsi+")
    return ConferenceAddress(
        f"{scheme}://{parts.netloc}{folder}/xmpp-websocket", room, domain, muc, focus, parts.fragment
    )


def with_fingerprint(url: str, fingerprint: str) -> str:
    """Return the address that programs need: with the host's fingerprint."""
    return f"{url.partition('#')[0]}#{fingerprint}"
