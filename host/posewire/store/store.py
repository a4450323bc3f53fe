"""One SQLite database, one thread that writes it.

Work is a function that gets the connection and runs in that thread, inside one transaction: it happens whole or not at
all, also when the process is killed in the middle (write-ahead log; each commit reaches the disk). Other processes may
have the file open at the same time, the command line for one.
"""

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from posewire.errors import StoreError

_T = TypeVar("_T")

Work = Callable[[sqlite3.Connection], _T]

MEMORY = ":memory:"
"""Path of a store in memory, which ends with the process."""

MAX_WAITING = 2000
"""Largest number of waiting pieces of work. More are refused: the disk is too slow for them."""

_BUSY_MS = 10_000


@dataclass(frozen=True)
class Domain:
    """The tables of one part of the host. ``steps``: SQL, each run once, in order; a released step is never changed."""

    name: str
    steps: tuple[str, ...]


class Store:
    """An open store. Use ``await run(work)``, or ``post(work)`` where nobody waits for the outcome."""

    def __init__(self, path: str | Path, domains: Sequence[Domain]) -> None:
        """Open or create the file and bring the tables of the domains up to date. Blocks.

        Raises:
            StoreError: the file cannot be opened, is damaged, or was written by a newer version.
        """
        self.path = str(path)
        self.dropped = 0
        """Number of posted pieces of work that were refused or failed."""
        self._waiting = 0
        self._lock = threading.Lock()
        self._thread = ThreadPoolExecutor(1, "posewire-store")
        try:
            self._connection = self._thread.submit(_open, self.path, tuple(domains)).result()
        except BaseException:
            self._thread.shutdown()
            raise

    async def run(self, work: Work[_T]) -> _T:
        """Do the work in one transaction and return its result; when it raises, nothing is written.

        Raises:
            StoreError: the store is closed or overloaded, or the disk failed.
        """
        return await asyncio.wrap_future(self._submit(work))

    def run_now(self, work: Work[_T]) -> _T:
        """Do the work and block until it is done: for the command line, and before an event loop runs."""
        return self._submit(work).result()

    def post(self, work: Work[object]) -> None:
        """Do the work soon, in order with all other; a failure is only counted in ``dropped``."""
        try:
            self._submit(work).add_done_callback(self._posted)
        except StoreError:
            self.dropped += 1

    def close(self) -> None:
        """Finish all work that waits, and close the file. Blocks; closing twice is allowed."""
        with self._lock:
            thread, self._thread = self._thread, _CLOSED
        if thread is not _CLOSED:
            thread.submit(self._connection.close)
            thread.shutdown()

    # --- inside

    def _submit(self, work: Work[_T]) -> "Future[_T]":
        with self._lock:
            if self._waiting >= MAX_WAITING:
                raise StoreError(f"{MAX_WAITING} pieces of work wait for the disk already", "too_many")
            try:
                future = self._thread.submit(_transact, self._connection, work)
            except RuntimeError:
                raise StoreError("the store is closed") from None
            self._waiting += 1
        future.add_done_callback(self._done)
        return future

    def _done(self, _: "Future[_T]") -> None:
        with self._lock:
            self._waiting -= 1

    def _posted(self, future: "Future[object]") -> None:
        if future.cancelled() or future.exception() is not None:
            self.dropped += 1


_CLOSED = ThreadPoolExecutor(1)
_CLOSED.shutdown()


def _transact(connection: sqlite3.Connection, work: Work[_T]) -> _T:
    try:
        connection.execute("BEGIN IMMEDIATE")
        try:
            result = work(connection)
        except BaseException:
            connection.rollback()
            raise
        connection.commit()
    except sqlite3.IntegrityError:
        # A constraint of a table speaks to the caller, not about the file.
        raise
    except sqlite3.Error as error:
        raise StoreError(f"the store failed: {error}") from error
    return result


def _open(path: str, domains: Sequence[Domain]) -> sqlite3.Connection:
    try:
        if path != MEMORY:
            Path(path).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        # Transactions are our own: the module would commit before each schema change.
        connection = sqlite3.connect(path, isolation_level=None)
        if path != MEMORY:
            # It holds hashes of tokens and what people said.
            Path(path).chmod(0o600)
        connection.execute(f"PRAGMA busy_timeout={_BUSY_MS}")
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA foreign_keys=ON")
        _transact(connection, lambda open_file: _migrate(open_file, path, domains))
    except OSError as error:
        raise StoreError(f"cannot open the store {path}: {error.strerror or error}") from None
    except sqlite3.Error as error:
        damaged = getattr(error, "sqlite_errorcode", None) in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
        advice = ". A damaged file can be moved away; a new one is made then" if damaged else ""
        raise StoreError(f"cannot open the store {path}: {error}{advice}") from error
    return connection


def _migrate(connection: sqlite3.Connection, path: str, domains: Sequence[Domain]) -> None:
    connection.execute("CREATE TABLE IF NOT EXISTS schema (domain TEXT PRIMARY KEY, step INTEGER NOT NULL)")
    done = dict(connection.execute("SELECT domain, step FROM schema").fetchall())
    for domain in domains:
        start = done.get(domain.name, 0)
        if start > len(domain.steps):
            raise StoreError(
                f"{path} was written by a newer version of Posewire (its {domain.name} tables): update Posewire"
            )
        for step in domain.steps[start:]:
            for statement in _statements(step):
                connection.execute(statement)
        connection.execute(
            "INSERT INTO schema VALUES (?, ?) ON CONFLICT (domain) DO UPDATE SET step = excluded.step",
            (domain.name, len(domain.steps)),
        )


def _statements(script: str) -> list[str]:
    """Split a script, for ``executescript`` would commit our transaction first."""
    statements, current = [], ""
    for part in script.split(";"):
        current += part + ";"
        if sqlite3.complete_statement(current):
            statements.append(current)
            current = ""
    return [statement for statement in statements if statement.strip(" \n;")]
