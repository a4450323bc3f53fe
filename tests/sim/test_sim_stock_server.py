"""The board with a stock xiaozhi server: everything but the sound works, and nothing breaks."""

from collections.abc import Iterator
from typing import Any

import pytest

from posewire.sim.board import SimBoard
from posewire.sim.fixtures import MakeBoard
from posewire.sim.memory_model import ROOMY_CHIP
from support.servers.stock_server import REPLY_FRAMES, BackgroundStockServer


@pytest.fixture
def server() -> Iterator[BackgroundStockServer]:
    with BackgroundStockServer() as running:
        running.answers_aborts = True
        running.text_reply = ("% get_weather", "你好")  # a tool call, shown as if it had been heard
        yield running


def with_text_input(board: SimBoard) -> None:
    """User code that says something as text each time the lamp is switched on."""
    (board.flash / "user_tools.py").write_text(
        "from posewire_fw import app\n"
        "def register(tools, board):\n"
        "    tools.tool('self.ask', 'Ask.', {}, lambda: app.current().session.say('hello'))\n"
    )


def results(server: BackgroundStockServer) -> list[dict[str, Any]]:
    """The results of tool calls."""
    answers = [message["payload"].get("result", {}) for message in server.texts("mcp")]
    return [result for result in answers if "content" in result]


def test_everything_but_the_sound_works(server: BackgroundStockServer) -> None:
    board = SimBoard(server.url, chip=ROOMY_CHIP, token="secret", room="studio")
    with_text_input(board)
    with board:
        board.wait_connected()
        board.wait(lambda: "self.ask" in server.tools, what="the list of tools")
        hello = server.messages[0]
        assert hello["audio_params"]["format"] == "ima-adpcm", "the board says what it really sends"
        assert hello["version"] == 3
        session = board.session_id
        call = {"name": "self.led.set_color", "arguments": {"red": 0, "green": 9, "blue": 0}}
        server.do({"type": "mcp", "payload": {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": call}})
        board.wait(lambda: board.led.color == (0, 9, 0), what="the LED")
        board.wait(lambda: results(server), what="the answer")
        assert results(server)[0]["isError"] is False
        # a turn by text
        ask = {"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": {"name": "self.ask"}}
        server.do({"type": "mcp", "payload": ask})
        board.wait(lambda: "speaking" in board.values("state"), what="the reply")
        board.wait(lambda: board.state == "idle", what="the end of the reply")
        assert board.stt == ["% get_weather"]
        assert board.sentences == ["你好"]
        assert board.values("emotion") == ["happy"]
        # its Opus is refused: silence, and one line
        snapshot = board.snapshot()
        assert snapshot["speaker"]["undecodable"] == REPLY_FRAMES
        assert board.speaker.seconds == 0
        assert len([line for line in board.errors if "not what was agreed" in line]) == 1
        assert snapshot["dropped"]["bad_frames"] == 0
        # what it may say besides
        server.do(
            "端口正常", "7", {"type": "unknown"}, {"type": "alert", "status": "x", "message": "y", "emotion": "z"}
        )
        server.do({"type": "iot", "commands": [{"name": "led", "method": "turn_off"}]})
        board.wait(lambda: board.led.color == (0, 0, 0), what="the LED")
        assert all(text["session_id"] == session for text in server.messages if text["type"] not in ("hello",))
        assert board.values("alert") == ["y"]
    assert server.closes == [1001]
    assert server.texts("goodbye")


def test_speech_goes_up_in_protocol_1_and_an_abort_is_survived(
    server: BackgroundStockServer, sim_board: MakeBoard
) -> None:
    board = sim_board(server.url)
    board.wait_connected()
    board.button.down()
    board.wait(lambda: len(server.packets) > 5, what="audio")
    board.button.up()
    board.wait(lambda: server.texts("listen")[-1]["state"] == "stop", what="the end of it")
    assert {len(message) for message in server.packets} == {484}, "bare frames, without a header"
    server.do({"type": "tts", "state": "start"})
    board.wait(lambda: board.state == "speaking", what="the reply")
    board.button.press()
    board.wait(lambda: server.texts("abort"), what="the abort")
    board.wait(lambda: server.aborted, what="both ends of the reply")
    call = {"name": "self.get_device_status", "arguments": {}}
    server.do({"type": "mcp", "payload": {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": call}})
    board.wait(lambda: results(server), what="the answer to what came after them")
    assert board.state == "idle"
    board.button.press()
    board.wait(lambda: board.state == "listening", what="the next turn")


def test_a_server_that_closes_at_once_is_tried_again(server: BackgroundStockServer, sim_board: MakeBoard) -> None:
    board = sim_board(server.url)
    board.wait_connected()
    server.do("认证失败")
    server.do({"type": "goodbye", "session_id": board.session_id})
    board.wait(lambda: len(server.texts("hello")) == 2, what="the second attempt")
