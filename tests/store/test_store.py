"""The embedded store: whole transactions or none, also when the process is killed; migrations; a second process."""

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from posewire.errors import StoreError
from posewire.store import MEMORY, Domain, Store
from posewire.store import store as store_module

PAIRS = Domain("pairs", ("CREATE TABLE one (n INTEGER PRIMARY KEY); CREATE TABLE two (n INTEGER PRIMARY KEY);",))

WRITER = """
import sys
sys.path.insert(0, sys.argv[2])
from posewire.store import Store
store = Store(sys.argv[1], [])
def pair(connection, n):
    connection.execute("INSERT INTO one VALUES (?)", (n,))
    connection.execute("INSERT INTO two VALUES (?)", (n,))
n = store.run_now(lambda c: c.execute("SELECT coalesce(max(n), 0) FROM one").fetchone()[0])
while True:
    n += 1
    store.run_now(lambda c: pair(c, n))
    print(n, flush=True)
"""


def numbers(store: Store, table: str) -> list[int]:
    return store.run_now(lambda c: [row[0] for row in c.execute(f"SELECT n FROM {table} ORDER BY n")])


def test_what_was_committed_survives_kill_9_and_nothing_is_half_written(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    Store(path, [PAIRS]).close()
    promised = 0
    for round_number in range(3):
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(path), str(Path(store_module.__file__).parents[2])],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert writer.stdout is not None
        # Killed while it is somewhere in its next transactions.
        for _ in range(20 + 7 * round_number):
            promised = int(writer.stdout.readline())
        os.kill(writer.pid, signal.SIGKILL)
        rest = writer.stdout.read().split("\n")
        promised = max([promised, *(int(line) for line in rest[:-1] if line)])
        writer.wait()
        store = Store(path, [PAIRS])
        one, two = numbers(store, "one"), numbers(store, "two")
        assert one == two == list(range(1, len(one) + 1))
        assert len(one) >= promised
        assert store.run_now(lambda c: c.execute("PRAGMA integrity_check").fetchone()[0]) == "ok"
        store.close()


async def test_work_that_raises_leaves_nothing(tmp_path: Path) -> None:
    store = Store(tmp_path / "store.db", [PAIRS])

    def fails(connection: sqlite3.Connection) -> None:
        connection.execute("INSERT INTO one VALUES (1)")
        raise LookupError("after the first half")

    with pytest.raises(LookupError):
        await store.run(fails)
    assert numbers(store, "one") == []
    with pytest.raises(StoreError, match="no such table"):
        await store.run(lambda c: c.execute("SELECT * FROM missing"))
    store.close()
    with pytest.raises(StoreError, match="closed"):
        await store.run(lambda c: None)


def test_each_step_runs_once_and_a_newer_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    first = Domain("things", ("CREATE TABLE things (name TEXT);", "INSERT INTO things VALUES ('a;b'); -- a ; here\n"))
    for _ in range(2):
        store = Store(path, [first])
        assert store.run_now(lambda c: c.execute("SELECT name FROM things").fetchall()) == [("a;b",)]
        store.close()
    grown = Domain("things", (*first.steps, "ALTER TABLE things ADD COLUMN age INTEGER NOT NULL DEFAULT 7;"))
    store = Store(path, [grown])
    assert store.run_now(lambda c: c.execute("SELECT name, age FROM things").fetchall()) == [("a;b", 7)]
    store.close()
    with pytest.raises(StoreError, match="newer version"):
        Store(path, [first])


def test_a_step_that_fails_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    Store(path, [PAIRS]).close()
    with pytest.raises(StoreError):
        Store(path, [Domain("pairs", (*PAIRS.steps, "CREATE TABLE three (n); CREATE TABLE one (n);"))])
    store = Store(path, [PAIRS])
    tables = store.run_now(lambda c: {row[0] for row in c.execute("SELECT name FROM sqlite_master")})
    assert "three" not in tables
    store.close()


def test_a_file_that_is_none_of_ours_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    path.write_bytes(b"this is not a database, it only looks like a file" * 100)
    with pytest.raises(StoreError, match="cannot open the store"):
        Store(path, [])


def test_only_its_owner_reads_the_file(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "store.db"
    Store(path, []).close()
    assert path.stat().st_mode & 0o077 == 0


async def test_too_much_waiting_work_is_refused_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_module, "MAX_WAITING", 3)
    store = Store(MEMORY, [PAIRS])
    hold = threading.Event()
    running = [asyncio.ensure_future(store.run(lambda c: hold.wait(10))) for _ in range(3)]
    await asyncio.sleep(0)
    with pytest.raises(StoreError, match="wait for the disk") as caught:
        await store.run(lambda c: None)
    assert caught.value.code == "too_many"
    store.post(lambda c: None)
    assert store.dropped == 1
    hold.set()
    await asyncio.gather(*running)
    store.post(lambda c: c.execute("INSERT INTO one VALUES (5)"))
    assert await store.run(lambda c: c.execute("SELECT n FROM one").fetchall()) == [(5,)]
    store.close()


async def test_two_processes_share_the_file(tmp_path: Path) -> None:
    here, there = Store(tmp_path / "store.db", [PAIRS]), Store(tmp_path / "store.db", [PAIRS])
    await asyncio.gather(
        *(store.run(lambda c, n=n: c.execute("INSERT INTO one VALUES (?)", (n,)))
          for n, store in enumerate([here, there] * 20))
    )  # fmt: skip
    assert numbers(here, "one") == numbers(there, "one") == list(range(40))
    here.close()
    there.close()
