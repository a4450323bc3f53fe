"""A voice session from microphone samples to spoken reply, with the real engines."""

import asyncio
from collections.abc import AsyncIterator, Sequence

import numpy as np
import pytest
import pytest_asyncio

from posewire.errors import ProviderError
from posewire.voice import session as session_module
from posewire.voice.asr.base import AcousticProfile, Transcript
from posewire.voice.assistant import Assistant
from posewire.voice.chat_settings import ChatSettings
from posewire.voice.commands.responder import CommandResponder
from posewire.voice.commands.sentences_file import load_sentences
from posewire.voice.conversation import ReplyPart
from posewire.voice.llm.base import ChatMessage, ChatTool, ToolCall
from posewire.voice.llm.chat import ChatResponder
from posewire.voice.session import VoiceSession, VoiceState
from posewire.voice.settings import VoiceSettings
from posewire.voice.tts.base import Speech
from posewire.voice.tts.synthesis import Synthesis
from posewire.voice.turn import TurnResources
from posewire.voice.vad.batches import VadBatches
from support.board import ALL_TOOLS, Board
from support.ear import Ear
from support.recordings import as_spoken, feed, recording, silence
from support.scripted import (
    ScriptedDetector,
    ScriptedRecognizer,
    ScriptedUtterance,
    ScriptedVad,
    samples_of_probability,
)
from support.waiting import eventually

# One assistant for all of these sessions, as a host has it.
pytestmark = pytest.mark.asyncio(loop_scope="module")

BLUE = ("self.led.set_color", {"red": 0, "green": 0, "blue": 255})


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def assistant() -> AsyncIterator[Assistant]:
    made = await asyncio.to_thread(Assistant.create, VoiceSettings(tts="espeak-lib"))
    yield made
    await made.close()


@pytest_asyncio.fixture(loop_scope="module")
async def session(assistant: Assistant, ear: Ear, board: Board) -> AsyncIterator[VoiceSession]:
    made = assistant.session(ear, board, device_name="kitchen")
    yield made
    await made.close()


async def test_a_spoken_command_calls_the_tool_and_is_answered(session: VoiceSession, ear: Ear, board: Board) -> None:
    session.start("auto")
    feed(session, as_spoken("command-turn_the_light_blue-slt"))
    await ear.until("ended")
    assert board.calls == [BLUE]
    assert ear.story == [
        "speech",
        "heard turn the light blue",
        "started",
        "emotion happy",
        "says The light is blue now.",
        "ended",
    ]
    assert 0.5 < sum(map(len, ear.audio)) / 16000 < 4
    report = await ear.until_reported()
    assert report.outcome == "answered"
    assert list(report.stages) == ["endpoint", "asr", "intent", "tool", "sentence", "tts", "total"]
    assert report.stages["endpoint"] == 512


async def test_a_human_drives_the_robot(session: VoiceSession, ear: Ear, board: Board) -> None:
    session.start("auto")
    feed(session, as_spoken("goforward"))
    await ear.until("ended")
    assert board.calls == [("self.robot.drive", {"direction": "forward", "meters": 10})]
    assert "says Going forward 10 meters." in ear.events


async def test_many_turns_one_after_the_other(session: VoiceSession, ear: Ear, board: Board) -> None:
    for name, said in (
        ("command-turn_on_the_light-rms", "The light is on."),
        ("command-set_the_volume_to_thirty_percent-slt", "The volume is 30 percent."),
        ("other-the_weather_is_nice_today-slt", "I did not understand that."),
        ("command-turn_on_the_light-rms", "Light on."),
    ):
        ear.clear()
        session.start("auto")
        feed(session, as_spoken(name))
        await ear.until("ended")
        assert f"says {said}" in ear.events
    assert [name for name, _ in board.calls] == [
        "self.led.turn_on",
        "self.audio_speaker.set_volume",
        "self.led.turn_on",
    ]


async def test_in_manual_mode_the_button_ends_the_utterance(session: VoiceSession, ear: Ear, board: Board) -> None:
    session.start("manual")
    pcm = recording("command-turn_the_light_blue-slt")
    feed(session, np.concatenate((silence(1), pcm, silence(2))))
    await ear.until("speech")
    session.stop()
    await ear.until("ended")
    assert board.calls == [BLUE]


