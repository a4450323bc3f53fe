"""Commands carried out on a board's tools, in a whole voice session."""

import pytest

from posewire.voice.assistant import Assistant
from posewire.voice.session import VoiceSession, VoiceState
from support.board import ALL_TOOLS, Board
from support.ear import Ear
from support.waiting import eventually


async def test_a_board_without_the_tool_says_so(assistant: Assistant, ear: Ear) -> None:
    session = assistant.session(ear, Board("self.audio_speaker.set_volume"), device_name="stock")
    session.text("turn on the light")
    await ear.until("ended")
    assert "says This board has no light." in ear.events
    ear.clear()
    session.text("what can you do")
    await ear.until("ended")
    assert "says I can set the volume and tell you the time." in ear.events
    await session.close()


async def test_the_first_turn_waits_for_the_tools_of_a_board_that_lists_them_late(
    assistant: Assistant, ear: Ear
) -> None:
    for text, said in (("turn on the light", "says The light is on."), ("what can you do", "says I can turn")):
        board = Board(*ALL_TOOLS, late=True)
        session = assistant.session(ear, board, device_name="late")
        session.text(text)
        await ear.until("heard")
        board.list_tools()
        await ear.until(said)
        await session.close()
        ear.clear()


async def test_what_needs_no_tool_does_not_wait_for_them(assistant: Assistant, ear: Ear) -> None:
    session = assistant.session(ear, Board(late=True), device_name="late")
    session.text("what time is it")
    await ear.until("ended")
    await session.close()


async def test_a_tool_that_fails_is_not_called_done(assistant: Assistant, ear: Ear) -> None:
    session = assistant.session(ear, Board(*ALL_TOOLS, broken=True), device_name="broken")
    for text in ("turn on the light", "volume up"):
        ear.clear()
        session.text(text)
        await ear.until("ended")
        assert "says Sorry, that did not work." in ear.events
    await session.close()


@pytest.mark.parametrize(
    ("text", "before", "after"), [("volume up", 40, 50), ("volume up", 95, 100), ("volume down", 5, 0)]
)
async def test_the_volume_moves_from_where_it_is(
    assistant: Assistant, ear: Ear, text: str, before: int, after: int
) -> None:
    board = Board(*ALL_TOOLS, volume=before)
    session = assistant.session(ear, board, device_name="radio")
    session.text(text)
    await ear.until("ended")
    assert board.calls == [("self.get_device_status", {}), ("self.audio_speaker.set_volume", {"volume": after})]
    assert f"says The volume is {after} percent." in ear.events
    await session.close()


@pytest.mark.parametrize(
    ("answer", "calls"),
    [("yes", [("self.restart", {})]), ("no", []), ("what time is it", []), ("never mind", [])],
)
async def test_a_restart_needs_a_yes(
    session: VoiceSession, ear: Ear, board: Board, answer: str, calls: list[object]
) -> None:
    session.text("restart the board")
    await ear.until("ended")
    assert "says Shall I restart the board?" in ear.events
    session.text(answer)
    await ear.until("ended", times=2)
    await eventually(lambda: session.state == VoiceState.IDLE)
    assert board.calls == calls
    session.text("yes")
    await ear.until("ended", times=3)
    assert board.calls == calls
