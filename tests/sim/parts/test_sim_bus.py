"""The line between the simulated hardware and the board's process."""

import os
import socket
import threading

from posewire.sim.parts.bus import Bus, Kind, Record

_RECORD = bytes.fromhex("510014000000000000000000000000000000000000000000")  # MEMORY, 20 bytes of payload


def _records_of(sent: bytes) -> list[Record]:
    """The records that the host takes from a board that sends these bytes and ends."""
    records: list[Record] = []
    ended = threading.Event()
    bus = Bus(records.append, ended.set)
    board = socket.socket(fileno=os.dup(bus.fileno()))
    bus.start()
    board.sendall(sent)
    board.close()
    assert ended.wait(10)
    bus.close()
    return records


def test_a_record_arrives_whole() -> None:
    assert _records_of(_RECORD + bytes(range(20))) == [Record(Kind.MEMORY, 0, 0, 0, 0, bytes(range(20)))]


def test_a_board_that_ends_within_a_record_leaves_the_whole_ones_only() -> None:
    assert len(_records_of((_RECORD + bytes(20)) * 2 + _RECORD + bytes(7))) == 2