async def test_stop_ends_the_utterance_in_auto_mode(session: VoiceSession, ear: Ear, board: Board) -> None:
    session.start("auto")
    feed(session, np.concatenate((silence(0.4), recording("command-turn_the_light_blue-slt"))), size=100)
    session.stop()
    await ear.until("ended")
    assert board.calls == [BLUE]


@pytest.mark.parametrize("mode", ["auto", "manual", "realtime"])
async def test_when_nothing_is_said_the_device_goes_back_to_idle(session: VoiceSession, ear: Ear, mode: str) -> None:
    session.start(mode)  # type: ignore[arg-type]
    feed(session, silence(1))
    session.stop()
    await ear.until("ended")
    assert ear.story == ["started", "ended"]
    assert session.state == VoiceState.IDLE


async def test_a_blank_text_ends_for_the_device_too(session: VoiceSession, ear: Ear) -> None:
    session.start("auto")
    session.text("  ")
    await ear.until("ended")
    assert ear.story == ["started", "ended"]
    assert session.state == VoiceState.IDLE


class BrokenVad(ScriptedVad):
    """A detector that fails at its first frame."""

    def detector(self) -> ScriptedDetector:
        raise RuntimeError("the model file is damaged")


class BrokenRecognizer(ScriptedRecognizer):
    """A recogniser that takes no utterance."""

    def utterance(self, _: AcousticProfile) -> ScriptedUtterance:
        raise ProviderError("the recogniser is closed")


class BrokenConversation:
    """A conversation with a defect."""

    async def answer(self, _: str) -> AsyncIterator[ReplyPart]:
        yield "One moment."
        raise KeyError("defect")


@pytest.mark.parametrize("broken", ["vad", "recogniser", "conversation"])
async def test_a_defect_is_said_and_ends_the_turn_for_the_device(ear: Ear, broken: str) -> None:
    vad = BrokenVad() if broken == "vad" else ScriptedVad()
    recognizer = BrokenRecognizer() if broken == "recogniser" else ScriptedRecognizer()
    resources = TurnResources(load_sentences().phrases, None)
    session = VoiceSession(VoiceSettings(), VadBatches(vad), recognizer, resources, ear, BrokenConversation())
    session.start("auto")
    session.feed(samples_of_probability(*[100] * 20, *[0] * 20))
    assert (await ear.until_reported()).outcome == "failed"
    assert ear.story[-3:] == ["emotion sad", "says Sorry, that did not work.", "ended"]
    assert session.state == VoiceState.IDLE
    await session.close()


class HungUtterance(ScriptedUtterance):
    async def finish(self) -> Transcript:
        await asyncio.Event().wait()
        raise AssertionError


class HungRecognizer(ScriptedRecognizer):
    def utterance(self, _: AcousticProfile) -> ScriptedUtterance:
        return HungUtterance(self.transcript)


class HungModel:
    """A ``LanguageModel`` that begins and never goes on."""

    name = "hung model"

    async def chat(self, messages: Sequence[ChatMessage], _: Sequence[ChatTool] = ()) -> AsyncIterator[str | ToolCall]:
        yield "I am thinking. "
        await asyncio.Event().wait()

    async def close(self) -> None: ...


class HungVoice:
    """A ``SpeechSynthesizer`` that never gives a sample."""

    name = "hung voice"

    async def speak(self, text: str) -> AsyncIterator[Speech]:
        await asyncio.Event().wait()
        yield Speech(np.zeros(100, np.int16), 16_000)

    async def close(self) -> None: ...


