"""The OpenAI-compatible chat against a real HTTP server."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from posewire.bench.standins import Call, HttpStandIn, OpenAiScript
from posewire.config import read_table
from posewire.errors import ConfigError, ProviderError
from posewire.voice.llm.base import ChatMessage, ChatTool, ToolCall
from posewire.voice.llm.openai import ChatOptions, OpenAiChat, ToolCallParts
from support.waiting import eventually

HELLO = [ChatMessage("system", "Be brief."), ChatMessage("user", "How are you?")]


async def answer(server: HttpStandIn, messages: Sequence[ChatMessage] = HELLO, **options: object) -> list[object]:
    chat = OpenAiChat(ChatOptions(server.base_url, **options))  # type: ignore[arg-type]
    try:
        return [piece async for piece in chat.chat(messages, [ChatTool("light", "The light.", {"type": "object"})])]
    finally:
        await chat.close()


def says(*lines: bytes, kind: str = "text/event-stream", status: int = 200) -> HttpStandIn:
    async def parts() -> AsyncIterator[bytes]:
        for line in lines:
            yield line

    return HttpStandIn(lambda request: (status, kind, parts()))


async def test_text_comes_in_pieces_while_it_is_written() -> None:
    async with HttpStandIn(OpenAiScript("Fine, thank you.", token_s=0.01)) as server:
        pieces = await answer(server, model="small", max_tokens=50, extra={"think": False})
    assert pieces == ["Fine, ", "thank ", "you."]
    asked = server.requests[0].json()
    assert asked["messages"] == [{"role": m.role, "content": m.content} for m in HELLO]
    assert (asked["model"], asked["stream"], asked["max_tokens"], asked["think"]) == ("small", True, 50, False)
    assert asked["tools"][0]["function"]["name"] == "light"
    assert "temperature" not in asked


async def test_tool_calls_are_put_together_from_their_pieces() -> None:
    calls = [Call("light", {"on": True, "colour": "blue"}), Call("say", {"text": "it's on"})]
    async with HttpStandIn(OpenAiScript(lambda messages: calls)) as server:
        pieces = await answer(server)
    assert [(call.name, json.loads(call.arguments)) for call in pieces if isinstance(call, ToolCall)] == [
        ("light", {"on": True, "colour": "blue"}),
        ("say", {"text": "it's on"}),
    ]


async def test_a_tools_answer_goes_back_under_its_id() -> None:
    messages = [
        *HELLO,
        ChatMessage("assistant", tool_calls=(ToolCall("a1", "light", ""),)),
        ChatMessage("tool", "done", tool_call_id="a1"),
    ]
    async with HttpStandIn(OpenAiScript()) as server:
        await answer(server, messages)
    call, result = server.requests[0].json()["messages"][2:]
    assert call["tool_calls"][0] == {"id": "a1", "type": "function", "function": {"name": "light", "arguments": "{}"}}
    assert result == {"role": "tool", "content": "done", "tool_call_id": "a1"}


async def test_an_iterator_that_is_closed_closes_the_connection() -> None:
    async with HttpStandIn(OpenAiScript("one two three four", token_s=5)) as server:
        chat = OpenAiChat(ChatOptions(server.base_url))
        async with aclosing(chat.chat(HELLO)) as pieces:  # type: ignore[type-var]
            assert await anext(pieces) == "one "
            assert server.open == 1
        await eventually(lambda: server.open == 0)
        assert server.broken == 1
        await chat.close()


async def test_a_task_that_is_cancelled_closes_the_connection() -> None:
    async with HttpStandIn(OpenAiScript(first_s=5)) as server:
        before = asyncio.all_tasks()
        task = asyncio.create_task(answer(server))
        await eventually(lambda: server.open == 1)
        task.cancel()
        await eventually(lambda: server.open == 0)
        assert task.cancelled()
        await eventually(lambda: len(asyncio.all_tasks()) == len(before))


@pytest.mark.parametrize(
    ("server", "complaint"),
    [
        (says(b'{"error": {"message": "no such model"}}', status=404, kind="application/json"), "404.*no such model"),
        (says(b'data: {"error": {"message": "out of memory"}}\n\n'), "out of memory"),
        (says(b"data: {nonsense\n\n"), "not JSON"),
        (says(b'data: {"choices":[{"delta":{"content":"half"}}]}\n\n'), "broke off"),
        (says(b"data: [1]\n\n"), "not an answer"),
    ],
    ids=["status", "error event", "garbage", "broken off", "no object"],
)
async def test_what_goes_wrong_is_said(server: HttpStandIn, complaint: str) -> None:
    async with server:
        with pytest.raises(ProviderError, match=complaint):
            await answer(server)


async def test_a_server_that_is_silent_or_away_is_given_up() -> None:
    async with HttpStandIn(OpenAiScript(first_s=5)) as server:
        with pytest.raises(ProviderError, match="does not answer in time"):
            await answer(server, timeout_s=0.1)
    with pytest.raises(ProviderError, match=r"127\.0\.0\.1"):
        await answer(server)


async def test_a_server_that_does_not_stream_is_understood() -> None:
    body = b'{"choices":[{"message":{"content":"Whole."},"finish_reason":"stop"}]}'
    async with says(body, kind="application/json") as server:
        assert await answer(server) == ["Whole."]


async def test_the_key_comes_from_the_environment_or_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MY_KEY", "sesame")
    async with HttpStandIn(OpenAiScript()) as server:
        await answer(server, api_key_env="MY_KEY")
        await answer(server)
    assert server.requests[0].headers["authorization"] == "Bearer sesame"
    assert "authorization" not in server.requests[1].headers
    with pytest.raises(ConfigError, match="NO_SUCH_KEY is not set"):
        OpenAiChat(ChatOptions("http://127.0.0.1/v1", api_key_env="NO_SUCH_KEY"))
    with pytest.raises(ConfigError, match="api_key_file"):
        OpenAiChat(ChatOptions("http://127.0.0.1/v1", api_key_file=f"{tmp_path}/none"))


@pytest.mark.parametrize(
    ("table", "complaint"),
    [
        ({}, "needs the setting base_url"),
        ({"base_url": "localhost:8080"}, "base_url must be an address"),
        ({"base_url": "http://x/v1", "modle": "y"}, "no setting 'modle'"),
        ({"base_url": "http://x/v1", "timeout_s": "long"}, "timeout_s must be a finite number"),
    ],
)
def test_wrong_options_are_named(table: dict[str, object], complaint: str) -> None:
    with pytest.raises(ConfigError, match=rf"\[voice.providers.llm.openai\].*{complaint}"):
        read_table(ChatOptions, table, "voice.providers.llm.openai")


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.text("abc_", min_size=1), st.text(max_size=40)), min_size=1, max_size=4),
    st.integers(1, 9),
    st.sampled_from(["index", "id only", "same index"]),
)
def test_calls_survive_any_cut_and_any_way_of_numbering(calls: list[tuple[str, str]], size: int, how: str) -> None:
    together = ToolCallParts()
    for number, (name, arguments) in enumerate(calls):
        pieces = [arguments[i : i + size] for i in range(0, len(arguments), size)]
        for position, piece in enumerate(["", *pieces]):
            delta: dict[str, object] = {"function": {"arguments": piece}}
            if how != "id only":
                delta["index"] = number if how == "index" else 0
            if position == 0:
                delta |= {"id": f"c{number}", "function": {"name": name, "arguments": ""}}
            together.add([delta])
    assert together.complete() == [ToolCall(f"c{n}", name, text) for n, (name, text) in enumerate(calls)]
