"""Failures around a board: it streams again without help. Hosts that are killed: tests/integration."""

import time
from collections.abc import Iterator

import pytest

from posewire.sim.board import SimBoard
from posewire.sim.memory_model import ROOMY_CHIP
from posewire.sim.soak_host import SoakHost

# Everything at once and all the time: the microphone is open, the host speaks, the motion sensor publishes.
STREAMING = {"listen": {"start": "host"}, "host": {"silence": 2}}


@pytest.fixture
def host() -> Iterator[SoakHost]:
    with SoakHost() as running:
        yield running


@pytest.fixture
def board(host: SoakHost) -> Iterator[SimBoard]:
    with SimBoard(host.url, chip=ROOMY_CHIP, room="studio", config=STREAMING) as running:
        running.wait_connected(20)
        flows(running, host)
        yield running
        assert running.snapshot()["restarts"] == 0, running.log


def flows(board: SimBoard, host: SoakHost, timeout: float = 30.0) -> None:
    """Wait until audio and motion go up and audio comes down."""
    before = board.snapshot()
    frames = host.frames

    def moved() -> bool:
        now = board.snapshot()
        up = all(now["sent"][kind] > before["sent"][kind] + 5 for kind in ("audio", "pose"))
        return up and now["received"]["audio"] > before["received"]["audio"] + 5 and host.frames > frames + 10

    board.wait(moved, timeout, "everything to stream")


def offline(board: SimBoard, timeout: float = 20.0) -> None:
    board.wait(lambda: not board.connected, timeout, "the board to notice")


def test_the_network_becomes_a_black_hole(board: SimBoard, host: SoakHost) -> None:
    # Half-open: no packet, no reset; Wi-Fi looks fine.
    board.network.drop()
    offline(board)
    board.wait(lambda: any("does not answer" in line for line in board.log), what="the reason in the log")
    board.network.restore()
    flows(board, host)


def test_wifi_is_lost(board: SimBoard, host: SoakHost) -> None:
    board.wifi.drop()
    offline(board)
    board.wifi.restore()
    flows(board, host)


def test_names_do_not_resolve_any_more(board: SimBoard, host: SoakHost) -> None:
    # A connection that just broke is made again to the same address: it takes a host that cannot be reached as well.
    board.network.dns = False
    board.network.cut(refuse=True)
    board.network.reset()
    offline(board)
    board.wait(lambda: any("name is not known (DNS" in line for line in board.log), 20, "the reason in words")
    board.network.mend()
    board.network.dns = True
    flows(board, host)


def test_a_name_server_that_does_not_answer_is_no_hang(host: SoakHost) -> None:
    # On a chip, as here, the whole board stands still while a name is looked up.
    config = {**STREAMING, "watchdog": {"seconds": 30}}
    with SimBoard(
        host.url.replace("127.0.0.1", "posewire.local"), chip=ROOMY_CHIP, room="studio", config=config
    ) as board:
        board.network.names["posewire.local"] = "127.0.0.1"
        board.wait_connected(20)
        flows(board, host)
        board.network.dns, board.network.dns_delay = False, 4.0
        board.network.cut(refuse=True)
        board.network.reset()
        offline(board)
        board.wait(lambda: sum("does not resolve" in line for line in board.log) >= 2, 40, "two look-ups in vain")
        board.network.mend()
        board.network.dns, board.network.dns_delay = True, 0.0
        flows(board, host, 60)
        assert board.resets == 0
        assert board.snapshot()["restarts"] == 0, board.log


def test_flash_is_full(host: SoakHost) -> None:
    board = SimBoard(host.url, chip=ROOMY_CHIP, room="studio", config=STREAMING)
    for name in ("config.good.new", "config.json.new", "crash.txt.new"):
        # Whatever the board writes ends with "no space left on device".
        (board.flash / name).symlink_to("/dev/full")
    with board:
        board.wait_connected(20)
        flows(board, host)
        assert not (board.flash / "config.good").exists()
        board.network.reset()
        offline(board)
        flows(board, host)
        assert board.snapshot()["restarts"] == 0, board.log


def test_the_settings_break_while_the_board_is_off(host: SoakHost) -> None:
    with SimBoard(host.url, chip=ROOMY_CHIP, room="studio", config=STREAMING) as board:
        board.wait_connected(20)
        flows(board, host)
        board.kill()
        (board.flash / "config.json").write_bytes(b'{"host": {"url": "ws\xff')
        board.restart()
        flows(board, host)
        assert any("using the settings that last worked" in line for line in board.log)


def test_the_connection_is_reset(board: SimBoard, host: SoakHost) -> None:
    board.network.reset()
    offline(board)
    flows(board, host)
    assert not any("[Errno" in line for line in board.log)


def test_a_slow_host_loses_frames_but_not_the_board(board: SimBoard, host: SoakHost) -> None:
    board.network.bandwidth = 3000
    board.wait(lambda: board.snapshot()["dropped"]["audio"] > 5, 30, "the oldest audio to be dropped")
    assert board.snapshot()["dropped"]["pose"] > 5
    board.network.bandwidth = None
    flows(board, host)


def test_the_audio_driver_stalls(board: SimBoard, host: SoakHost) -> None:
    board.stall_audio()
    time.sleep(0.2)
    heard = board.speaker.seconds
    flows(board, host)
    snapshot = board.snapshot()
    assert snapshot["mic"]["stalls"] == 1
    assert snapshot["speaker"]["stalls"] == 1
    board.wait(lambda: board.speaker.seconds > heard + 0.5, what="sound")


def test_power_is_cut_while_streaming(board: SimBoard, host: SoakHost) -> None:
    board.restart()
    board.wait_connected(20)
    flows(board, host)