@pytest.mark.parametrize("hung", ["recogniser", "model", "voice"])
async def test_a_provider_that_never_answers_is_not_waited_for_for_ever(ear: Ear, hung: str) -> None:
    sentences = load_sentences()
    responder = ChatResponder(HungModel(), ChatSettings(), CommandResponder(sentences), piece_within=0.05)
    recognizer = HungRecognizer() if hung == "recogniser" else ScriptedRecognizer("how are you doing")
    synthesis = Synthesis(HungVoice(), piece_within=0.05) if hung == "voice" else None
    resources = TurnResources(sentences.phrases, synthesis, provider_timeout_s=0.05)
    conversation = responder.conversation(Board(), "x")
    session = VoiceSession(VoiceSettings(), VadBatches(ScriptedVad()), recognizer, resources, ear, conversation)
    session.start("auto")
    session.feed(samples_of_probability(*[100] * 20, *[0] * 20))
    assert (await ear.until_reported()).outcome == "failed"
    assert ear.story[-3:] == ["emotion sad", "says Sorry, that did not work.", "ended"]
    assert ("says I am thinking." in ear.story) is (hung != "recogniser")
    await session.close()
    await responder.close()


async def test_a_turn_that_takes_long_gives_signs_of_life_until_it_is_over(
    ear: Ear, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session_module, "SIGN_EVERY", 0.01)
    responder = ChatResponder(HungModel(), ChatSettings(), CommandResponder(load_sentences()), piece_within=0.3)
    resources = TurnResources(load_sentences().phrases, None)
    conversation = responder.conversation(Board(), "x")
    session = VoiceSession(
        VoiceSettings(), VadBatches(ScriptedVad()), ScriptedRecognizer(), resources, ear, conversation
    )
    session.text("how are you doing")
    await ear.until("working", times=3)
    assert "ended" not in ear.events
    await ear.until_reported()
    signs = ear.events.count("working")
    # As much time passes as another session takes for three of them.
    other = VoiceSession(
        VoiceSettings(), VadBatches(ScriptedVad()), ScriptedRecognizer(), resources, other_ear := Ear(), conversation
    )
    other.text("how are you doing")
    await other_ear.until("working", times=3)
    assert ear.events.count("working") == signs
    await other.close()
    await session.close()
    await responder.close()


async def test_a_short_noise_is_not_answered_with_words(session: VoiceSession, ear: Ear) -> None:
    session.start("manual")
    feed(session, np.concatenate((silence(0.5), recording("numbers")[8000:10000], silence(0.5))))
    session.stop()
    await ear.until("ended")
    assert not [event for event in ear.events if event.startswith(("heard", "says"))]


async def test_audio_outside_a_listening_turn_is_ignored(session: VoiceSession, ear: Ear) -> None:
    feed(session, as_spoken("goforward"))
    session.stop()
    assert not session.busy
    await session.close()
    assert ear.events == []


async def test_text_goes_straight_to_the_intents(session: VoiceSession, ear: Ear, board: Board) -> None:
    session.text("Turn the light blue!")
    await ear.until("ended")
    assert board.calls == [BLUE]
    assert ear.story[0] == "heard Turn the light blue!"


async def test_a_wake_word_that_is_not_in_the_list_is_greeted_and_costs_no_call(ear: Ear) -> None:
    class Model(HungModel):
        asked = 0

        async def chat(self, *_: object) -> AsyncIterator[str | ToolCall]:
            self.asked += 1
            yield "I am the model."

    model = Model()
    responder = ChatResponder(model, ChatSettings(), CommandResponder(load_sentences()))
    resources = TurnResources(load_sentences().phrases, None)
    conversation = responder.conversation(Board(), "x")
    settings = VoiceSettings(greetings=("Yes?",))
    session = VoiceSession(settings, VadBatches(ScriptedVad()), ScriptedRecognizer(), resources, ear, conversation)
    session.text("hey marvin", may_be_wake_word=True)
    await asyncio.sleep(0.01)  # as far as the network lets the two come apart
    session.start("auto")
    await ear.until("ended")
    assert ear.story == ["heard hey marvin", "started", "emotion happy", "says Yes?", "ended"]
    assert model.asked == 0
    assert session.listens
    # A text without listening after it is a text.
    session.text("who are you", may_be_wake_word=True)
    await ear.until("says I am the model.")
    assert ear.stages["total"] < 200, "the wait is not counted"
    # Listening later than that stops the answer, as ever.
    ear.clear()
    session.start("auto")
    assert "says Yes?" not in ear.story
    await session.close()
    await responder.close()


