"""Authentication of requests by their tokens, for WebSocket and HTTP alike."""

import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from urllib.parse import parse_qs

from posewire.errors import PairingPendingError, WireError
from posewire.identity.identities import Identities
from posewire.identity.jwt_tokens import JwtVerifier
from posewire.identity.principal import DEVICE_SCOPES, Principal
from posewire.identity.settings import AuthSettings
from posewire.identity.stock_token import looks_like_stock_token, verify_stock_token
from posewire.identity.stored import PREFIX
from posewire.server.page_access import cookie_token, header, refuse_other_names, refuse_other_pages

_MAX_ID = 64
_MAX_TOKEN = 8192

ANY_DEVICE = "device.any"
"""The scope to connect under the id of a device that has a token of its own, without that."""


@dataclass(frozen=True)
class Identity:
    """An authenticated peer: its own words in the opening request, and the principal of its token."""

    device_id: str
    client_id: str
    protocol: int | None
    anonymous: bool
    principal: Principal

    def may_be(self, device_id: str) -> bool:
        """Whether the peer's token lets it be a device that has a token of its own."""
        return self.principal.device_id == device_id or self.principal.allows(ANY_DEVICE)


class ConnectionAuthenticator:
    """Verifies tokens of all kinds; without any configured, everybody on this machine is let in (see settings)."""

    def __init__(self, settings: AuthSettings, identities: Identities) -> None:
        """Prepare the keys.

        Raises:
            ConfigError: a key for JWTs does not load.
        """
        self._settings = settings
        self._identities = identities
        self._jwt = JwtVerifier(settings) if settings.jwt_keys else None

    def authenticate(self, path: str, headers: Mapping[str, str]) -> Identity:
        """Return the identity behind an opening request; ``path`` has the query, where browsers put their token.

        Raises:
            WireError: ``unauthorized``: the token is missing or wrong, or another device's; ``forbidden``: a page of
                another site; ``bad_message``: a header is there more than once.
        """
        said = _Said(path, headers)
        device_id, client_id, protocol = said.device_id(), _clean(said("Client-Id")), said("Protocol-Version")
        principal = self.principal(path, headers)
        if principal.device_id:
            if device_id and device_id != principal.device_id:
                raise WireError(f"this token was issued to the device {principal.device_id}", "unauthorized")
            device_id = principal.device_id
        elif principal.only_watches:
            device_id = ""  # its id would take a connection, or a place in a room, from whoever has that id
        elif device_id and self._identities.reserves(device_id) and not principal.allows(ANY_DEVICE):
            raise WireError(f"{device_id} has a token of its own: connect with that", "unauthorized")
        return Identity(
            device_id=device_id or f"anonymous-{secrets.token_hex(4)}",
            client_id=client_id,
            protocol=int(protocol) if protocol in ("1", "2", "3") else None,
            anonymous=not device_id,
            principal=principal,
        )

    def principal(self, path: str, headers: Mapping[str, str]) -> Principal:
        """Return the principal of a request's token.

        A browser that has signed in sends its token as a cookie: only for the host's own pages.

        Raises:
            WireError: ``unauthorized``: the token is missing or wrong; ``forbidden``: a page of another site.
        """
        if not self._settings.required:
            refuse_other_names(headers)
            refuse_other_pages(headers, self._settings.allowed_origins)
            return Principal("local", "local")
        said = _Said(path, headers)
        scheme, _, token = said("Authorization").partition(" ")
        given = token.strip() if scheme.lower() == "bearer" else scheme
        if not given and (given := cookie_token(headers)):
            refuse_other_pages(headers, ())
        return self.principal_of(given, _clean(said("Device-Id")), _clean(said("Client-Id")))

    def principal_of(self, token: str, device_id: str = "", client_id: str = "") -> Principal:
        """Return the principal of a token; some tokens are for one device (``device_id`` as the device spells it).

        Raises:
            WireError: ``unauthorized``.
        """
        settings = self._settings
        # Compared even when empty, so that a missing token takes as long as a wrong one.
        if hmac.compare_digest(token.encode()[:_MAX_TOKEN], settings.token.encode()) and settings.token:
            return Principal("shared", "the shared token", settings.token_scopes, basis=settings.token)
        found = None
        if token.startswith(PREFIX):
            found = self._identities.of_issued_token(token)
        elif looks_like_stock_token(token):
            found = self._of_stock_token(token, device_id, client_id)
        elif self._jwt is not None and token.count(".") == 2 and len(token) <= _MAX_TOKEN:
            return self._jwt.principal(token)
        if found is None:
            missing = "this host wants a token: send Authorization: Bearer <token>"
            raise WireError("the token is not known here, or was revoked" if token else missing, "unauthorized")
        return found

    def again(self, principal: Principal) -> Principal | None:
        """Return the principal by these settings of a peer that earlier settings let in; None when these do not.

        Paired devices and issued tokens are not checked here: ``Identities`` reports their end.
        """
        settings = self._settings
        if not settings.required:
            return principal
        if principal.kind == "local":
            return None
        if principal.kind == "shared":
            return replace(principal, scopes=settings.token_scopes) if principal.basis == settings.token else None
        known = [None, settings.stock_key, *(self._jwt.bases.values() if self._jwt is not None else ())]
        return principal if principal.basis in known else None

    def _of_stock_token(self, token: str, device_id: str, client_id: str) -> Principal | None:
        key = self._settings.stock_key
        if key and verify_stock_token(key, token, device_id, client_id) is not None:
            return Principal("device", device_id.lower(), DEVICE_SCOPES, device_id.lower(), basis=key)
        found = self._identities.of_device_token(token, device_id.lower(), client_id)
        if found is None and self._identities.is_pending_token(token, device_id.lower(), client_id):
            raise PairingPendingError("nobody has confirmed the pairing code of this device yet: try again later")
        return found


def said_by(headers: Mapping[str, str]) -> tuple[str, str]:
    """Return the device id and the client id of an HTTP request's headers, empty where they are missing."""
    said = _Said("", headers)
    return said.device_id(), _clean(said("Client-Id"))


class _Said:
    """The values of a request's headers or, as browsers cannot set those, of its query."""

    def __init__(self, path: str, headers: Mapping[str, str]) -> None:
        self._headers = headers
        query = path.partition("?")[2]
        self._query = {key.lower(): values[0] for key, values in parse_qs(query).items()} if query else {}

    def __call__(self, name: str) -> str:
        return (header(self._headers, name) or self._query.get(name.lower()) or "").strip()

    def device_id(self) -> str:
        """Return the device id, as it is spelt everywhere here."""
        return _clean(self("Device-Id")).lower()


def _clean(text: str) -> str:
    """Return a peer's string without characters that a log line must not have, and not too long."""
    return "".join(char for char in text[:_MAX_ID] if char.isprintable() and char != " ")
