"""The identities: paired devices, issued tokens and waiting pairing codes, in the store and as a copy in memory.

The command line changes the same file while the host runs; the host notices and reads its copy again.
"""

import hashlib
import hmac
import logging
import secrets
import sqlite3
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from posewire.address_group import address_group, limited_group
from posewire.errors import StoreError, WireError
from posewire.identity.audit import write_entry
from posewire.identity.principal import DEVICE_SCOPES, Principal, PrincipalKind, read_scopes
from posewire.identity.stock_token import make_stock_token, verify_stock_token
from posewire.printable import printable
from posewire.store import Store
from posewire.store.rows import readable

PREFIX = "pw_"
CODE_LIFETIME = 600.0
"""Seconds for which a pairing code is valid."""

MAX_CODES = 500
"""Largest number of waiting codes."""

MAX_CODES_OF_ADDRESS = 125
"""Largest number of waiting codes of one address, behind which there may be a whole class of devices."""

_KEY = "device-tokens"


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


class Identities:
    """Answers questions from the copy in memory; changes go to the store first."""

    def __init__(self, store: Store) -> None:
        """Read everything. Blocks."""
        self.devices: dict[str, Device] = {}
        self.tokens: dict[str, IssuedToken] = {}
        self._names: dict[str, str] = {}
        self.on_revoked: Callable[[Principal], None] | None = None
        """Called for each device and token that is revoked or has expired."""
        self._store = store
        self._key = store.run_now(_own_key)
        self._seen = store.run_now(_data_version)
        self._waiting: dict[tuple[str, str], Pairing] = {}
        self._keep_waiting(store.run_now(read_pairings))
        self._hold(store.run_now(_read_all))
        self._good = self._good_now()

    # --- who is it

    def of_issued_token(self, token: str) -> Principal | None:
        """Return the principal that a token was issued to; None when it is unknown, expired or revoked."""
        token_id, _, secret = token.removeprefix(PREFIX).partition("_")
        found = self.tokens.get(token_id)
        # Compared even when there is no such token, so that it takes as long.
        genuine = hmac.compare_digest(_hash(secret), found.hash if found is not None else bytes(32))
        return _token_principal(found) if found is not None and genuine and found.alive else None

    def of_device_token(self, token: str, device_id: str, client_id: str) -> Principal | None:
        """Return the paired device that this host made a token for; None when there is none, or it is revoked."""
        device = self.devices.get(device_id)
        if device is None or device.revoked is not None or device.client_id != client_id:
            return None
        # No age is too old: stock firmware asks for a token only when it starts, and may run for months. Nor is one
        # from the future refused: the key is this host's own, whose clock may be behind until it has found a server.
        key = self._device_key(device.generation)
        made = verify_stock_token(key, token, device_id, client_id, valid_for=None)
        if made is None:
            return None
        # A device that was revoked and paired again must not come in with what it had before: the key tells.
        return _device_principal(device) if device.generation or made >= int(device.paired) else None

    def is_pending_token(self, token: str, device_id: str, client_id: str) -> bool:
        """Whether a token is good as soon as somebody confirms the pairing code of its device."""
        waiting = self._waiting.get((device_id, client_id))
        if waiting is None or waiting.expires <= time.time():
            return False
        key = self._device_key(waiting.challenge)
        return verify_stock_token(key, token, device_id, client_id, valid_for=None) is not None

    def device_token(self, device_id: str, client_id: str) -> str | None:
        """Return a fresh token for a paired device; None when it is not paired, or has another client id."""
        device = self.devices.get(device_id)
        if device is None or device.revoked is not None or device.client_id != client_id:
            return None
        return make_stock_token(self._device_key(device.generation), device_id, client_id)

    def pending_token(self, pairing: Pairing) -> str:
        """Return a token for a device that waits: good for it alone, and only once its code is confirmed."""
        return make_stock_token(self._device_key(pairing.challenge), pairing.device_id, pairing.client_id)

    def reserves(self, device_id: str) -> bool:
        """Whether a device id belongs to somebody: it was paired, or a live token was issued for it."""
        return device_id in self.devices or any(
            token.device_id == device_id and token.alive for token in self.tokens.values()
        )

    def known(self) -> list[str]:
        """Return the ids of the devices that were paired or have a live token."""
        with_token = (token.device_id for token in self.tokens.values() if token.device_id and token.alive)
        return list(dict.fromkeys([*self.devices, *with_token]))

    def name_of(self, device_id: str) -> str:
        """Return the name that somebody here gave a device: later, at its pairing, or with its token; else nothing."""
        if device_id in self._names:
            return self._names[device_id]
        device = self.devices.get(device_id)
        if device is not None:
            return device.name
        names = (token.name for token in self.tokens.values() if token.device_id == device_id and token.alive)
        return next(names, "")

    # --- changes

    async def want_pairing(self, device_id: str, client_id: str, board: str, peer: str) -> Pairing:
        """Return the pairing code for a device to show, the same one until it expires.

        Raises:
            WireError: ``too_many``: too many codes wait.
        """
        pairing = await self._store.run(lambda c: _want_pairing(c, device_id, client_id, board, peer))
        self._keep_waiting([*self._waiting.values(), pairing])
        return pairing

    async def pairing_state(self, device_id: str, client_id: str) -> str:
        """Return ``paired``, ``waiting`` or ``unknown``."""
        waiting = await self._store.run(
            lambda c: c.execute(
                "SELECT 1 FROM pairings WHERE device_id = ? AND client_id = ? AND expires > ?",
                (device_id, client_id, time.time()),
            ).fetchone()
        )
        await self.refresh()
        if self.device_token(device_id, client_id) is not None:
            return "paired"
        return "waiting" if waiting else "unknown"

    async def pair(self, code: str, name: str = "", scopes: Iterable[str] = (), who: str = "") -> Device:
        """Confirm a code. Raises WireError (``not_found``) when no such code waits."""
        device = await self._store.run(lambda c: pair(c, code, name, scopes, who))
        await self.refresh(force=True)
        return device

    async def revoke_device(self, device_id: str, who: str = "") -> None:
        """Revoke a device's access. Raises WireError (``not_found``) when it is not paired."""
        await self._store.run(lambda c: revoke_device(c, device_id, who))
        await self.refresh(force=True)

    async def rename(self, device_id: str, name: str, who: str = "") -> None:
        """Give a device a name, in place of the one that it has; an empty one takes it away."""
        await self._store.run(lambda c: rename_device(c, device_id, name, who))
        await self.refresh(force=True)

    async def issue(self, name: str, kind: PrincipalKind, scopes: Iterable[str], days: float, who: str = "") -> str:
        """Issue a token that expires; return it."""
        token = await self._store.run(lambda c: issue_token(c, name, kind, scopes, days=days, who=who))
        await self.refresh(force=True)
        return token

    async def refresh(self, force: bool = False) -> None:
        """Read the copy again where the store has changed, and report revoked and expired principals."""
        version = await self._store.run(_data_version)
        if version != self._seen or force:
            self._seen = version
            self._hold(await self._store.run(_read_all))
        good = self._good_now()
        for key in self._good.keys() - good.keys():
            # Taken out one by one: where telling of one fails, the others are told of the next time.
            lost = self._good.pop(key)
            if self.on_revoked is not None:
                self.on_revoked(lost)
        self._good = good

    async def refresh_quietly(self) -> None:
        """Refresh; where the store cannot be read, the copy in memory stays in force."""
        try:
            await self.refresh()
        except StoreError as error:
            # A full or busy disk may be better the next time.
            logging.getLogger(__name__).warning("cannot look for revocations: %s", error)

    def _device_key(self, generation: str) -> bytes:
        return hmac.digest(self._key, generation.encode(), hashlib.sha256) if generation else self._key

    def _keep_waiting(self, pairings: Iterable[Pairing]) -> None:
        now = time.time()
        self._waiting = {(each.device_id, each.client_id): each for each in pairings if each.expires > now}

    def _good_now(self) -> dict[tuple[str, str], Principal]:
        devices = [_device_principal(device) for device in self.devices.values() if device.revoked is None]
        tokens = [_token_principal(token) for token in self.tokens.values() if token.alive]
        return {(principal.token_id, principal.device_id): principal for principal in (*devices, *tokens)}

    def _hold(self, rows: tuple[list[Device], list[IssuedToken], dict[str, str]]) -> None:
        devices, tokens, self._names = rows
        self.devices = {device.device_id: device for device in devices}
        self.tokens = {token.id: token for token in tokens}


