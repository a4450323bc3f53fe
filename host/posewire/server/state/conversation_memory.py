"""Summaries of conversations in the store, where ``[voice.chat] memory`` is on."""

import sqlite3
import time

from posewire.store import Domain, Store

TABLES = Domain(
    "memories", ("CREATE TABLE memories (device TEXT PRIMARY KEY, summary TEXT NOT NULL, updated REAL NOT NULL);",)
)


class StoredMemory:
    """The ``Memory`` of a host."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def recall(self, device: str) -> str:
        """Return a device's summary; empty when there is none.

        Raises:
            StoreError: the store failed.
        """

        def work(connection: sqlite3.Connection) -> str:
            row = connection.execute("SELECT summary FROM memories WHERE device = ?", (device,)).fetchone()
            return str(row[0]) if row is not None else ""

        return await self._store.run(work)

    async def keep(self, device: str, summary: str) -> None:
        """Keep a summary in place of the older one.

        Raises:
            StoreError: the store failed.
        """
        values = device, summary, time.time()
        await self._store.run(
            lambda connection: connection.execute("INSERT OR REPLACE INTO memories VALUES (?, ?, ?)", values)
        )
