"""Answers of servers that have any shape: what makes no sense is a server's error, never one of the host."""

import asyncio
import json
import tempfile
from collections.abc import AsyncIterator, Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from posewire.bench.standins import HttpStandIn
from posewire.errors import ProviderError, ToolError
from posewire.sound.pcm import SAMPLE_RATE
from posewire.voice.asr.base import AcousticProfile
from posewire.voice.asr.openai import OpenAiTranscription, TranscriptionOptions
from posewire.voice.commands.actions import ACTIONS, ActionCall
from posewire.voice.llm.base import ChatMessage, ToolCall
from posewire.voice.llm.openai import AnswerParts, ChatOptions, OpenAiChat, ToolCallParts
from posewire.voice.protocols.wyoming import read_event
from posewire.voice.tools.base import ToolContext
from posewire.voice.tools.device import output_of
from posewire.voice.tools.home_assistant import HomeAssistantExecutor
from posewire.voice.tools.schema import arguments_from_json, checked_arguments
from posewire.voice.tools.settings import HomeAssistantSettings
from posewire.voice.tts.base import Speech
from posewire.voice.voiceprint.http import HttpVoiceprint, HttpVoiceprintOptions
from support.json_values import deep, json_objects, json_values

NO_SPEECH = np.zeros(SAMPLE_RATE, np.int16)
EVENT = ("choices", "delta", "message", "content", "tool_calls", "function", "name", "arguments", "index", "id")


def server_of(body: str, kind: str = "application/json") -> HttpStandIn:
    async def parts() -> AsyncIterator[bytes]:
        yield body.encode()

    return HttpStandIn(lambda request: (200, kind, parts()))


async def chat(*events: str) -> list[str | ToolCall]:
    body = "".join(f"data: {event}\n\n" for event in (*events, "[DONE]"))
    async with server_of(body, "text/event-stream") as server:
        model = OpenAiChat(ChatOptions(server.base_url))
        try:
            return [piece async for piece in model.chat([ChatMessage("user", "Hello")])]
        finally:
            await model.close()


@pytest.mark.parametrize(
    "event",
    [
        '{"choices":null}',
        '{"choices":[null]}',
        '{"choices":["x"]}',
        '{"choices":[{"delta":"x"}]}',
        '{"choices":[{"delta":{"content":[1]}}]}',
        '{"choices":[{"delta":{"tool_calls":"x"}}]}',
        '{"choices":[{"delta":{"tool_calls":[null]}}]}',
        '{"choices":[{"delta":{"tool_calls":[{"function":"x"}]}}]}',
        '{"choices":[{"delta":{"tool_calls":[{"function":{"name":7,"arguments":7}}]}}]}',
        '{"choices":[{"delta":{"tool_calls":[{"index":[],"id":{},"function":{"name":null}}]}}]}',
    ],
)
async def test_a_piece_of_no_sensible_shape_adds_nothing(event: str) -> None:
    assert await chat(event, '{"choices":[{"delta":{"content":"Yes."}}]}') == ["Yes."]


async def test_depth_is_an_error_of_the_server() -> None:
    with pytest.raises(ProviderError, match="not JSON"):
        await chat(deep(2000))


@given(st.lists(json_objects(*EVENT), max_size=5))
@settings(max_examples=50, deadline=None)
def test_any_events_make_an_answer(events: list[dict[str, Any]]) -> None:
    answer = AnswerParts()
    for event in events:
        answer.add(event)
    for call in answer.calls.complete():
        assert call.id
        assert call.name
    assert answer.size >= len(events)


@given(st.text("ab", min_size=1, max_size=9), st.data())
def test_a_name_is_put_together_however_often_it_is_said(name: str, data: st.DataObject) -> None:
    said = data.draw(st.sampled_from(["once", "every time", "so far"]))
    parts = ToolCallParts()
    for number, argument in enumerate(("{", '"a"', ":1}")):
        so_far = name[: number + 1] if said == "so far" and number < 2 else name
        piece = {"arguments": argument} | ({"name": so_far} if number == 0 or said != "once" else {})
        parts.add([{"index": 0, "id": "x", "function": piece}])
    assert parts.complete() == [ToolCall("x", name, '{"a":1}')]


def test_pieces_without_end_count_too() -> None:
    answer = AnswerParts()
    for _ in range(1000):
        answer.add({"choices": [{"delta": {"tool_calls": [{"id": "x"}, {"id": "y"}]}}]})
    assert answer.size >= 3000


@given(json_values("text", "error", "message"))
@settings(max_examples=30, deadline=None)
def test_any_transcript_is_one_or_an_error(body: Any) -> None:
    async def run() -> None:
        async with server_of(json.dumps(body)) as server:
            recognizer = OpenAiTranscription(TranscriptionOptions(server.base_url))
            utterance = recognizer.utterance(AcousticProfile())
            utterance.feed(NO_SPEECH)
            try:
                await utterance.finish()
            except ProviderError:
                pass
            finally:
                await recognizer.close()

    asyncio.run(run())


