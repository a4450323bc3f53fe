"""The messages and frames of a voice session's output."""

from typing import Any

import numpy as np
import pytest

from posewire.log import EventLog
from posewire.server.connection.voice.downlink import AudioDownlink
from posewire.server.connection.voice.voice_output import ConnectionVoiceOut
from posewire.server.speech_encoding import SpeechEncoding
from posewire.voice.output import TurnReport
from posewire.wire.messages import AudioParams


class Output:
    """Keeps what is sent: messages without their type, and the number of bytes of each frame."""

    def __init__(self) -> None:
        self.sent: list[Any] = []
        self.turns: list[TurnReport] = []
        self.over = 0
        downlink = AudioDownlink(
            AudioParams("pcm", 16000, 1, 20), lambda frame: self.sent.append(len(frame)), SpeechEncoding(), 5
        )
        self.voice = ConnectionVoiceOut(self.sent.append, downlink, EventLog(), self._end, self.turns.append)

    def _end(self) -> None:
        self.over += 1


async def test_a_reply_is_announced_spoken_and_ended_in_order() -> None:
    output = Output()
    voice = output.voice
    voice.heard("turn on the light")
    voice.emotion("happy")
    voice.reply_started()
    voice.sentence("The light is on.")
    await voice.play(np.zeros(500, np.int16))
    await voice.reply_ended()
    assert output.sent == [
        {"type": "stt", "text": "turn on the light"},
        {"type": "llm", "emotion": "happy", "text": output.sent[1]["text"]},
        {"type": "tts", "state": "start"},
        {"type": "tts", "state": "sentence_start", "text": "The light is on."},
        640,
        640,
        {"type": "tts", "state": "stop"},
    ]
    assert output.sent[1]["text"]


async def test_a_cancelled_reply_stops_at_once() -> None:
    output = Output()
    await output.voice.play(np.zeros(16000, np.int16))
    output.voice.reply_cancelled()
    assert output.sent == [{"type": "tts", "state": "stop"}]
    # The next reply has its own frame and nothing of the one before it.
    await output.voice.play(np.zeros(320, np.int16))
    await output.voice.reply_ended()
    assert output.sent[1:] == [640, {"type": "tts", "state": "stop"}]


async def test_a_turn_is_reported_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    output = Output()
    report = TurnReport("answered", {"asr": 12.34}, over_budget="asr")
    output.voice.turn(report)
    assert output.turns == [report]
    assert [record.levelname for record in caplog.records if record.message == "turn"] == ["WARNING"]


async def test_the_end_of_the_conversation_is_passed_on() -> None:
    output = Output()
    output.voice.goodbye()
    assert (output.over, output.sent) == (1, [])


async def test_a_long_silence_is_covered_by_a_thinking_face_that_gives_way_to_the_reply() -> None:
    output = Output()
    voice = output.voice
    voice.still_working(0.0)
    assert output.sent == [{"type": "llm", "emotion": "thinking", "text": "🤔"}]
    voice.still_working(60.0)
    assert len(output.sent) == 1, "something was sent lately"
    voice.emotion("happy")
    voice.sentence("Let me look.")
    voice.still_working(0.0)
    output.sent.clear()
    voice.sentence("It is blue.")
    assert [message.get("emotion", message.get("text")) for message in output.sent] == ["happy", "It is blue."]
    await voice.play(np.zeros(320, np.int16))
    await voice.reply_ended()
    output.sent.clear()
    voice.still_working(60.0)
    assert output.sent == []
