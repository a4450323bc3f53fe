"""Who may connect: the token of a request, and the identity it comes with. WebSocket and HTTP share it."""

import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import parse_qs, urlsplit

from posewire.errors import WireError
from posewire.identity.principal import Principal

_MAX_ID = 64


@dataclass(frozen=True)
class Identity:
    """A peer that was let in: what it says of itself in its opening request, and who its token says it is."""

    device_id: str
    client_id: str
    protocol: int | None
    anonymous: bool
    principal: Principal


class ConnectionAuthenticator:
    """Checks the bearer token; without a configured token everybody on this machine is let in (see settings)."""

    def __init__(self, token: str) -> None:
        self._token = token.encode()

    def authenticate(self, path: str, headers: Mapping[str, str]) -> Identity:
        """Return the identity behind an opening request; ``path`` with its query, where browsers say who they are.

        Raises:
            WireError: ``unauthorized``: the token is missing or wrong; ``forbidden``: a page of another site.
        """
        said = _Said(path, headers)
        device_id = _clean(said("Device-Id")).lower()
        client_id = _clean(said("Client-Id"))
        protocol = said("Protocol-Version")
        return Identity(
            device_id=device_id or f"anonymous-{secrets.token_hex(4)}",
            client_id=client_id,
            protocol=int(protocol) if protocol in ("1", "2", "3") else None,
            anonymous=not device_id,
            principal=self.principal(path, headers),
        )

    def principal(self, path: str, headers: Mapping[str, str]) -> Principal:
        """Return who the token of a request belongs to.

        Raises:
            WireError: ``unauthorized``: the token is missing or wrong; ``forbidden``: a page of another site.
        """
        if not self._token:
            refuse_other_sites(headers)
            return Principal("local", "local")
        scheme, _, token = _Said(path, headers)("Authorization").partition(" ")
        return self.principal_of(token.strip() if scheme.lower() == "bearer" else scheme)

    def principal_of(self, given: str) -> Principal:
        """Return who a token belongs to.

        Raises:
            WireError: ``unauthorized``.
        """
        # Compared even when empty, so that a missing token takes as long as a wrong one.
        if not hmac.compare_digest(given.encode(), self._token):
            raise WireError("the token is missing or wrong: send Authorization: Bearer <token>", "unauthorized")
        return Principal("shared", "the shared token")


def is_loopback(host: str) -> bool:
    """Tell whether an address or host name can be reached from this machine only."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def refuse_other_sites(headers: Mapping[str, str]) -> None:
    """Refuse what a page of another site makes a browser on this machine send: a host without tokens would obey it.

    Raises:
        WireError: ``forbidden``.
    """
    origin = headers.get("Origin")
    if origin is not None and not is_loopback(urlsplit(origin).hostname or ""):
        raise WireError(f"a page of {origin[:80]} may not use this host: it runs without authentication", "forbidden")


class _Said:
    """What a request says by headers or, as browsers cannot set them, by its query."""

    def __init__(self, path: str, headers: Mapping[str, str]) -> None:
        self._headers = headers
        query = urlsplit(path).query
        self._query = {key.lower(): values[0] for key, values in parse_qs(query).items()} if query else {}

    def __call__(self, name: str) -> str:
        return (self._headers.get(name) or self._query.get(name.lower()) or "").strip()


def _clean(text: str) -> str:
    """Limit a string from a peer to what may stand in a log line."""
    return "".join(char for char in text[:_MAX_ID] if char.isprintable() and char != " ")
