"""JSON Web Tokens (RFC 7519) of people and programs, signed by an issuer that the configuration names."""

from collections.abc import Mapping
from typing import Any

import jwt

from posewire.errors import ConfigError, WireError
from posewire.identity.principal import Principal, read_scopes
from posewire.identity.settings import AuthSettings, JwtKey

_LEEWAY = 30
"""Seconds that clocks may differ."""

_REQUIRED = ["exp", "iss", "aud", "sub"]


class JwtVerifier:
    """Verifies signature, issuer, audience and times. Several keys, by key id, let an issuer change its key."""

    def __init__(self, settings: AuthSettings) -> None:
        """Prepare the keys.

        Raises:
            ConfigError: a key does not load.
        """
        self._issuer = settings.jwt_issuer
        self._audience = settings.jwt_audience
        self._keys = {kid: (key.algorithm, _load(kid, key)) for kid, key in settings.jwt_keys.items()}
        self.bases = {kid: (self._issuer, self._audience, key) for kid, key in settings.jwt_keys.items()}
        """The basis of each key's tokens, by key id: they stop being valid when the issuer or the key changes."""

    def principal(self, token: str) -> Principal:
        """Return the token's subject with the scopes of its ``scope`` claim.

        Raises:
            WireError: ``unauthorized``; the message names the fault of the token.
        """
        try:
            kid = jwt.get_unverified_header(token).get("kid")
            if kid is None and len(self._keys) == 1:
                kid = next(iter(self._keys))
            if not isinstance(kid, str) or kid not in self._keys:
                raise WireError("the token is signed with a key that this host does not know", "unauthorized")
            algorithm, key = self._keys[kid]
            claims = jwt.decode(
                token,
                key,
                # One algorithm a key: a public key must never be taken for a shared secret (RFC 8725 section 3.1).
                algorithms=[algorithm],
                issuer=self._issuer,
                audience=self._audience,
                leeway=_LEEWAY,
                options={"require": _REQUIRED},
            )
        except jwt.InvalidTokenError as error:
            raise WireError(f"the token is not valid: {error}", "unauthorized") from None
        return _principal(claims, self.bases[kid])


def _principal(claims: Mapping[str, Any], basis: object) -> Principal:
    scope = claims.get("scope", "")
    if not isinstance(scope, (str, list)):
        raise WireError('the token is not valid: "scope" must be a string or a list', "unauthorized")
    return Principal(
        "program" if claims.get("kind") == "program" else "person",
        str(claims["sub"])[:64],
        read_scopes(scope if isinstance(scope, str) else [str(entry) for entry in scope]),
        device_id=str(claims.get("device", "")).lower(),
        token_id=f"jwt {claims.get('jti', '')}",
        expires=float(claims["exp"]) + _LEEWAY,
        basis=basis,
    )


def _load(kid: str, key: JwtKey) -> Any:
    try:
        return jwt.get_algorithm_by_name(key.algorithm).prepare_key(key.key)
    except NotImplementedError:
        raise ConfigError(f"JWTs with {key.algorithm} need the extra posewire[jwt]") from None
    except (jwt.InvalidKeyError, ValueError, TypeError) as error:
        raise ConfigError(f"[auth.jwt_keys.{kid}] does not hold a key for {key.algorithm}: {error}") from None
