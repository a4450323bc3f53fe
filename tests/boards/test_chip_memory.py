"""The table of what memory the chips have."""

import pytest

from posewire.boards.board_file import load_board
from posewire.boards.chip_memory import chip_memories, chip_memory
from posewire.boards.folders import board_folder, board_names
from posewire.errors import BoardError


def test_the_plain_esp32_is_as_measured() -> None:
    memory = chip_memory("esp32")
    assert memory.measured
    # Free when boot.py begins, but for 60 bytes in regions that are too small for anything.
    assert memory.idf_free == 144_084 - 60


@pytest.mark.parametrize("name", list(chip_memories()))
def test_a_chip_has_room_for_what_it_has_free(name: str) -> None:
    memory = chip_memory(name)
    assert all(0 < free <= size for size, free in (*memory.data, *memory.shared, *memory.code))
    assert 36_000 <= memory.heap <= 65_536
    assert memory.costs == chip_memory("esp32").costs
    # Wi-Fi and one TLS session find room on each of them.
    costs = memory.costs
    assert memory.idf_free > costs["network"] + costs["station"] + costs["connect"] + costs["tls_opening"]


@pytest.mark.parametrize("name", board_names())
def test_each_board_has_a_chip_with_memory(name: str) -> None:
    board = load_board(board_folder(name))
    assert board.memory.name.startswith(board.board.chip)
    assert (board.memory.psram > 0) == ("SPIRAM" in board.image.variant)


def test_a_chip_that_is_unknown_is_refused() -> None:
    with pytest.raises(BoardError, match="no chip 'esp8266'; there are: esp32, "):
        chip_memory("esp8266")
