"""A room on disk: what was written is read, whatever ends the writing."""

import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posewire.rooms.recording import (
    AUDIO,
    EVENT,
    MAGIC,
    POSE,
    Record,
    RecordingError,
    RecordingWriter,
    pack,
    read_recording,
)  # fmt: skip

RECORDS = st.lists(
    st.builds(
        Record, st.integers(0, 2**63), st.sampled_from([AUDIO, POSE]), st.integers(0, 255), st.binary(max_size=99)
    ),
    min_size=1,
    max_size=6,
)


@given(RECORDS, st.data())
def test_a_recording_that_was_cut_is_good_up_to_there_and_grows_on(
    tmp_path_factory: pytest.TempPathFactory, records: list[Record], data: st.DataObject
) -> None:
    file = tmp_path_factory.mktemp("rec") / "x.pwrec"
    with RecordingWriter(file) as writer:
        for entry in records:
            writer.write(entry)
    whole = file.read_bytes()
    assert list(read_recording(file)) == records
    lost = data.draw(st.integers(1, len(pack(records[-1]))))
    file.write_bytes(whole[:-lost])
    assert list(read_recording(file)) == records[:-1]
    with RecordingWriter(file) as writer:
        writer.write(records[-1])
    assert file.read_bytes() == whole


def test_a_damaged_record_ends_the_recording(tmp_path: Path) -> None:
    file = tmp_path / "x.pwrec"
    with RecordingWriter(file) as writer:
        for time_us in range(3):
            writer.write(Record(time_us, POSE, 1, struct.pack(">I", time_us)))
    data = bytearray(file.read_bytes())
    data[-6] ^= 1
    file.write_bytes(data)
    assert [entry.time_us for entry in read_recording(file)] == [0, 1]


def test_another_file_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "x.json"
    file.write_text("{}")
    with pytest.raises(RecordingError):
        list(read_recording(file))
    with pytest.raises(RecordingError), RecordingWriter(file):
        pass
    assert file.read_text() == "{}"


def test_a_file_that_goes_on_says_when_its_older_part_ended(tmp_path: Path) -> None:
    file = tmp_path / "x.pwrec"
    with RecordingWriter(file) as writer:
        assert writer.last_us == 0
        writer.write(Record(5_000_000, EVENT, 0, b'{"event":"joined"}'))
    with RecordingWriter(file) as writer:
        assert writer.last_us == 5_000_000
    (record,) = read_recording(file)
    assert record.event() == {"event": "joined"}


def test_a_record_that_claims_to_be_endless_ends_the_recording(tmp_path: Path) -> None:
    file = tmp_path / "x.pwrec"
    file.write_bytes(MAGIC + pack(Record(1, POSE, 1, b"pose")) + b"\xff" * 100)
    assert [entry.payload for entry in read_recording(file)] == [b"pose"]


@given(st.binary(max_size=200))
def test_any_bytes_behind_the_beginning_are_read_or_end_it(
    tmp_path_factory: pytest.TempPathFactory, data: bytes
) -> None:
    file = tmp_path_factory.mktemp("rec") / "x.pwrec"
    first = pack(Record(1, AUDIO, 1, b"audio"))
    file.write_bytes(MAGIC + first + data)
    assert next(read_recording(file)) == Record(1, AUDIO, 1, b"audio")
    # Written on, only what is good stays before what comes.
    with RecordingWriter(file) as writer:
        writer.write(Record(2, POSE, 1, b"pose"))
    assert file.read_bytes().startswith(MAGIC + first)
    assert list(read_recording(file))[-1] == Record(2, POSE, 1, b"pose")


def test_what_cannot_be_written_or_read_is_told_with_the_file(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="cannot write"), RecordingWriter(tmp_path / "no" / "x"):
        pass
    with pytest.raises(RecordingError, match="cannot read"):
        list(read_recording(tmp_path / "no"))


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_a_full_disk_is_told_with_the_file() -> None:
    with pytest.raises(RecordingError, match="cannot write /dev/full: No space"), RecordingWriter(Path("/dev/full")):
        pass
