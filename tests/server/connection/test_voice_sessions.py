"""Voice sessions for the connections of a host."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from posewire.server.connection.voice_sessions import VoiceOutputs, VoiceSessions
from posewire.server.speech_encoding import SpeechEncoding
from posewire.server.state.turn_log import TurnLog
from posewire.voice.assistant import Assistant
from posewire.voice.output import TurnReport
from posewire.voice.settings import VoiceSettings
from server.connection.wired import Parts, Wire


@pytest_asyncio.fixture
async def assistant() -> AsyncIterator[Assistant]:
    made = Assistant.create(VoiceSettings(tts="none", exit_words=("goodbye",)))
    yield made
    await made.close()


async def answered(wire: Wire, text: str) -> list[str]:
    """The sentences that the session answers a text with."""
    session = wire.handler.voice.get_or_create()
    assert session is not None
    session.text(text)
    await session.until_idle()
    return [message["text"] for message in wire.messages("tts") if message["state"] == "sentence_start"]


async def test_a_session_speaks_to_its_peer_and_its_turns_are_noted(assistant: Assistant) -> None:
    turns: list[tuple[TurnReport, str, str]] = []
    log = TurnLog()
    parts = Parts(
        voices=VoiceSessions(assistant, None, VoiceOutputs(lambda *turn: turns.append(turn), SpeechEncoding(), 5, log))
    )
    wire = parts.greeted("kitchen")
    assert await answered(wire, "what time is it") != []
    ((report, device, session),) = turns
    assert (report.outcome, device, session) == ("answered", "kitchen", wire.handler.session_id)
    (noted,) = log.of("kitchen")
    assert noted["heard"] == "what time is it"
    assert noted["said"]
    await parts.close()


@pytest.mark.parametrize(("board", "code"), [("", 1000), ("sim", None)])
async def test_the_end_of_a_conversation_ends_the_connection_of_a_stock_device_only(
    assistant: Assistant, board: str, code: int | None
) -> None:
    parts = Parts(
        voices=VoiceSessions(assistant, None, VoiceOutputs(lambda *turn: None, SpeechEncoding(), 5, TurnLog()))
    )
    wire = parts.greeted(device={"board": board})
    await answered(wire, "goodbye")
    assert wire.close_code == code
    await parts.close()
