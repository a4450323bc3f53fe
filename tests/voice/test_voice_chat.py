"""The dialogue with a model: over real HTTP to a server that says what the test tells it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posewire.bench.standins import Call, HttpStandIn, OpenAiScript
from posewire.config import read_table
from posewire.errors import ConfigError, ProviderError
from posewire.server.state.conversation_memory import TABLES, StoredMemory
from posewire.store import Store
from posewire.voice.assistant import Assistant
from posewire.voice.commands.responder import CommandResponder
from posewire.voice.commands.sentences import load_sentences
from posewire.voice.conversation import Emotion, Took
from posewire.voice.llm.base import ChatMessage, ToolCall
from posewire.voice.llm.chat import ChatConversation, ChatResponder
from posewire.voice.llm.emotions import EMOJI, ModelText
from posewire.voice.llm.history import History, tokens_of
from posewire.voice.llm.openai import ChatOptions, OpenAiChat
from posewire.voice.llm.prompt import PromptManager
from posewire.voice.llm.settings import ChatSettings, DevicePrompt, check_template
from posewire.voice.settings import VoiceSettings
from voice.conftest import ALL_TOOLS, Board, Ear, eventually

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


async def test_what_was_heard_of_an_interrupted_answer_counts() -> None:
    async with talking(OpenAiScript("One. Two. Three.", token_s=0.05)) as (conversation, _):
        async with aclosing(conversation.answer("Count for me.")) as pieces:  # type: ignore[type-var]
            async for piece in pieces:
                if isinstance(piece, str):
                    break
        assert conversation.history.messages()[-1].content.startswith("One.")
        assert conversation.history.messages()[-1].content.endswith("(interrupted)")
        slow = asyncio.create_task(answer(conversation, "Again."))
        await asyncio.sleep(0.08)
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
    assert [piece.stage for piece in pieces if isinstance(piece, Took)] == ["tool"]


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
            conversation.lasting = lasting
            await answer(conversation, "I am Ada, I like tea.")
        while not await memory.recall("kitchen"):
            await asyncio.sleep(0.01)
        # Two answers, and the summary of the second.
        assert len(server.requests) == 3
    store.close()


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


# --- prompt


def test_a_prompt_file_is_read_again_and_a_wrong_one_is_named(tmp_path: Path) -> None:
    file = tmp_path / "prompt.txt"
    file.write_text("You are {device} at {time}. {memory}")
    prompts = PromptManager(ChatSettings(prompt_file=str(file)), clock=lambda: datetime(2026, 1, 2, 3, 4))
    assert prompts.of("x", "Ada.") == "You are x at 03:04. From earlier conversations you remember: Ada."
    file.write_text("Now {room}!")
    prompts.cache.clear()
    assert prompts.of("x") == "Now !"
    for bad in ("{nothing}", "{", "{device.name}", "{device!r:>9}{0}"):
        with pytest.raises(ConfigError, match="prompt"):
            check_template(bad)
        with pytest.raises(ConfigError):
            ChatSettings(prompt=bad)
    with pytest.raises(ConfigError, match="gone"):
        PromptManager(ChatSettings(prompt_file="gone.txt"))
    with pytest.raises(ConfigError, match=r'\[voice\.chat\.devices\."x y"\] has no setting '):
        read_table(ChatSettings, {"devices": {"x y": {"nonsense": 1}}}, "voice.chat")
    with pytest.raises(ConfigError, match="max_turns"):
        read_table(ChatSettings, {"max_turns": 0}, "voice.chat")


# --- history


@given(st.lists(st.integers(0, 400), max_size=40), st.integers(1, 10), st.integers(10, 300))
def test_history_stays_within_its_bounds_and_keeps_turns_whole(sizes: list[int], turns: int, tokens: int) -> None:
    history = History(turns, tokens)
    for number, size in enumerate(sizes):
        call = ToolCall(str(number), "t", "x" * size)
        history.add([ChatMessage("user", str(number)), ChatMessage("assistant", tool_calls=(call,))])
        assert len(history) <= turns
        assert history.tokens == sum(map(tokens_of, history.messages())) <= tokens
        assert [message.role for message in history.messages()] == ["user", "assistant"] * len(history)
        kept = [int(message.content) for message in history.messages() if message.role == "user"]
        assert kept == list(range(number + 1 - len(kept), number + 1))


def test_other_writing_weighs_more() -> None:
    assert tokens_of(ChatMessage("user", "今天天气怎么样")) > tokens_of(ChatMessage("user", "weather"))


# --- a model's text


def told(pieces: Sequence[str]) -> tuple[str, list[str]]:
    text = ModelText()
    found = [out for piece in pieces for out in text.push(piece)] + list(text.flush())
    said = "".join(piece for piece in found if isinstance(piece, str))
    return said, [piece.name for piece in found if isinstance(piece, Emotion)]


@pytest.mark.parametrize(
    ("text", "said", "faces"),
    [
        ("[happy] Hello.", "Hello.", ["happy"]),
        ("[happy] [sad] Hello.", "[sad] Hello.", ["happy"]),
        ("<think>What [sad] now?</think>\n\n[sad] Oh.", "Oh.", ["sad"]),
        ("Oh 😂 well 😔", "Oh 😂 well 😔", ["funny"]),
        ("[1] is a number", "[1] is a number", []),
        ("[happy", "[happy", []),
        ("a < b <think", "a < b <think", []),
        ("<think>never ends", "", []),
        ("", "", []),
    ],
)
def test_faces_are_told_and_thoughts_are_not(text: str, said: str, faces: list[str]) -> None:
    assert told([text]) == (said, faces)


_parts = st.sampled_from(["<think>", "</think>", "[happy]", "[", "]", " ", "a", "😂", "<", "th", "happy", "\n"])


@given(st.lists(_parts, max_size=12).map("".join), st.data())
def test_it_does_not_matter_how_the_text_is_cut(text: str, data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=5)))
    pieces = [text[start:end] for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    assert told(pieces) == told([text])


def test_every_face_has_its_own_emoji() -> None:
    assert len(set(EMOJI.values())) == len(EMOJI) == 21
