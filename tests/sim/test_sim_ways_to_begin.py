"""All the ways in which a turn may begin, with the real firmware: the button, the board's own ears, the host's."""

import threading
import time

import numpy as np
import pytest

from posewire.sim.board import SimBoard
from posewire.sim.fixtures import MakeBoard
from posewire.sim.memory_model import ROOMY_CHIP
from posewire.sim.parts.bus import Kind, Record
from posewire.sim.parts.recording import Samples
from support.servers.small_host import SmallHost

ECHO_BASE = "m5-atoms3-echo-base"


def speech(seconds: float, level: float = 8000.0) -> Samples:
    """Something loud with syllables."""
    time_line = np.arange(round(seconds * 16000)) / 16000
    voice = np.sin(2 * np.pi * 180 * time_line) * (0.6 + 0.4 * np.sin(2 * np.pi * 4 * time_line))
    return np.round(level * voice).astype(np.int16)


def wait_state(board: SimBoard, state: str, timeout: float = 10.0) -> None:
    board.wait(lambda: board.state == state, timeout, f"the board to be {state}")


def answer(host: SmallHost, board: SimBoard, seconds: float = 0.4) -> None:
    """Understand, and say something."""
    before = board.speaker.seconds
    host.send(type="stt", text="hello")
    host.speak(speech(seconds))
    board.wait(lambda: board.speaker.seconds > before, what="the reply")
    board.wait(lambda: board.state == "idle" and board.speaker.is_silent(0.1), 15, "the reply to be over")


def half_a_second(board: SimBoard) -> None:
    """Wait until the firmware has run for so long, by its own clock."""
    until = board.snapshot()["uptime_ms"] + 500
    board.wait(lambda: board.snapshot()["uptime_ms"] >= until, what="the board's clock")


def test_a_voice_begins_a_turn_without_a_button(host: SmallHost, sim_board: MakeBoard) -> None:
    board = sim_board(host.url, config={"listen": {"start": "voice"}})
    board.wait_connected()
    half_a_second(board)  # a quiet room: nothing is sent
    assert not host.of_type("listen")
    said = speech(1.0)
    board.mic.play(said)
    board.wait(lambda: host.of_type("listen", state="start", mode="auto"), what="the board to notice the voice")
    board.wait(lambda: len(host.heard()) > 14000, what="the voice")
    loud = np.flatnonzero(np.abs(host.heard().astype(np.int32)) > 2000)
    assert loud[0] > 320, "what came just before the voice is heard as well"
    answer(host, board)
    assert board.speaker.seconds > 0.3
    count = len(host.audio)
    board.mic.play(said)
    board.wait(lambda: len(host.of_type("listen", state="start")) == 2, what="the second turn")
    board.wait(lambda: len(host.audio) > count + 5, what="its audio")
    assert board.snapshot()["dropped"]["audio"] == 0


def test_the_host_listens_all_the_time_and_speaks_when_it_is_spoken_to(host: SmallHost, sim_board: MakeBoard) -> None:
    board = sim_board(host.url, config={"listen": {"start": "host"}})
    board.wait_connected()
    board.wait(lambda: host.of_type("listen", state="start", mode="realtime"), what="the open microphone")
    board.wait(lambda: len(host.audio) > 10, what="the room's sound")
    assert board.state == "idle"
    host.send(type="stt", text="not for the board")
    board.wait(lambda: board.stt, what="what the host heard")
    assert board.state == "idle"
    count = len(host.audio)
    host.speak(speech(0.6))
    board.wait(lambda: board.speaker.seconds > 0.4, what="the reply")
    board.wait(lambda: board.state == "idle", what="the end of the reply")
    assert len(host.audio) > count + 5, "the microphone stayed open"
    assert len(host.of_type("listen")) == 1


def test_a_press_makes_an_open_board_deaf_until_the_next(host: SmallHost, sim_board: MakeBoard) -> None:
    board = sim_board(host.url, config={"listen": {"start": "host", "mode": "realtime"}})
    board.wait_connected()
    board.wait(lambda: len(host.audio) > 3, what="the room's sound")
    board.button.press()
    board.wait(lambda: host.of_type("listen", state="stop"), what="the end of listening")
    count = len(host.audio)
    half_a_second(board)
    assert len(host.audio) - count <= 2
    board.button.press()
    board.wait(lambda: len(host.audio) > count + 5, what="the room's sound again")


class Ports:
    """Watches the I2S ports of a board: two open at once on one number would be one taking the other's place."""

    def __init__(self, board: SimBoard, monkeypatch: pytest.MonkeyPatch) -> None:
        self.opened: list[tuple[float, int, bool]] = []
        self.open: set[int] = set()
        self.clashes = 0
        original = board._on_record

        def record(process: object, one: Record) -> None:
            if one.kind == Kind.I2S_OPEN:
                self.clashes += one.port in self.open
                self.open.add(one.port)
                self.opened.append((time.monotonic(), one.port, bool(one.c & 4)))
            elif one.kind == Kind.I2S_CLOSE:
                self.open.discard(one.port)
            original(process, one)  # type: ignore[arg-type]

        monkeypatch.setattr(board, "_on_record", record)

    @property
    def directions(self) -> str:
        return "".join("S" if speaker else "M" for _, _, speaker in self.opened)


@pytest.mark.parametrize("start", ["button", "voice", "host"])
def test_a_board_with_one_port_listens_and_speaks_in_turns(
    host: SmallHost, monkeypatch: pytest.MonkeyPatch, start: str
) -> None:
    board = SimBoard(
        host.url, chip=ROOMY_CHIP, board=ECHO_BASE, config={"listen": {"start": start, "mode": "realtime"}}
    )
    ports = Ports(board, monkeypatch)
    with board:
        board.wait_connected()
        for turn in range(2):
            if start == "button":
                board.button.down()
                wait_state(board, "listening")
            count = len(host.audio)
            board.mic.play(speech(0.6))
            board.wait(lambda count=count: len(host.audio) > count + 6, what="the voice")  # type: ignore[misc]
            if start == "button":
                board.button.up()
                wait_state(board, "thinking")
            answer(host, board)
            assert board.speaker.seconds > 0.3 * (turn + 1)
    assert {port for _, port, _ in ports.opened} == {0}
    assert not ports.clashes
    assert "MSMS" in ports.directions
    assert board.errors == []


def test_the_button_interrupts_the_reply_of_a_board_with_one_port(host: SmallHost, sim_board: MakeBoard) -> None:
    board = sim_board(host.url, board=ECHO_BASE)
    board.wait_connected()
    board.wait(lambda: host.sockets, what="the board")
    stop = threading.Event()
    speaking = threading.Thread(target=host.speak, args=(speech(5.0), stop.is_set))
    speaking.start()
    try:
        board.wait(lambda: board.speaker.seconds > 0.5, what="the reply")
        pressed = time.monotonic()
        board.button.down()
        board.wait(lambda: host.of_type("abort"), what="the abort")
        board.wait(lambda: host.of_type("listen", state="start", mode="manual"), what="the board to listen")
        silent = board.speaker.silent_since()
        assert silent is not None
        assert silent - pressed < 0.06 + 0.05, "within one frame (and the polling of the button)"
        board.wait(lambda: len(host.audio) > 3, what="audio")
    finally:
        stop.set()
        speaking.join()
        board.button.up()
