"""Who may connect: the token of the opening request, and the identity it comes with."""

import hmac
import secrets
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

from websockets.http11 import Request

from posewire.errors import WireError

_MAX_ID = 64


@dataclass(frozen=True)
class Identity:
    """What a peer says of itself in its opening request."""

    device_id: str
    client_id: str
    protocol: int | None
    anonymous: bool


class ConnectionAuthenticator:
    """Checks the bearer token; without a configured token everybody is let in (loopback only, see settings)."""

    def __init__(self, token: str) -> None:
        self._token = token.encode()

    def authenticate(self, request: Request) -> Identity:
        """Return the peer's identity, from headers or, for browsers, from the query.

        Raises:
            WireError: ``unauthorized``: the token is missing or wrong.
        """
        query = {key.lower(): values[0] for key, values in parse_qs(urlsplit(request.path).query).items()}

        def said(name: str) -> str:
            return (request.headers.get(name) or query.get(name.lower()) or "").strip()

        if self._token:
            scheme, _, token = said("Authorization").partition(" ")
            given = token.strip() if scheme.lower() == "bearer" else scheme
            # Compared even when empty, so that a missing token takes as long as a wrong one.
            if not hmac.compare_digest(given.encode(), self._token):
                raise WireError("the token is missing or wrong: send Authorization: Bearer <token>", "unauthorized")
        device_id = _clean(said("Device-Id")).lower()
        protocol = said("Protocol-Version")
        return Identity(
            device_id=device_id or f"anonymous-{secrets.token_hex(4)}",
            client_id=_clean(said("Client-Id")),
            protocol=int(protocol) if protocol in ("1", "2", "3") else None,
            anonymous=not device_id,
        )


def _clean(text: str) -> str:
    """Limit a string from a peer to what may stand in a log line."""
    return "".join(char for char in text[:_MAX_ID] if char.isprintable() and char != " ")
