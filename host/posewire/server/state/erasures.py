"""Orders to forget what a running host has in memory about people: other processes leave them in the store."""

import logging
import sqlite3
from collections.abc import Callable

from posewire.errors import StoreError
from posewire.store import Domain, Store

TABLES = Domain("erasures", ("CREATE TABLE erasures (device TEXT PRIMARY KEY);",))

EVERYTHING = ""
"""In place of a device's id: of all devices."""


def order_erasure(connection: sqlite3.Connection, device: str) -> None:
    """Order the host that has this store, now or when it starts, to forget a device's last turns, or ``EVERYTHING``."""
    connection.execute("INSERT OR IGNORE INTO erasures VALUES (?)", (device,))


class Erasures:
    """Carries the orders out. ``forget`` gets a device's id; ``forget_all`` is for everything."""

    def __init__(self, store: Store, forget: Callable[[str], None], forget_all: Callable[[], None]) -> None:
        self._store = store
        self._forget = forget
        self._forget_all = forget_all

    async def carry_out(self) -> None:
        """Look for orders; where the store cannot be read, they are looked for again the next time."""
        try:
            devices = await self._store.run(_take)
        except StoreError as error:
            logging.getLogger(__name__).warning("cannot look for erasures: %s", error)
            return
        for device in devices:
            if device == EVERYTHING:
                self._forget_all()
            else:
                self._forget(device)


def _take(connection: sqlite3.Connection) -> list[str]:
    devices = [str(device) for (device,) in connection.execute("SELECT device FROM erasures")]
    if devices:
        connection.execute("DELETE FROM erasures")
    return devices
