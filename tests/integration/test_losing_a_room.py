"""A board that loses its room is in it again: a real host, the real firmware."""

from pathlib import Path

from posewire.server.host_process import HostProcess
from posewire.sim.board import SimBoard
from posewire.sim.memory_model import ROOMY_CHIP


def test_a_quiet_room_is_closed_and_joined_again(tmp_path: Path) -> None:
    settings = tmp_path / "posewire.toml"
    settings.write_text("[rooms]\nidle_timeout = 3\n")
    with (
        HostProcess("--config", str(settings)) as host,
        SimBoard(host.url, chip=ROOMY_CHIP, room="studio", imu=False) as board,
    ):
        # Nobody is in front of the camera.
        board.wait(lambda: len(host.logged("joined")) == 1, 30, "the board to join")
        board.wait(lambda: bool(host.logged("removed")), 40, "the quiet room to be closed")
        board.wait(lambda: len(host.logged("joined")) == 2, 30, "the board to join again")
        board.camera.play(Path(__file__).parents[2] / "host/posewire/demo/data/body33.npz", loop=True)
        before = board.snapshot()["sent"]["pose"]
        board.wait(lambda: board.snapshot()["sent"]["pose"] > before + 30, 30, "poses to go out")
        assert not host.logged("refused"), host.logged("refused")
        assert board.snapshot()["room_problem"] is None


def test_a_room_that_closes_while_the_board_is_away_is_joined_again(tmp_path: Path) -> None:
    settings = tmp_path / "posewire.toml"
    settings.write_text("[rooms]\nidle_timeout = 3\n")
    with (
        HostProcess("--config", str(settings)) as host,
        SimBoard(host.url, chip=ROOMY_CHIP, room="studio", imu=False) as board,
    ):
        board.wait(lambda: len(host.logged("joined")) == 1, 30, "the board to join")
        board.network.cut(refuse=True)
        board.network.reset()
        board.wait(lambda: bool(host.logged("room_idle")), 40, "the quiet room to be closed")
        board.network.mend()
        board.wait(lambda: len(host.logged("joined")) == 2, 30, "the board to join again")
        assert host.logged("hello")[-1]["resumed"] is True