# --- work of the store, for the host and for the command line


def find_device(connection: sqlite3.Connection, name: str) -> str:
    """Return the id of the device with this id or, in any case, this name; of a name that no device has, the name.

    Raises:
        WireError: ``ambiguous``: several devices have the name.
    """
    wanted = name.lower()
    devices = read_devices(connection)
    named = {device.device_id for device in devices if device.name.casefold() == name.casefold()}
    named |= {
        token.device_id
        for token in read_tokens(connection)
        if token.device_id and token.alive and token.name.casefold() == name.casefold()
    }
    if any(device.device_id == wanted for device in devices) or not named:
        return wanted
    if len(named) > 1:
        raise WireError(f"several devices are called {name}: use an id ({', '.join(sorted(named))})", "ambiguous")
    return named.pop()


def pair(connection: sqlite3.Connection, code: str, name: str, scopes: Iterable[str], who: str) -> Device:
    """Confirm a pairing code.

    Raises:
        WireError: ``not_found``.
    """
    digits = "".join(char for char in code if char.isdigit())
    row = connection.execute(
        "SELECT device_id, client_id, board, challenge FROM pairings WHERE code = ? AND expires > ?",
        (digits, time.time()),
    ).fetchone()
    if row is None:
        raise WireError(
            f"no device waits with the code {code[:12]}: it may have expired; the device shows a new one", "not_found"
        )
    connection.execute("DELETE FROM pairings WHERE code = ?", (digits,))
    device_id, client_id, board, challenge = row
    granted = " ".join(sorted(frozenset(scopes) or DEVICE_SCOPES))
    called = printable(name or board)
    connection.execute(
        "INSERT OR REPLACE INTO devices VALUES (?, ?, ?, ?, ?, NULL, ?)",
        (device_id, client_id, called, granted, time.time(), challenge),
    )
    write_entry(connection, "paired", who, device=device_id, scopes=granted)
    return next(device for device in read_devices(connection) if device.device_id == device_id)


