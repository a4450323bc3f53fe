"""Rows that cannot be read: reported, skipped, never fatal, never erased."""

import asyncio
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from posewire.identity.audit import read_entries
from posewire.identity.identities import Identities
from posewire.identity.stored import issue_token
from posewire.identity.tables import STORED
from posewire.rooms.recording_index import RECORDINGS, note_beginning, note_end, read_index
from posewire.server.push import reminders
from posewire.server.state import voiceprints
from posewire.store import MEMORY, Store
from posewire.store.rows import readable
from support.json_values import deep

BAD_TEXT = ("not JSON", deep(2000), "7", b"\xff", None)


def test_the_good_rows_are_there_and_the_bad_ones_are_named(caplog: pytest.LogCaptureFixture) -> None:
    assert readable([("a", "1"), ("b", "x"), ("c", "3")], lambda _, text: int(text), "number") == [1, 3]
    (line,) = caplog.records
    assert (line.message, line.fields["what"], line.fields["key"]) == ("row_skipped", "number", "b")  # type: ignore[attr-defined]


@pytest.fixture
def store() -> Store:
    return Store(MEMORY, (*STORED, RECORDINGS, reminders.TABLES, voiceprints.TABLES))


def spoil(store: Store, statement: str, value: object) -> None:
    def work(connection: sqlite3.Connection) -> None:
        assert connection.execute(statement, (value,)).rowcount == 1

    try:
        store.run_now(work)
    except sqlite3.IntegrityError:  # NOT NULL: no value is not possible there
        pytest.skip("the table does not take it")


def count(store: Store, table: str) -> int:
    number: int = store.run_now(lambda c: c.execute(f"SELECT count(*) FROM {table}").fetchone()[0])
    return number


def add_identities(connection: sqlite3.Connection) -> None:
    for name in ("one", "two"):
        issue_token(connection, name, "person", ["voice"])
        connection.execute("INSERT INTO devices VALUES (?, 'c', 'n', 'voice', 1.0, NULL, '')", (name,))


@pytest.mark.parametrize(
    ("statement", "value"),
    [
        ("UPDATE devices SET paired = ? WHERE device_id = 'one'", "yesterday"),
        ("UPDATE devices SET scopes = ? WHERE device_id = 'one'", 7),
        ("UPDATE devices SET scopes = ? WHERE device_id = 'one'", b"\xff"),
        ("UPDATE tokens SET hash = ? WHERE name = 'one'", "text"),
        ("UPDATE tokens SET expires = ? WHERE name = 'one'", "never"),
    ],
)
def test_identities(store: Store, statement: str, value: object) -> None:
    store.run_now(add_identities)
    spoil(store, statement, value)
    found = Identities(store)
    assert "two" in found.devices
    assert "two" in {token.name for token in found.tokens.values()}
    assert (count(store, "devices"), count(store, "tokens")) == (2, 2)


def allow_changes(connection: sqlite3.Connection) -> None:
    """Take the triggers away that keep the audit log as it is."""
    for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
        connection.execute(f"DROP TRIGGER {name}")


@pytest.mark.parametrize("value", BAD_TEXT)
@pytest.mark.parametrize(
    ("table", "column", "read"),
    [("audit", "detail", lambda c: read_entries(c, 10)), ("recordings", "members", read_index)],
)
def test_tables_with_json(
    store: Store, value: Any, table: str, column: str, read: Callable[[sqlite3.Connection], list[object]]
) -> None:
    def fill(connection: sqlite3.Connection) -> None:
        for name in ("one", "two"):
            connection.execute(
                "INSERT INTO audit (time, event, who, device, peer, detail) VALUES (1, ?, '', '', '', '{}')", (name,)
            )
            note_beginning(connection, Path(name), "room", "host")

    store.run_now(fill)
    where = {"audit": "event", "recordings": "file"}[table]
    store.run_now(allow_changes)
    spoil(store, f"UPDATE {table} SET {column} = ? WHERE {where} = 'one'", value)
    assert len(store.run_now(read)) == 1
    assert count(store, table) == 2


def test_a_recording_whose_members_cannot_be_read_is_written_to_again(store: Store) -> None:
    store.run_now(lambda c: note_beginning(c, Path("one"), "room", "host"))
    spoil(store, "UPDATE recordings SET members = ? WHERE file = 'one'", deep(2000))
    store.run_now(lambda c: note_end(c, Path("one"), 1.0, 1, 1, ["a"]))
    assert store.run_now(read_index)[0].members == ("a",)


async def test_reminders_and_voiceprints() -> None:
    store = await asyncio.to_thread(Store, MEMORY, (reminders.TABLES, voiceprints.TABLES))

    def fill(connection: sqlite3.Connection) -> None:
        for name, due, vector in (("one", "soon", b"abc"), ("two", 2e9, np.ones(4, "<f4").tobytes())):
            connection.execute("INSERT INTO reminders (device, due, label) VALUES ('d', ?, ?)", (due, name))
            connection.execute("INSERT INTO voiceprints VALUES (?, 'scripted', ?, 1, 0)", (name, vector))

    await store.run(fill)

    class Engine:
        name = "scripted"

    found = await reminders.Reminders(store, None).of("d")  # type: ignore[arg-type]
    assert [reminder.label for reminder in found] == ["two"]
    assert await voiceprints.Voiceprints(Engine(), store).names() == ["two"]  # type: ignore[arg-type]
    assert await store.run(lambda c: c.execute("SELECT count(*) FROM reminders").fetchone()[0]) == 2
