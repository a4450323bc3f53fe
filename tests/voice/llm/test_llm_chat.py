"""The dialogue with a model: over real HTTP to a server that answers as the test says."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from posewire.bench.standins import Call, HttpStandIn, OpenAiScript
from posewire.errors import ProviderError
from posewire.server.state.conversation_memory import TABLES, StoredMemory
from posewire.store import Store
from posewire.voice.assistant import Assistant
from posewire.voice.chat_settings import ChatSettings, DevicePrompt
from posewire.voice.commands.responder import CommandResponder
from posewire.voice.commands.sentences_file import load_sentences
from posewire.voice.conversation import Emotion, StageTime
from posewire.voice.llm.chat import ChatConversation, ChatResponder
from posewire.voice.llm.openai import ChatOptions, OpenAiChat
from posewire.voice.settings import VoiceSettings
from support.board import ALL_TOOLS, Board
from support.ear import Ear
from support.waiting import eventually

Messages = Sequence[dict[str, Any]]


@contextlib.asynccontextmanager
async def talking(
    script: Any,
    board: Board | None = None,
    memory: StoredMemory | None = None,
    settings: ChatSettings | None = None,
    **more: Any,
) -> AsyncIterator[tuple[ChatConversation, HttpStandIn]]:
    script = script if isinstance(script, OpenAiScript) else OpenAiScript(script)
    async with HttpStandIn(script) as server:
        model = OpenAiChat(ChatOptions(server.base_url))
        commands = CommandResponder(load_sentences([]))
        responder = ChatResponder(model, settings or ChatSettings(**more), commands, memory)
        yield responder.conversation(board or Board(*ALL_TOOLS), "kitchen"), server
        await responder.close()


async def answer(conversation: ChatConversation, text: str) -> tuple[str, list[str]]:
    """Return what is said, and the faces."""
    pieces = [piece async for piece in conversation.answer(text)]
    said = "".join(piece for piece in pieces if isinstance(piece, str))
    return said, [piece.name for piece in pieces if isinstance(piece, Emotion)]


async def test_the_model_knows_where_it_is_and_what_was_said() -> None:
    devices = {"Kitchen": DevicePrompt(name="the stove", room="kitchen", user="Ada")}
    async with talking("[happy] Fine. And you?", devices=devices) as (conversation, server):
        assert await answer(conversation, "How are you?") == ("Fine. And you?", ["happy"])
        assert await answer(conversation, "Good, too.") == ("Fine. And you?", ["happy"])
    system, *rest = server.requests[1].json()["messages"]
    for part in ("the stove", "in the kitchen", "Ada", f"{datetime.now():%Y}", "laughing"):
        assert part in system["content"]
    assert [(message["role"], message["content"]) for message in rest] == [
        ("user", "How are you?"),
        ("assistant", "Fine. And you?"),
        ("user", "Good, too."),
    ]


async def test_tools_are_called_and_their_results_told() -> None:
    def script(messages: Messages) -> Any:
        if messages[-1]["role"] == "tool":
            return f"It is {messages[-1]['content']}."
        return [Call("self_robot_drive", {"direction": "forward", "meters": 2}), Call("self_nothing")]

    board = Board(*ALL_TOOLS)
    async with talking(script, board) as (conversation, server):
        said, _ = await answer(conversation, "Please come two meters closer to me.")
    assert "Error: there is no tool self_nothing" in said
    assert board.calls == [("self.robot.drive", {"direction": "forward", "meters": 2})]
    roles = [message["role"] for message in server.requests[1].json()["messages"]]
    assert roles == ["system", "user", "assistant", "tool", "tool"]


async def test_a_model_that_only_calls_tools_is_stopped() -> None:
    def script(messages: Messages) -> Any:
        rounds = sum(message["role"] == "tool" for message in messages)
        return Call("self_led_turn_on") if rounds < 3 else "Enough."

    board = Board(*ALL_TOOLS)
    async with talking(script, board, max_rounds=3) as (conversation, server):
        assert (await answer(conversation, "Make it blink, will you?"))[0] == "Enough."
    assert len(board.calls) == 3
    assert "tools" not in server.requests[3].json()


@pytest.mark.parametrize("silence", ["", " \n", "<think>That is all.</think>", "🙂"])
async def test_a_tool_call_without_a_word_is_confirmed(silence: str) -> None:
    def script(messages: Messages) -> Any:
        return silence if messages[-1]["role"] == "tool" else Call("self_led_turn_on")

    async with talking(script) as (conversation, _):
        assert (await answer(conversation, "Could you make it bright?"))[0].strip(" 🙂") == "Done."
        assert conversation.history.messages()[-1].content.strip(" 🙂") == "Done."


async def test_a_tool_that_failed_without_a_word_is_not_called_done() -> None:
    def script(messages: Messages) -> Any:
        return "" if messages[-1]["role"] == "tool" else Call("self_led_turn_on")

    async with talking(script, Board(*ALL_TOOLS, broken=True)) as (conversation, _):
        assert await answer(conversation, "Could you make it bright?") == ("Sorry, that did not work.", ["sad"])


async def test_commands_need_no_model() -> None:
    board = Board(*ALL_TOOLS)
    async with talking("I am the model.", board) as (conversation, server):
        assert await answer(conversation, "turn on the light") == ("The light is on.", ["happy"])
        assert "Shall I restart" in (await answer(conversation, "restart yourself"))[0]
        assert (await answer(conversation, "no"))[0] == "Okay."
        assert (await answer(conversation, "no"))[0] == "I am the model."
        assert len(server.requests) == 1
        known = [message["content"] for message in server.requests[0].json()["messages"]]
        assert "turn on the light" in known, "the model knows what was done without it"


@pytest.mark.parametrize("text", ["turn on the light", "Could you make it bright, please, for a while?"])
async def test_the_first_turn_waits_for_the_tools_of_a_board_that_lists_them_late(text: str) -> None:
    def script(messages: Messages) -> Any:
        return "It is bright." if messages[-1]["role"] == "tool" else Call("self_led_turn_on")

    board = Board(*ALL_TOOLS, late=True)
    async with talking(script, board) as (conversation, server):
        answering = asyncio.create_task(answer(conversation, text))
        await asyncio.sleep(0.02)
        assert not answering.done()
        assert not server.requests
        board.list_tools()
        await answering
    assert board.calls == [("self.led.turn_on", {})]


async def test_what_was_heard_of_an_interrupted_answer_counts() -> None:
    script = OpenAiScript("One. Two. Three.", token_s=0.05)
    async with talking(script) as (conversation, _):
        async with aclosing(conversation.answer("Count for me.")) as pieces:  # type: ignore[type-var]
            async for piece in pieces:
                if isinstance(piece, str):
                    break
        assert conversation.history.messages()[-1].content.startswith("One.")
        assert conversation.history.messages()[-1].content.endswith("(interrupted)")
        script.sent.clear()
        slow = asyncio.create_task(answer(conversation, "Again."))
        await eventually(lambda: bool(script.sent))
        slow.cancel()
        with pytest.raises(asyncio.CancelledError):
            await slow
        roles = [message.role for message in conversation.history.messages()]
        assert roles == ["user", "assistant"] * 2


async def test_a_model_that_fails_is_said_and_the_dialogue_goes_on() -> None:
    script = OpenAiScript("Yes.", status=500)
    async with talking(script) as (conversation, _):
        with pytest.raises(ProviderError, match="500"):
            await answer(conversation, "Are you there?")
        script.status = 200
        assert (await answer(conversation, "And now?"))[0] == "Yes."
        assert [m.role for m in conversation.history.messages()] == ["user", "assistant"] * 2


async def test_the_stages_of_the_answer_are_told() -> None:
    def script(messages: Messages) -> Any:
        return "Done." if messages[-1]["role"] == "tool" else Call("self_led_turn_on")

    async with talking(script) as (conversation, _):
        pieces = [piece async for piece in conversation.answer("Light, if you would be so kind.")]
    assert [piece.stage for piece in pieces if isinstance(piece, StageTime)] == ["tool"]


async def test_a_summary_is_there_in_the_next_session_if_that_is_wanted(tmp_path: Path) -> None:
    def script(messages: Messages) -> str:
        return "Ada likes tea." if "Write down" in messages[0]["content"] else "I see."

    store = Store(tmp_path / "s.db", [TABLES])
    memory = StoredMemory(store)
    for wanted in (False, True):
        settings = ChatSettings(memory=wanted, memory_pause_s=0.01)
        async with talking(script, memory=memory, settings=settings) as (conversation, server):
            await answer(conversation, "I am Ada, I like tea.")
            if wanted:
                await eventually(lambda: len(server.requests) == 2)
                while not await memory.recall("kitchen"):
                    await asyncio.sleep(0.01)
            else:
                assert await memory.recall("kitchen") == ""
    async with talking(script, memory=memory, settings=ChatSettings(memory=True)) as (conversation, server):
        await answer(conversation, "What do I like?")
        assert "you remember: Ada likes tea." in server.requests[0].json()["messages"][0]["content"]
    store.close()


async def test_nothing_is_remembered_of_a_device_that_will_have_another_name(tmp_path: Path) -> None:
    store = Store(tmp_path / "s.db", [TABLES])
    memory = StoredMemory(store)
    settings = ChatSettings(memory=True, memory_pause_s=0.01)
    async with talking("I see.", memory=memory, settings=settings) as (conversation, server):
        for lasting in (False, True):
            conversation.memorable = lasting
            await answer(conversation, "I am Ada, I like tea.")
        while not await memory.recall("kitchen"):
            await asyncio.sleep(0.01)
        # Two answers, and the summary of the second.
        assert len(server.requests) == 3
    store.close()


@pytest.mark.parametrize("reply", ["", "[happy]", "<think>Let me see.</think>", "<think>It never ends"])
async def test_thoughts_and_emotions_alone_are_no_answer(ear: Ear, board: Board, reply: str) -> None:
    async with HttpStandIn(OpenAiScript(reply)) as server:
        options = {"llm": {"openai": {"base_url": server.base_url}}}
        made = await asyncio.to_thread(Assistant.create, VoiceSettings(tts="none", llm="openai", providers=options))
        session = made.session(ear, board, device_name="kitchen")
        session.text("Do you like it here?")
        assert (await ear.until_reported()).outcome == "no answer"
        assert ear.story[-2:] == ["says I have no answer to that.", "ended"]
        await session.close()
        await made.close()


async def test_a_whole_session_with_a_model(ear: Ear, board: Board) -> None:
    async with HttpStandIn(OpenAiScript("🤔 Well. I think so.")) as server:
        options = {"llm": {"openai": {"base_url": server.base_url}}}
        made = await asyncio.to_thread(
            Assistant.create, VoiceSettings(tts="none", llm="openai", providers=options, chat=ChatSettings(user="Ada"))
        )
        session = made.session(ear, board, device_name="kitchen")
        session.text("Do you like it here?")
        await ear.until("ended")
        await session.close()
        await made.close()
    assert [event for event in ear.story if event.startswith(("emotion", "says"))] == [
        "emotion thinking",
        "says Well.",
        "says I think so.",
    ]
    assert set(made.caches()) == {"prompts"}