def revoke_device(connection: sqlite3.Connection, device_id: str, who: str) -> None:
    """Revoke the access of a device, and all tokens that were issued for it.

    Raises:
        WireError: ``not_found``.
    """
    now = time.time()
    changed = connection.execute(
        "UPDATE devices SET revoked = ? WHERE device_id = ? AND revoked IS NULL", (now, device_id)
    ).rowcount
    changed += connection.execute(
        "UPDATE tokens SET revoked = ? WHERE device_id = ? AND revoked IS NULL", (now, device_id)
    ).rowcount
    if not changed:
        raise WireError(f"{device_id} is not paired", "not_found")
    write_entry(connection, "revoked", who, device=device_id)


def rename_device(connection: sqlite3.Connection, device_id: str, name: str, who: str) -> None:
    """Give a device a name of its own; an empty one takes that away: then it has the one of its pairing or token."""
    if name:
        connection.execute("INSERT OR REPLACE INTO names VALUES (?, ?)", (device_id, name))
    else:
        connection.execute("DELETE FROM names WHERE device_id = ?", (device_id,))
    write_entry(connection, "renamed", who, device=device_id, name=name)


def issue_token(
    connection: sqlite3.Connection,
    name: str,
    kind: PrincipalKind,
    scopes: Iterable[str],
    *,
    device_id: str = "",
    days: float | None = None,
    who: str = "",
) -> str:
    """Make a token and return it; it cannot be shown again."""
    token_id, secret = secrets.token_hex(6), secrets.token_urlsafe(32)
    granted = " ".join(sorted(scopes))
    now = time.time()
    connection.execute(
        "INSERT INTO tokens VALUES (?, ?, ?, ?, ?, ?, ?, ?, NULL)",
        (token_id, _hash(secret), kind, name, device_id, granted, now, now + days * 86400 if days else None),
    )
    write_entry(connection, "issued", who, device=device_id, token=token_id, name=name, scopes=granted)
    return f"{PREFIX}{token_id}_{secret}"


def revoke_token(connection: sqlite3.Connection, token_id: str, who: str) -> None:
    """Revoke a token.

    Raises:
        WireError: ``not_found``.
    """
    changed = connection.execute(
        "UPDATE tokens SET revoked = ? WHERE id = ? AND revoked IS NULL", (time.time(), token_id)
    ).rowcount
    if not changed:
        raise WireError(f"there is no valid token {token_id[:20]}", "not_found")
    write_entry(connection, "revoked", who, token=token_id)


