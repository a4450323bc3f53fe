"""The voice assistant of one device."""

from collections.abc import AsyncIterator
from typing import Any

import numpy as np
import pytest
import pytest_asyncio

from posewire.errors import FrameError
from posewire.server.connection.voice.device_voice import DeviceVoice
from posewire.server.connection.voice_sessions import VoiceOutputs, VoiceSessions
from posewire.server.speech_encoding import SpeechEncoding
from posewire.server.state.turn_log import TurnLog
from posewire.voice.assistant import Assistant
from posewire.voice.settings import VoiceSettings
from posewire.wire.frames import FrameType
from posewire.wire.messages import AudioParams
from server.connection.wired import Parts

PCM = AudioParams("pcm", 16000, 1, 60)


class Counted(VoiceSessions):
    """Counts the sessions that are made."""

    made = 0

    def make(self, *given: Any) -> Any:
        self.made += 1
        return super().make(*given)


@pytest_asyncio.fixture
async def voices() -> AsyncIterator[Counted]:
    assistant = Assistant.create(VoiceSettings(tts="none"))
    yield Counted(assistant, None, VoiceOutputs(lambda report, device, session: None, SpeechEncoding(), 5, TurnLog()))
    await assistant.close()


@pytest_asyncio.fixture
async def parts(voices: Counted) -> AsyncIterator[Parts]:
    made = Parts(voices=voices)
    yield made
    await made.close()


async def test_a_session_is_made_when_it_is_first_needed(parts: Parts, voices: Counted) -> None:
    voice = parts.greeted().handler.voice
    assert (voice.speaks, voice.state, voice.session, voice.samples_dropped) == (True, "idle", None, 0)
    session = voice.get_or_create()
    assert session is not None
    assert voice.get_or_create() is session is voice.session
    assert voice.memory is session.memory
    assert voices.made == 1


async def test_an_abort_makes_no_session(parts: Parts, voices: Counted) -> None:
    wire = parts.greeted()
    wire.send(type="abort", reason="wake_word_detected")
    assert wire.received() == []
    assert (wire.handler.voice.session, voices.made) == (None, 0)


async def test_an_abort_ends_what_the_session_does(parts: Parts) -> None:
    wire = parts.greeted()
    wire.send(type="listen", state="start", mode="manual")
    assert wire.handler.voice.state == "listening"
    wire.send(type="abort")
    assert wire.handler.voice.state == "idle"


async def test_audio_is_decoded_only_while_the_session_listens(parts: Parts) -> None:
    wire = parts.greeted(audio_params=PCM.as_dict())
    wire.send_frame(FrameType.AUDIO, b"odd")
    wire.send(type="listen", state="start", mode="manual")
    wire.send_frame(FrameType.AUDIO, b"odd")
    assert wire.codes() == ["bad_frame"]
    wire.send(type="abort")
    wire.send_frame(FrameType.AUDIO, b"odd")
    assert wire.codes() == []


async def test_without_an_assistant_there_is_no_session() -> None:
    voice = DeviceVoice()
    assert voice.get_or_create() is None
    assert (voice.speaks, voice.state) == (False, "")
    voice.abort()
    voice.feed(b"odd")
    assert voice.close() == []


async def test_frames_are_decoded_in_the_format_that_was_set() -> None:
    voice = DeviceVoice()
    voice.set_format(AudioParams("pcm", 8000, 1, 60))
    assert len(voice.decode(bytes(2 * 4800))) > 4800
    voice.set_format(PCM)
    assert voice.decode(np.arange(3, dtype=np.int16).tobytes()).tolist() == [0, 1, 2]
    with pytest.raises(FrameError):
        voice.decode(b"odd")


async def test_a_resumed_session_goes_on_with_the_memory_of_the_one_before(parts: Parts) -> None:
    lost = parts.greeted()
    session = lost.handler.voice.get_or_create()
    assert session is not None
    lost.lose()
    assert lost.handler.voice.speaks is False
    back = parts.connect()
    back.hello(resume=lost.handler.session_id)
    again = back.handler.voice.get_or_create()
    assert again is not None
    assert again is not session
    assert again.memory is session.memory