@given(json_values("embedding") | st.lists(st.just(10**305)).map(lambda many: {"embedding": many}))
@settings(max_examples=30, deadline=None)
def test_any_voiceprint_is_one_or_an_error(body: Any) -> None:
    async def run() -> None:
        async with server_of(json.dumps(body)) as server:
            engine = HttpVoiceprint(HttpVoiceprintOptions(server.base_url))
            try:
                await engine.embed(NO_SPEECH)
            except ProviderError:
                pass
            finally:
                await engine.close()

    asyncio.run(run())


def _wyoming(data: bytes, limit: int = 2**16) -> Callable[[], Any]:
    async def run() -> Any:
        reader = asyncio.StreamReader(limit)
        reader.feed_data(data)
        reader.feed_eof()
        return await read_event(reader)

    return lambda: asyncio.run(run())


@given(
    json_objects("type", "data", "data_length", "payload_length", words=("info",)).map(
        lambda head: {"type": "x"} | head
    ),
    json_values("text") | st.none(),
)
@settings(deadline=None)
def test_any_wyoming_event_is_one_or_a_value_error(head: dict[str, Any], more: Any) -> None:
    tail = json.dumps(more).encode()
    for sized in (head, {**head, "data_length": len(tail)}):
        try:
            event = _wyoming(json.dumps(sized).encode() + b"\n" + tail)()
        except (ValueError, asyncio.IncompleteReadError):
            continue
        assert isinstance(event.data, dict)


def test_a_wyoming_line_that_does_not_end_or_is_deep_is_a_value_error() -> None:
    for data in (b"x" * 5000, b"x" * 5000 + b"\n", deep(2000).encode() + b"\n"):
        with pytest.raises(ValueError):
            _wyoming(data, limit=1000 if b"[" not in data else 2**16)()


@pytest.mark.parametrize("rate", [-1, 0, 1, 3999, 192_001, 2**32 - 1])
def test_speech_has_a_rate_that_can_be_played(rate: int) -> None:
    with pytest.raises(ProviderError, match="cannot be played"):
        Speech(NO_SPEECH, rate)


class _Status:
    def __init__(self, text: str) -> None:
        self._text = text

    def available(self) -> dict[str, Any]:
        return {}

    async def call(self, name: str, arguments: Any) -> str:
        return self._text


@given(json_values("volume", "audio_speaker", "action", "response") | st.just(deep(2000, "volume")))
@settings(deadline=None)
def test_any_status_and_any_output_of_a_device_can_be_read(status: Any) -> None:
    text = status if isinstance(status, str) else json.dumps(status)
    assert isinstance(output_of(text).text, str)
    call = ActionCall(_Status(text), "self.audio_speaker.set_volume", {"by": 10}, ())
    try:
        asyncio.run(ACTIONS["change_volume"].run(call))  # type: ignore[arg-type]
    except ToolError as error:
        assert "volume" in str(error)


SCHEMA = (
    "type",
    "properties",
    "required",
    "anyOf",
    "$ref",
    "$defs",
    "items",
    "enum",
    "multipleOf",
    "minimum",
    "format",
)
WORDS = ("object", "integer", "string", "number", "boolean", "array", "#", "#/$defs/a", "a", "uri", "http://x/y")


@given(json_objects(*SCHEMA, "a", words=WORDS), json_objects("a", "type"))
@settings(max_examples=50, deadline=None)
def test_any_schema_of_others_lets_arguments_pass_or_says_what_is_wrong(
    schema: dict[str, Any], arguments: dict[str, Any]
) -> None:
    try:
        checked_arguments(schema, arguments)
    except ToolError as error:
        assert str(error)


@pytest.mark.parametrize("word", ["allOf", "anyOf", "oneOf"])
def test_a_schema_whose_definitions_double_does_not_hold_up_the_host(word: str) -> None:
    steps = {f"a{number}": {word: [{"$ref": f"#/$defs/a{number + 1}"}] * 2} for number in range(40)}
    schema = {"$defs": {**steps, "a40": {"type": "string"}}, "properties": {"a": {"$ref": "#/$defs/a0"}}}
    # It ends at all. Within the limit it would be refused: beyond it the tool decides.
    assert checked_arguments(schema, {"a": 1}) == {"a": 1}


@given(json_values() | st.just(None))
def test_any_arguments_of_a_model_are_an_object_or_an_error(value: Any) -> None:
    for text in (json.dumps(value), deep(2000), deep(2000, "a")):
        try:
            assert isinstance(arguments_from_json(text), dict)
        except ToolError:
            continue


@given(json_values("entity_id", "attributes", "friendly_name", "state", words=("light.kitchen",)))
@settings(max_examples=30, deadline=None)
def test_any_home_is_read_or_is_a_tool_error(body: Any) -> None:
    states = [{"entity_id": "light.kitchen", "state": body, "attributes": body}]
    answers = iter((json.dumps(states), json.dumps(body)))

    async def run(path: str) -> None:
        async def parts() -> AsyncIterator[bytes]:
            yield next(answers).encode()

        async with HttpStandIn(lambda request: (200, "application/json", parts())) as server:
            executor = HomeAssistantExecutor(HomeAssistantSettings(server.base_url, token_file=path))
            try:
                await executor.call("home.state", {"entity": "light.kitchen"}, ToolContext())
            except ToolError:
                pass
            finally:
                await executor.close()

    with tempfile.NamedTemporaryFile("w") as file:
        file.write("secret")
        file.flush()
        asyncio.run(run(file.name))
