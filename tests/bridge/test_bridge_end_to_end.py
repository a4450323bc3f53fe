"""The bridge with real processes: the real firmware on a simulated board, the host, an upstream server behind it."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from bridge.test_bridge import likeness, loudest_hz
from posewire.server.host_process import HostProcess
from posewire.sim.board import SimBoard
from posewire.sim.memory_model import ROOMY_CHIP
from posewire.sim.parts.recording import read_wav
from support.servers.stock_server import TONE_HZ, BackgroundStockServer

DATA = Path(__file__).parents[2] / "host" / "posewire" / "demo" / "data"
RATE = 16000
BLUE = DATA / "turn_the_light_blue.wav"


@pytest.fixture
def stock() -> Iterator[BackgroundStockServer]:
    with BackgroundStockServer() as running:
        yield running


def test_a_board_without_opus_talks_to_a_stock_server(stock: BackgroundStockServer, tmp_path: Path) -> None:
    stock.reply_frames = 25
    with HostProcess("--upstream", stock.url) as host, SimBoard(url=host.url, chip=ROOMY_CHIP) as board:
        board.wait_connected(timeout=20)
        board.wait(lambda: "self.led.set_color" in stock.tools, timeout=20, what="upstream to list the tools")
        stock.run(stock.call_tool("self.led.set_color", {"red": 255, "green": 0, "blue": 0}))
        board.wait(lambda: board.led.color == (255, 0, 0), what="the light to turn red")
        seconds = board.mic.play(BLUE)
        board.button.press(hold=seconds + 0.3)
        board.wait(lambda: bool(stock.texts("listen", state="stop")), timeout=20, what="the end of speech upstream")
        samples = read_wav(BLUE, RATE)
        heard = stock.sound()
        assert stock.bad_packets == 0
        assert len(heard) > 0.9 * len(samples)
        # The board hears from a moment after the press on: find the recording in what arrived.
        assert best_likeness(heard, samples) > 0.6
        stock.run(stock.reply("hello board"))
        board.wait(lambda: board.snapshot()["state"] == "idle", timeout=20, what="the board to be idle again")
        board.speaker.save(tmp_path / "reply.wav")
    reply = read_wav(tmp_path / "reply.wav", RATE)
    loud = reply[np.abs(reply) > 1000]
    assert len(loud) > 0.8 * RATE
    middle = np.flatnonzero(np.abs(reply) > 1000)
    assert abs(loudest_hz(reply[middle[0] : middle[-1]], RATE) - TONE_HZ) < 15


def best_likeness(heard: np.ndarray, samples: np.ndarray) -> float:  # type: ignore[type-arg]
    """The recording may start later in what was heard, and its beginning may be missing."""
    piece = samples[len(samples) // 3 : 2 * len(samples) // 3]
    starts = range(0, max(1, len(heard) - len(piece)), 400)
    return max(likeness(heard[start:], piece) for start in starts)


def test_our_own_host_serves_as_upstream() -> None:
    with (
        HostProcess() as assistant,
        HostProcess("--upstream", assistant.url.replace("/posewire/", "/xiaozhi/")) as bridge,
        SimBoard(url=bridge.url, chip=ROOMY_CHIP) as board,
    ):
        board.wait_connected(timeout=20)
        board.wait(lambda: bool(assistant.logged("tools")), timeout=20, what="upstream to list the tools")
        assert assistant.logged("hello")[-1]["format"] == "opus"
        board.mic.play(BLUE)
        board.button.press(hold=0.1)
        board.wait(lambda: board.led.color == (0, 0, 255), timeout=20, what="the light to turn blue")
        board.wait(lambda: board.snapshot()["state"] == "idle", timeout=30, what="the board to be idle again")
        assert board.stt[-1] == "turn the light blue"
        assert board.speaker.audible_seconds > 0.3
        # Upstream goes away and comes back.
        assistant.kill()
        board.wait(lambda: bool(bridge.logged("upstream_closed")), timeout=20, what="the bridge to notice")
        assistant.start()
        board.mic.play(BLUE)
        board.button.press(hold=0.1)
        board.wait(lambda: len(board.stt) > 1, timeout=30, what="the sentence to be understood again")
