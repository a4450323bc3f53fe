"""The identities: paired devices, issued tokens and waiting pairing codes, in the store and as a copy in memory.

The command line changes the same file while the host runs; the host notices and reads its copy again.
"""

import hashlib
import hmac
import logging
import sqlite3
import time
from collections.abc import Callable, Iterable
from typing import Any

from posewire.errors import StoreError
from posewire.identity import stored
from posewire.identity.principal import Principal, PrincipalKind
from posewire.identity.records import Device, IssuedToken, Pairing, device_principal, hash_secret, token_principal
from posewire.identity.stock_token import make_stock_token, verify_stock_token
from posewire.store import Store


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
        self._key = store.run_now(stored.own_key)
        self._seen = store.run_now(_data_version)
        self._waiting: dict[tuple[str, str], Pairing] = {}
        self._keep_waiting(store.run_now(stored.read_pairings))
        self._hold(store.run_now(_read_all))
        self._good = self._good_now()

    # --- who is it

    def of_issued_token(self, token: str) -> Principal | None:
        """Return the principal that a token was issued to; None when it is unknown, expired or revoked."""
        token_id, _, secret = token.removeprefix(stored.PREFIX).partition("_")
        found = self.tokens.get(token_id)
        # Compared even when there is no such token, so that it takes as long.
        genuine = hmac.compare_digest(hash_secret(secret), found.hash if found is not None else bytes(32))
        return token_principal(found) if found is not None and genuine and found.alive else None

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
        return device_principal(device) if device.generation or made >= int(device.paired) else None

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
            WireError: ``refused``: somebody has refused this device; ``too_many``: too many codes wait.
        """
        pairing = await self._store.run(lambda c: stored.want_pairing(c, device_id, client_id, board, peer))
        self._keep_waiting([*self._waiting.values(), pairing])
        return pairing

    async def pairing_state(self, device_id: str, client_id: str) -> str:
        """Return ``paired``, ``waiting``, ``refused`` or ``unknown``."""
        waiting = await self._store.run(
            lambda c: c.execute(
                "SELECT 1 FROM pairings WHERE device_id = ? AND client_id = ? AND expires > ?",
                (device_id, client_id, time.time()),
            ).fetchone()
        )
        refused = await self._store.run(lambda c: stored.refused_seconds(c, device_id, client_id))
        await self.refresh()
        if self.device_token(device_id, client_id) is not None:
            return "paired"
        return "waiting" if waiting else "refused" if refused else "unknown"

    async def pair(self, code: str, name: str = "", scopes: Iterable[str] = (), who: str = "") -> Device:
        """Confirm a code. Raises WireError (``not_found``) when no such code waits."""
        device = await self._store.run(lambda c: stored.pair(c, code, name, scopes, who))
        await self.refresh(force=True)
        return device

    async def refuse(self, code: str, who: str = "") -> str:
        """Refuse the device that waits with a code; return its id. Raises WireError (``not_found``)."""
        device_id = await self._store.run(lambda c: stored.refuse(c, code, who))
        await self.refresh(force=True)
        return device_id

    async def revoke_device(self, device_id: str, who: str = "") -> None:
        """Revoke a device's access. Raises WireError (``not_found``) when it is not paired."""
        await self._store.run(lambda c: stored.revoke_device(c, device_id, who))
        await self.refresh(force=True)

    async def rename(self, device_id: str, name: str, who: str = "") -> None:
        """Give a device a name, in place of the one that it has; an empty one takes it away."""
        await self._store.run(lambda c: stored.rename_device(c, device_id, name, who))
        await self.refresh(force=True)

    async def issue(self, name: str, kind: PrincipalKind, scopes: Iterable[str], days: float, who: str = "") -> str:
        """Issue a token that expires; return it."""
        token = await self._store.run(lambda c: stored.issue_token(c, name, kind, scopes, days=days, who=who))
        await self.refresh(force=True)
        return token

    async def revoke_token(self, token: str, who: str = "") -> None:
        """Revoke a token that ``issue`` has returned. Raises WireError (``not_found``) when it is no good any more."""
        token_id, _, _ = token.removeprefix(stored.PREFIX).partition("_")
        await self._store.run(lambda c: stored.revoke_token(c, token_id, who))
        await self.refresh(force=True)

    async def refresh(self, force: bool = False) -> None:
        """Read the copy again where the store has changed, and report revoked and expired principals."""
        version = await self._store.run(_data_version)
        if version != self._seen or force:
            self._seen = version
            self._keep_waiting(await self._store.run(stored.read_pairings))
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
        devices = [device_principal(device) for device in self.devices.values() if device.revoked is None]
        tokens = [token_principal(token) for token in self.tokens.values() if token.alive]
        return {(principal.token_id, principal.device_id): principal for principal in (*devices, *tokens)}

    def _hold(self, rows: tuple[list[Device], list[IssuedToken], dict[str, str]]) -> None:
        devices, tokens, self._names = rows
        self.devices = {device.device_id: device for device in devices}
        self.tokens = {token.id: token for token in tokens}


def _data_version(connection: sqlite3.Connection) -> Any:
    return connection.execute("PRAGMA data_version").fetchone()[0]


def _read_all(connection: sqlite3.Connection) -> tuple[list[Device], list[IssuedToken], dict[str, str]]:
    names = dict(connection.execute("SELECT device_id, name FROM names").fetchall())
    return stored.read_devices(connection), stored.read_tokens(connection), names
