"""Section ``[auth]`` of the configuration: how peers prove who they are."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from posewire.config import read_key, read_secret, read_table
from posewire.errors import ConfigError

TOKEN_VARIABLE = "POSEWIRE_TOKEN"  # noqa: S105 - the name of a variable, not a secret
STOCK_KEY_VARIABLE = "POSEWIRE_STOCK_KEY"
MIN_TOKEN = 16
"""Characters of the shared token where the network can reach the host."""

MIN_SECRET = 32
"""Bytes of an HS256 key (RFC 7518 section 3.2), and of a key that tokens are signed with."""

Algorithm = Literal["HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "ES256", "ES384", "EdDSA"]
_ORIGIN = re.compile(r"https?://[^/?#@\s]+")
ALGORITHMS: tuple[Algorithm, ...] = get_args(Algorithm)


@dataclass(frozen=True)
class JwtKey:
    """A key that signs JWTs: the shared secret (HS…) or the issuer's public key in PEM (all others)."""

    algorithm: str
    key: bytes = field(repr=False)


@dataclass(frozen=True)
class AuthSettings:
    """The ways to be let in. None of them: everybody on this machine, and the host listens on loopback only.

    ``token``: the shared token, with ``token_scopes``. ``pairing``: devices are paired by a code, people and programs
    get tokens issued. ``stock_key``: signs tokens as stock servers do. ``jwt_keys`` by key id: JWTs of ``jwt_issuer``
    for ``jwt_audience``. ``allowed_origins``: pages of other servers that may use a host without authentication.
    """

    token: str = field(default="", repr=False)
    token_scopes: frozenset[str] = frozenset({"*"})
    pairing: bool = False
    stock_key: bytes = field(default=b"", repr=False)
    jwt_issuer: str = ""
    jwt_audience: str = "posewire"
    jwt_keys: Mapping[str, JwtKey] = field(default_factory=dict)
    allowed_origins: frozenset[str] = frozenset()

    @property
    def required(self) -> bool:
        """Whether a peer has to prove who it is."""
        return bool(self.token or self.pairing or self.stock_key or self.jwt_keys)


@dataclass(frozen=True)
class _JwtKeyTable:
    """A table ``[auth.jwt_keys.<kid>]``: ``file``, or the environment variable ``env``, holds the key."""

    algorithm: Algorithm = "HS256"
    file: str = ""
    env: str = ""


@dataclass(frozen=True)
class _AuthTable:
    """Table ``[auth]`` as it is written: it names the secrets that ``AuthSettings`` holds."""

    token_file: str = ""
    token_scopes: frozenset[str] = frozenset({"*"})
    pairing: bool = False
    stock_key_file: str = ""
    jwt_issuer: str = ""
    jwt_audience: str = "posewire"
    jwt_keys: Mapping[str, _JwtKeyTable] = field(default_factory=dict)
    allowed_origins: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        for origin in self.allowed_origins:
            if not _ORIGIN.fullmatch(origin):
                raise ConfigError(f'allowed_origins must hold origins such as "http://localhost:5173", not {origin!r}')
        if self.jwt_keys and not self.jwt_issuer:
            raise ConfigError("jwt_keys needs jwt_issuer, whose tokens the keys verify")


def read_auth(table: Any, token: str | None = None) -> AuthSettings:
    """Read the table ``[auth]`` and the secrets that it names; ``token`` is the one of the command line.

    Raises:
        ConfigError: a setting is unknown or wrong, a secret cannot be read or is too short.
    """
    written = read_table(_AuthTable, table, "auth")
    return AuthSettings(
        token=token or read_secret("[auth] token_file", written.token_file, TOKEN_VARIABLE),
        token_scopes=written.token_scopes,
        pairing=written.pairing,
        stock_key=read_key("[auth] stock_key_file", written.stock_key_file, STOCK_KEY_VARIABLE),
        jwt_issuer=written.jwt_issuer,
        jwt_audience=written.jwt_audience,
        jwt_keys={kid: _jwt_key(kid, written_key) for kid, written_key in written.jwt_keys.items()},
        allowed_origins=written.allowed_origins,
    )


def _jwt_key(kid: str, written: _JwtKeyTable) -> JwtKey:
    name = f"[auth.jwt_keys.{kid}]"
    key = read_key(name, written.file, written.env)
    if not key:
        raise ConfigError(f"{name} names no key: set file, or env to a variable that holds the key")
    if written.algorithm.startswith("HS") and len(key) < MIN_SECRET:
        raise ConfigError(f"{name} holds {len(key)} bytes; a secret must have at least {MIN_SECRET}")
    return JwtKey(written.algorithm, key)
