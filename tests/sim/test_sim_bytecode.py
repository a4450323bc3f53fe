"""The firmware on a processor for which MicroPython has no compiler: slower, but the same."""

import numpy as np
import pytest

from posewire.sim import board as board_module
from posewire.sim.fixtures import MakeBoard
from posewire.sim.interpreter import Interpreter, find_interpreter
from support.servers.small_host import SmallHost


@pytest.fixture
def no_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    def find(word_bits: int) -> Interpreter:
        # The processors without a compiler have 64 bits.
        return find_interpreter(word_bits=64)._replace(viper=False)

    monkeypatch.setattr(board_module, "find_interpreter", find)


@pytest.mark.usefixtures("no_compiler")
def test_the_firmware_works_as_bytecode(sim_board: MakeBoard) -> None:
    said = np.random.default_rng(3).integers(-20000, 20000, 8000).astype(np.int16)
    with SmallHost("pcm") as host:
        board = sim_board(host.url, audio_format="pcm", room="studio")
        board.wait_connected()
        board.camera.play(np.random.default_rng(4).random((10, 33, 4)).astype(np.float32), fps=20, kind="body33")
        board.button.down()
        board.wait(lambda: board.state == "listening", what="the board to listen")
        board.mic.play(said)
        board.wait(lambda: said.tobytes() in host.heard().tobytes(), what="the recording, sample for sample")
        board.wait(lambda: any(packet[1] == 1 for packet in host.pose), what="landmarks")
        board.button.up()
        board.wait(lambda: host.of_type("listen", state="stop"), what="listen stop")
        host.speak(np.full(9600, 3000, np.int16))
        board.wait(lambda: board.speaker.audible_seconds > 0.5, what="speech")
        assert board.snapshot()["restarts"] == 0
    assert board.errors == []
