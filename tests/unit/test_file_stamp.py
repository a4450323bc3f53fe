"""Changes of files are noticed once; a file that is being replaced is waited for."""

import os
from pathlib import Path

from posewire.file_stamp import FileStamp


def test_a_change_is_noticed_once(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    first.write_text("1")
    second.write_text("2")
    stamp = FileStamp(first, second)
    assert not stamp.changed()
    second.write_text("22")
    assert stamp.changed()
    assert not stamp.changed()


def test_a_file_of_the_same_size_and_time_that_takes_anothers_place_is_a_change(tmp_path: Path) -> None:
    file, other = tmp_path / "file", tmp_path / "other"
    file.write_text("old")
    other.write_text("new")
    stat = file.stat()
    os.utime(other, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    stamp = FileStamp(file)
    other.replace(file)
    assert stamp.changed()


def test_a_missing_file_is_no_change_until_it_is_back(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("1")
    stamp = FileStamp(file)
    file.unlink()
    assert not stamp.changed()
    file.write_text("22")
    assert stamp.changed()


def test_without_files_nothing_changes() -> None:
    assert not FileStamp().changed()
