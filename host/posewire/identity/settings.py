"""Section ``[auth]`` of the configuration: how peers prove who they are."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from posewire.errors import ConfigError

TOKEN_VARIABLE = "POSEWIRE_TOKEN"  # noqa: S105 - the name of a variable, not a secret
STOCK_KEY_VARIABLE = "POSEWIRE_STOCK_KEY"
MIN_TOKEN = 16
"""Characters of the shared token where the network can reach the host."""

MIN_SECRET = 32
"""Bytes of an HS256 key (RFC 7518 section 3.2), and of a key that tokens are signed with."""

ALGORITHMS = ("HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "ES256", "ES384", "EdDSA")


@dataclass(frozen=True)
class JwtKey:
    """A key that signs JWTs: the shared secret (HS…) or the issuer's public key in PEM (all others)."""

    algorithm: str
    key: bytes = field(repr=False)


@dataclass(frozen=True)
class AuthSettings:
    """Who is let in. Nothing set: everybody on this machine, and the host listens on loopback only.

    ``token``: the shared token, with ``token_scopes``. ``pairing``: devices are paired by a code, people and programs
    get tokens issued. ``stock_key``: signs tokens as stock servers do. ``jwt_keys`` by key id: JWTs of ``jwt_issuer``
    for ``jwt_audience``.
    """

    token: str = field(default="", repr=False)
    token_scopes: frozenset[str] = frozenset({"*"})
    pairing: bool = False
    stock_key: bytes = field(default=b"", repr=False)
    jwt_issuer: str = ""
    jwt_audience: str = "posewire"
    jwt_keys: Mapping[str, JwtKey] = field(default_factory=dict)

    @property
    def required(self) -> bool:
        """Whether a peer has to prove who it is."""
        return bool(self.token or self.pairing or self.stock_key or self.jwt_keys)


def read_auth(values: Any, token: str | None = None) -> AuthSettings:
    """Read the section and the secrets that it names; ``token`` is the one of the command line.

    Raises:
        ConfigError: a setting is unknown or makes no sense, a secret cannot be read or is too short.
    """
    if not isinstance(values, Mapping):
        raise ConfigError("[auth] must be a section")
    known = {"token_file", "token_scopes", "pairing", "stock_key_file", "jwt_issuer", "jwt_audience", "jwt_keys"}
    for name in values:
        if name not in known:
            raise ConfigError(f"[auth] has no setting {name!r}; there are {', '.join(sorted(known))}")
    pairing = values.get("pairing", False)
    if not isinstance(pairing, bool):
        raise ConfigError(f"[auth] pairing must be true or false, is {pairing!r}")
    scopes = values.get("token_scopes", ["*"])
    if not isinstance(scopes, list) or not all(isinstance(scope, str) for scope in scopes):
        raise ConfigError("[auth] token_scopes must be a list of strings")
    stock_key = _secret(_text(values, "stock_key_file"), STOCK_KEY_VARIABLE, "[auth] stock_key_file")
    issuer = _text(values, "jwt_issuer")
    keys = _jwt_keys(values.get("jwt_keys", {}))
    if keys and not issuer:
        raise ConfigError("[auth] jwt_keys need jwt_issuer: whose tokens are these?")
    return AuthSettings(
        token=token or _secret(_text(values, "token_file"), TOKEN_VARIABLE, "[auth] token_file").decode(),
        token_scopes=frozenset(scopes),
        pairing=pairing,
        stock_key=stock_key,
        jwt_issuer=issuer,
        jwt_audience=_text(values, "jwt_audience", "posewire"),
        jwt_keys=keys,
    )


def _text(values: Mapping[str, Any], name: str, default: str = "") -> str:
    value = values.get(name, default)
    if not isinstance(value, str):
        raise ConfigError(f"[auth] {name} must be a string, is {value!r}")
    return value


def _secret(file: str, variable: str, name: str) -> bytes:
    """Read a secret from a file, or from the environment where no file is named."""
    if not file:
        return os.environ.get(variable, "").strip().encode() if variable else b""
    try:
        return Path(file).expanduser().read_bytes().strip()
    except OSError as error:
        raise ConfigError(f"{name} {file}: {error.strerror}") from None


def _jwt_keys(tables: Any) -> dict[str, JwtKey]:
    if not isinstance(tables, Mapping):
        raise ConfigError("[auth.jwt_keys] must hold a section for each key, by its key id")
    keys = {}
    for kid, table in tables.items():
        name = f"[auth.jwt_keys.{kid}]"
        if not isinstance(table, Mapping) or set(table) - {"algorithm", "file", "env"}:
            raise ConfigError(f"{name} has the settings algorithm, and file or env")
        algorithm = table.get("algorithm", "HS256")
        if algorithm not in ALGORITHMS:
            raise ConfigError(f"{name} algorithm must be one of {', '.join(ALGORITHMS)}, is {algorithm!r}")
        key = _secret(str(table.get("file", "")), str(table.get("env", "")), name)
        if not key:
            raise ConfigError(f"{name} names no key: set file, or env to a variable that holds it")
        if algorithm.startswith("HS") and len(key) < MIN_SECRET:
            raise ConfigError(f"{name} is {len(key)} bytes long; a secret has at least {MIN_SECRET}")
        keys[str(kid)] = JwtKey(algorithm, key)
    return keys
