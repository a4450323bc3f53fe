"""The list of recordings: one row for each file, which grows with it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from posewire.rooms.recording_index import RECORDINGS, forget_recording, note_beginning, note_end, read_index
from posewire.store import MEMORY, Store

FILE = Path("/recordings/studio.pwrec")
URL = "ws://127.0.0.1:8000/posewire/v1/"


@pytest.fixture
def store() -> Iterator[Store]:
    opened = Store(MEMORY, [RECORDINGS])
    yield opened
    opened.close()


def test_a_recording_that_has_not_ended_has_no_length(store: Store) -> None:
    store.run_now(lambda c: note_beginning(c, FILE, "studio", URL))
    (row,) = store.run_now(read_index)
    assert (row.file, row.room, row.host, row.seconds, row.pose, row.audio, row.members) == (
        FILE, "studio", URL, None, 0, 0, (),
    )  # fmt: skip


def test_a_file_that_is_appended_to_stays_one_recording(store: Store) -> None:
    for seconds, device in ((2.5, "b"), (4.0, "a")):
        store.run_now(lambda c: note_beginning(c, FILE, "studio", URL))
        store.run_now(lambda c, s=seconds, d=device: note_end(c, FILE, s, 10, 3, ["b", d]))
    (row,) = store.run_now(read_index)
    assert (row.seconds, row.pose, row.audio, row.members) == (4.0, 20, 6, ("a", "b"))


def test_the_oldest_comes_first_and_a_number_is_not_given_again(store: Store) -> None:
    for name in ("x", "y"):
        store.run_now(lambda c, n=name: note_beginning(c, Path(n), "studio", URL))
    first, second = store.run_now(read_index)
    assert (str(first.file), str(second.file)) == ("x", "y")
    assert store.run_now(lambda c: forget_recording(c, second.number))
    assert not store.run_now(lambda c: forget_recording(c, second.number))
    store.run_now(lambda c: note_beginning(c, Path("z"), "studio", URL))
    assert [row.number for row in store.run_now(read_index)] == [first.number, second.number + 1]


def test_the_end_of_a_file_that_nobody_began_changes_nothing(store: Store) -> None:
    store.run_now(lambda c: note_end(c, FILE, 1.0, 1, 1, ["a"]))
    assert store.run_now(read_index) == []