async def test_listening_after_a_wake_word_does_not_cut_the_greeting(session: VoiceSession, ear: Ear) -> None:
    session.text("hi esp")
    session.start("auto")
    await ear.until("ended")
    assert "cancelled" not in ear.events
    feed(session, as_spoken("command-turn_the_light_blue-slt"))
    await ear.until("ended", times=2)
    assert "heard turn the light blue" in ear.events


async def speaking(session: VoiceSession, ear: Ear) -> None:
    """Bring a session into the middle of a reply."""
    ear.line.clear()
    session.start("auto")
    feed(session, as_spoken("goforward"))
    await ear.until("audio")


async def test_abort_while_speaking_is_silent_at_once(session: VoiceSession, ear: Ear) -> None:
    before = asyncio.all_tasks()
    await speaking(session, ear)
    session.abort()
    assert ear.events[-1] == "cancelled"
    assert session.state == VoiceState.IDLE
    ear.line.set()
    await eventually(lambda: asyncio.all_tasks() <= before)
    assert ear.events[-1] == "cancelled"


@pytest.mark.parametrize("after", ["start", "speech", "heard"])
async def test_abort_at_any_stage_leaves_nothing_and_the_next_turn_works(
    session: VoiceSession, ear: Ear, board: Board, after: str
) -> None:
    before = asyncio.all_tasks()
    session.start("auto")
    feed(session, as_spoken("goforward"))
    if after != "start":
        await ear.until(after)
    session.abort()
    noted = list(ear.events)
    await eventually(lambda: asyncio.all_tasks() <= before)
    assert ear.events == noted
    board.calls.clear()
    session.start("auto")
    feed(session, as_spoken("command-turn_the_light_blue-slt"))
    await ear.until("ended")
    assert board.calls == [BLUE]


async def test_a_new_listening_turn_cancels_the_reply(session: VoiceSession, ear: Ear) -> None:
    await speaking(session, ear)
    session.start("auto")
    assert ear.events[-1] == "cancelled"
    assert session.state == VoiceState.LISTENING


async def test_in_realtime_mode_speech_interrupts_the_reply_and_is_answered(
    session: VoiceSession, ear: Ear, board: Board
) -> None:
    ear.line.clear()
    session.start("realtime")
    feed(session, as_spoken("goforward"))
    await ear.until("audio")
    feed(session, as_spoken("command-turn_the_light_blue-slt"))
    await ear.until("cancelled")
    ear.line.set()
    await ear.until("ended")
    assert ear.events.index("cancelled") < ear.events.index("heard turn the light blue")
    assert board.calls[-1] == BLUE
    session.abort()


async def test_in_auto_mode_the_reply_is_not_disturbed_by_sound(session: VoiceSession, ear: Ear) -> None:
    await speaking(session, ear)
    feed(session, as_spoken("command-turn_the_light_blue-slt"))
    ear.line.set()
    await ear.until("ended")
    assert "cancelled" not in ear.events
    assert ear.events.count("speech") == 1


async def test_close_in_the_middle_leaves_no_task(assistant: Assistant, board: Board) -> None:
    first = assistant.session(Ear(), board, device_name="first")  # starts the recogniser's worker, which stays
    await asyncio.sleep(0)
    before = asyncio.all_tasks()
    await first.close()
    for stage in ("speech", "heard", "audio"):
        ear = Ear()
        ear.line.clear()
        session = assistant.session(ear, board, device_name="brief")
        session.start("auto")
        feed(session, as_spoken("goforward"))
        await ear.until(stage)
        await session.close()
        assert session.state == VoiceState.IDLE
    await eventually(lambda: asyncio.all_tasks() <= before)


async def test_a_session_that_is_stuck_does_not_hold_up_another(assistant: Assistant) -> None:
    ears, boards = [Ear(), Ear()], [Board(*ALL_TOOLS), Board(*ALL_TOOLS)]
    one, two = (assistant.session(e, b, device_name=n) for e, b, n in zip(ears, boards, "ab", strict=True))
    ears[0].line.clear()
    one.start("auto")
    feed(one, as_spoken("goforward"))
    await ears[0].until("audio")
    # Another one is in the middle of speaking to it.
    one.start("manual")
    feed(one, as_spoken("goforward"))
    two.start("auto")
    feed(two, as_spoken("command-turn_the_light_blue-slt"))
    await ears[1].until("ended")
    assert boards[1].calls == [BLUE]
    assert "ended" not in ears[0].events
    await one.close()
    await two.close()


