"""Work of the store on identities, for the host and for the command line: each function runs in one transaction."""

import math
import secrets
import sqlite3
import time
from collections.abc import Iterable

from posewire.address_group import address_group, limited_group
from posewire.errors import WireError
from posewire.identity.audit import write_entry
from posewire.identity.principal import DEVICE_SCOPES, PrincipalKind, read_scopes
from posewire.identity.records import Device, IssuedToken, Pairing, hash_secret
from posewire.printable import printable
from posewire.store.rows import readable

PREFIX = "pw_"
CODE_LIFETIME = 600.0
"""Seconds for which a pairing code is valid."""

REFUSED_SECONDS = 600.0
"""Seconds for which a device that was refused gets no new code."""

MAX_CODES = 500
"""Largest number of waiting codes."""

MAX_CODES_OF_ADDRESS = 125
"""Largest number of waiting codes of one address, behind which there may be a whole class of devices."""

_KEY = "device-tokens"


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
    device_id, client_id, board, challenge = _take_waiting(connection, code)
    granted = " ".join(sorted(frozenset(scopes) or DEVICE_SCOPES))
    called = printable(name or board)
    connection.execute(
        "INSERT OR REPLACE INTO devices VALUES (?, ?, ?, ?, ?, NULL, ?)",
        (device_id, client_id, called, granted, time.time(), challenge),
    )
    write_entry(connection, "paired", who, device=device_id, scopes=granted)
    return next(device for device in read_devices(connection) if device.device_id == device_id)


def refuse(connection: sqlite3.Connection, code: str, who: str) -> str:
    """Refuse the device that waits with a code, for ``REFUSED_SECONDS``; return its id.

    Raises:
        WireError: ``not_found``.
    """
    device_id, client_id, _, _ = _take_waiting(connection, code)
    until = time.time() + REFUSED_SECONDS
    connection.execute("INSERT OR REPLACE INTO refusals VALUES (?, ?, ?)", (device_id, client_id, until))
    write_entry(connection, "pairing refused", who, device=device_id)
    return device_id


def refused_seconds(connection: sqlite3.Connection, device_id: str, client_id: str) -> float:
    """Return for how many seconds a device is refused from now on; 0: it is not."""
    now = time.time()
    row = connection.execute(
        "SELECT until FROM refusals WHERE device_id = ? AND client_id = ? AND until > ?", (device_id, client_id, now)
    ).fetchone()
    return float(row[0]) - now if row is not None else 0.0


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
        (token_id, hash_secret(secret), kind, name, device_id, granted, now, now + days * 86400 if days else None),
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


def want_pairing(connection: sqlite3.Connection, device_id: str, client_id: str, board: str, peer: str) -> Pairing:
    """Return the pairing code of a device: the one that waits, else a new one.

    Raises:
        WireError: ``refused``: somebody has refused this device; ``too_many``: too many codes wait, in all or of the
            address ``peer``.
    """
    now = time.time()
    connection.execute("DELETE FROM pairings WHERE expires <= ?", (now,))
    connection.execute("DELETE FROM refusals WHERE until <= ?", (now,))
    if left := refused_seconds(connection, device_id, client_id):
        minutes = math.ceil(left / 60)
        raise WireError(f"this host has refused to pair the device: ask again in {minutes} minutes", "refused")
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


def _take_waiting(connection: sqlite3.Connection, code: str) -> tuple[str, str, str, str]:
    """Take a code away; return the device id, client id, board and challenge of the device that waited with it."""
    digits = "".join(char for char in code if char.isdigit())
    row: tuple[str, str, str, str] | None = connection.execute(
        "DELETE FROM pairings WHERE code = ? AND expires > ? RETURNING device_id, client_id, board, challenge",
        (digits, time.time()),
    ).fetchone()
    if row is None:
        raise WireError(
            f"no device waits with the code {code[:12]}: it may have expired; the device shows a new one", "not_found"
        )
    return row


def own_key(connection: sqlite3.Connection) -> bytes:
    """Return the key that this host signs the tokens of devices with; made the first time."""
    row = connection.execute("SELECT value FROM secrets WHERE name = ?", (_KEY,)).fetchone()
    key: bytes = row[0] if row is not None else secrets.token_bytes(32)
    if row is None:
        connection.execute("INSERT INTO secrets VALUES (?, ?)", (_KEY, key))
    return key


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
