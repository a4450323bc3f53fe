"""The assistant: engines made and closed, fixed phrases prepared."""

import asyncio
import threading

from posewire.voice.assistant import Assistant
from posewire.voice.settings import VoiceSettings
from support.board import ALL_TOOLS, Board
from support.ear import Ear
from support.recordings import as_spoken, feed
from support.waiting import eventually

BLUE = ("self.led.set_color", {"red": 0, "green": 0, "blue": 255})


async def test_closing_the_assistant_ends_its_threads() -> None:
    assistant = await asyncio.to_thread(Assistant.create, VoiceSettings(tts="espeak-lib"))
    ear = Ear()
    session = assistant.session(ear, Board(*ALL_TOOLS), device_name="brief")
    session.start("auto")
    feed(session, as_spoken("goforward"))
    await ear.until("ended")
    await session.close()
    await assistant.close()
    assert not [thread.name for thread in threading.enumerate() if thread.name.startswith("posewire-")]


async def test_without_a_synthesizer_replies_are_text(ear: Ear, board: Board) -> None:
    assistant = await asyncio.to_thread(Assistant.create, VoiceSettings(tts="none"))
    assert assistant.describe()["tts"] == "none: replies are text only"
    session = assistant.session(ear, board, device_name="mute")
    session.start("auto")
    feed(session, as_spoken("command-turn_the_light_blue-slt"))
    await ear.until("ended")
    assert ear.events[-4:] == ["started", "emotion happy", "says The light is blue now.", "ended"]
    assert board.calls == [BLUE]
    await session.close()
    await assistant.close()


def test_the_assistant_says_what_it_is_made_of() -> None:
    described = Assistant.create(VoiceSettings(tts="espeak-lib")).describe()
    assert described["vad"] == "silero (numpy)"
    assert described["asr"] == "pocketsphinx grammar (offline)"
    assert described["intent"] == "commands (offline)"
    assert described["tts"].startswith("espeak-ng 1.")


async def test_fixed_phrases_are_ready_before_they_are_needed(assistant: Assistant, ear: Ear, board: Board) -> None:
    session = assistant.session(ear, board, device_name="ready")
    cache = assistant.caches()["speech"]
    for sentence in ("The light is on.", "I did not understand that.", "What can I do for you?"):
        await eventually(lambda sentence=sentence: cache.get(sentence) is not None)  # type: ignore[misc]
    await session.close()