async def test_ten_sessions_at_once_are_all_answered(assistant: Assistant) -> None:
    ears = [Ear() for _ in range(10)]
    sessions = [assistant.session(ear, Board(*ALL_TOOLS), device_name="x") for ear in ears]
    for session in sessions:
        session.start("auto")
        feed(session, as_spoken("goforward"))
    for ear in ears:
        await ear.until("ended")
        assert "heard go forward ten meters" in ear.events
    for session in sessions:
        await session.close()


async def test_what_cannot_be_looked_at_in_time_is_dropped_oldest_first_and_counted(
    session: VoiceSession, ear: Ear, board: Board
) -> None:
    session.start("auto")
    # All in one go, without giving the event loop a chance: only the last ten seconds stay.
    feed(session, np.concatenate((recording("numbers"), silence(9), as_spoken("command-turn_the_light_blue-slt"))))
    assert session.dropped > 16000
    await ear.until("ended")
    assert board.calls == [BLUE]


async def test_an_idle_session_announces_and_says_when_it_was_heard(session: VoiceSession, ear: Ear) -> None:
    assert not session.busy
    announcement = session.announce("Dinner is ready.", "happy")
    assert session.busy
    await announcement
    assert ear.story == ["started", "emotion happy", "says Dinner is ready.", "ended"]
    assert ear.audio
    await session.until_idle()
    assert not session.busy


async def test_an_interrupted_announcement_is_cancelled(session: VoiceSession, ear: Ear) -> None:
    ear.line.clear()
    announcement = session.announce("This goes on for long.")
    await ear.until("audio")
    waiting = asyncio.create_task(session.until_idle())
    session.abort()
    with pytest.raises(asyncio.CancelledError):
        await announcement
    await waiting
    assert ear.story[-1] == "cancelled"


async def test_listening_once_more_stops_a_greeting_too(session: VoiceSession, ear: Ear) -> None:
    ear.line.clear()
    session.text("Hi, ESP!")
    await ear.until("audio")
    session.start("auto")
    assert "cancelled" not in ear.events
    session.start("auto")
    assert ear.events[-1] == "cancelled"


async def test_listening_stops_the_answer_to_a_typed_text(session: VoiceSession, ear: Ear) -> None:
    ear.line.clear()
    session.text("what can you do")
    await ear.until("audio")
    session.start("auto")
    assert ear.events[-1] == "cancelled"
    assert (await ear.until_reported()).outcome == "interrupted"


async def test_a_new_wake_word_interrupts_a_reply(session: VoiceSession, ear: Ear) -> None:
    await speaking(session, ear)
    session.text("hi esp")
    ear.line.set()
    await ear.until("ended")
    reply = ear.story[ear.story.index("cancelled") :]
    assert reply[:4] == ["cancelled", "heard hi esp", "started", "emotion happy"]
    assert reply[4] in ("says Hello!", "says I am listening.")


@pytest.mark.parametrize("text", ["Goodbye!", "退出", "talk to you later"])
async def test_words_of_farewell_end_the_conversation(session: VoiceSession, ear: Ear, text: str) -> None:
    session.text(text)
    await ear.until("goodbye")
    assert ear.story[-3:] == ["says Goodbye.", "ended", "goodbye"]


@pytest.mark.parametrize("mode", ["auto", "realtime"])
async def test_a_microphone_that_hears_nobody_for_long_ends_the_conversation(
    assistant: Assistant, ear: Ear, board: Board, mode: str
) -> None:
    settings = VoiceSettings(tts="none", idle_goodbye_s=3, farewell="Sleep well.")
    assistant = await asyncio.to_thread(Assistant.create, settings)
    session = assistant.session(ear, board, device_name="lonely")
    session.start(mode)  # type: ignore[arg-type]
    feed(session, silence(4))
    await ear.until("goodbye")
    assert ear.story == ["started", "emotion sleepy", "says Sleep well.", "ended", "goodbye"]
    await eventually(lambda: session.state == VoiceState.IDLE)
    await session.close()
    await assistant.close()
