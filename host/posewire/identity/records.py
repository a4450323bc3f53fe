"""What is kept of an identity: a paired device, an issued token, a waiting pairing code; and whom each lets in."""

import hashlib
import time
from dataclasses import dataclass

from posewire.identity.principal import Principal, PrincipalKind


@dataclass(frozen=True)
class Device:
    """A paired device, recognised by the client id of its pairing. Times in unix seconds."""

    device_id: str
    client_id: str
    name: str
    scopes: frozenset[str]
    paired: float
    revoked: float | None
    generation: str = ""
    """A random value of this pairing, on which the key of its tokens depends; empty for an old pairing without one."""


@dataclass(frozen=True)
class IssuedToken:
    """An issued token, of which only a hash is kept. Times in unix seconds."""

    id: str
    hash: bytes
    kind: PrincipalKind
    name: str
    device_id: str
    scopes: frozenset[str]
    issued: float
    expires: float | None
    revoked: float | None

    @property
    def alive(self) -> bool:
        """Whether the token is neither revoked nor expired."""
        return self.revoked is None and (self.expires is None or time.time() < self.expires)


@dataclass(frozen=True)
class Pairing:
    """A pairing code that waits for somebody to confirm it."""

    code: str
    device_id: str
    client_id: str
    challenge: str
    board: str
    peer: str
    expires: float


def device_principal(device: Device) -> Principal:
    """Return whom a paired device is let in as."""
    return Principal("device", device.name or device.device_id, device.scopes, device.device_id)


def token_principal(token: IssuedToken) -> Principal:
    """Return whom a token lets in."""
    return Principal(token.kind, token.name, token.scopes, token.device_id, token.id)


def hash_secret(secret: str) -> bytes:
    """Return the only thing that is kept of a token's secret."""
    # The secret has 256 random bits: nothing is gained by a slow hash.
    return hashlib.sha256(secret.encode()).digest()