def read_devices(connection: sqlite3.Connection) -> list[Device]:
    """Return all devices, also revoked ones."""
    rows = connection.execute(
        "SELECT device_id, client_id, name, scopes, paired, revoked, generation FROM devices ORDER BY paired"
    )
    return readable(rows, _device, "paired device")


def read_tokens(connection: sqlite3.Connection) -> list[IssuedToken]:
    """Return all tokens, also expired and revoked ones."""
    rows = connection.execute(
        "SELECT id, hash, kind, name, device_id, scopes, issued, expires, revoked FROM tokens ORDER BY issued"
    )
    return readable(rows, _token, "issued token")


def read_pairings(connection: sqlite3.Connection) -> list[Pairing]:
    """Return the waiting pairing codes."""
    rows = connection.execute("SELECT * FROM pairings WHERE expires > ? ORDER BY expires", (time.time(),))
    return [Pairing(*row) for row in rows]


def _want_pairing(connection: sqlite3.Connection, device_id: str, client_id: str, board: str, peer: str) -> Pairing:
    now = time.time()
    connection.execute("DELETE FROM pairings WHERE expires <= ?", (now,))
    for known in read_pairings(connection):
        if (known.device_id, known.client_id) == (device_id, client_id):
            return known
    waiting = connection.execute("SELECT code, peer FROM pairings").fetchall()
    taken = {row[0] for row in waiting}
    if len(taken) >= MAX_CODES:
        raise WireError(f"{MAX_CODES} pairing codes are waiting already: try again later", "too_many")
    group = limited_group(peer)
    if group and sum(address_group(row[1]) == group for row in waiting) >= MAX_CODES_OF_ADDRESS:
        raise WireError(f"{MAX_CODES_OF_ADDRESS} pairing codes of this address are waiting already", "too_many")
    code = next(code for code in iter(lambda: f"{secrets.randbelow(10**6):06}", None) if code not in taken)
    board = printable(board)
    pairing = Pairing(code, device_id, client_id, secrets.token_hex(16), board, peer, now + CODE_LIFETIME)
    connection.execute(
        "INSERT INTO pairings VALUES (?, ?, ?, ?, ?, ?, ?)",
        (code, device_id, client_id, pairing.challenge, board, peer, pairing.expires),
    )
    # Nobody has proven anything yet: what the board calls itself is no name to stand where others have theirs.
    write_entry(connection, "pairing wanted", "", device=device_id, peer=peer, board=board)
    return pairing


def _device(
    device_id: str, client_id: str, name: str, scopes: str, paired: float, revoked: float | None, generation: str
) -> Device:
    until = None if revoked is None else float(revoked)
    return Device(device_id, client_id, name, read_scopes(scopes), float(paired), until, str(generation))


def _token(
    token_id: str,
    digest: bytes,
    kind: PrincipalKind,
    name: str,
    device_id: str,
    scopes: str,
    issued: float,
    expires: float | None,
    revoked: float | None,
) -> IssuedToken:
    ends = [None if value is None else float(value) for value in (expires, revoked)]
    return IssuedToken(token_id, bytes(digest), kind, name, device_id, read_scopes(scopes), float(issued), *ends)


def _device_principal(device: Device) -> Principal:
    return Principal("device", device.name or device.device_id, device.scopes, device.device_id)


def _token_principal(token: IssuedToken) -> Principal:
    return Principal(token.kind, token.name, token.scopes, token.device_id, token.id)


def _hash(secret: str) -> bytes:
    # The secret has 256 random bits: nothing is gained by a slow hash.
    return hashlib.sha256(secret.encode()).digest()


def _own_key(connection: sqlite3.Connection) -> bytes:
    row = connection.execute("SELECT value FROM secrets WHERE name = ?", (_KEY,)).fetchone()
    key: bytes = row[0] if row is not None else secrets.token_bytes(32)
    if row is None:
        connection.execute("INSERT INTO secrets VALUES (?, ?)", (_KEY, key))
    return key


def _data_version(connection: sqlite3.Connection) -> Any:
    return connection.execute("PRAGMA data_version").fetchone()[0]


def _read_all(connection: sqlite3.Connection) -> tuple[list[Device], list[IssuedToken], dict[str, str]]:
    names = dict(connection.execute("SELECT device_id, name FROM names").fetchall())
    return read_devices(connection), read_tokens(connection), names
