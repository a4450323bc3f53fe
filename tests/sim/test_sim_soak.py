"""A board on which everything streams at once keeps its memory: a short ``posewire sim soak``."""

import pytest

from posewire import cli
from posewire.sim.board import SimBoard
from posewire.sim.memory_model import ROOMY_CHIP
from posewire.sim.soak_command import SETTINGS, count, stream
from posewire.sim.soak_host import SoakHost


def test_memory_holds_while_everything_streams() -> None:
    with SoakHost() as host, stream(SimBoard(host.url, chip=ROOMY_CHIP, room="soak", config=SETTINGS)) as board:
        board.wait(lambda: count(board.snapshot()) > 500, 30, "five hundred frames")
        first = board.snapshot()
        board.wait(lambda: count(board.snapshot()) > 1000, 30, "as many again")
        last = board.snapshot()
    assert last["heap_free"] > 44 * 1024
    assert abs(first["heap_free"] - last["heap_free"]) <= 512
    assert last["alloc_per_frame"] == 0
    assert last["restarts"] == last["reconnects"] == 0
    for kind in ("audio", "pose"):
        assert last["sent"][kind] > first["sent"][kind]
    assert last["received"]["audio"] > first["received"]["audio"]


@pytest.mark.parametrize("wrong", [("--frames", "0"), ("--minutes", "-1"), ("--heap", "1000")])
def test_numbers_are_checked(wrong: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["sim", "soak", *wrong]) == 2
    assert "more than 0" in capsys.readouterr().err
