"""A stock device whose turn is refused hears of its end: told of an error alone, it would listen for ever."""

import pytest

from posewire.identity.principal import Principal
from server.connection.wired import LOCAL, Parts, Wire
from support.waiting import eventually

VIEWER = Principal("person", "ann", frozenset({"room.*"}))


@pytest.fixture(autouse=True)
def short_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("posewire.server.connection.voice.refused_turn.REST", 0.05)


async def until_stop(wire: Wire) -> list[dict[str, str]]:
    """The messages until the device is told that the reply is over."""
    found: list[dict[str, str]] = []

    def over() -> bool:
        found.extend(wire.messages())
        return any(message.get("state") == "stop" for message in found)

    await eventually(over)
    return found


@pytest.mark.parametrize(
    ("principal", "code", "why"),
    [(LOCAL, "not_available", "this host runs without a voice pipeline"), (VIEWER, "forbidden", "voice")],
)
@pytest.mark.parametrize("listen", [{"state": "start", "mode": "auto"}, {"state": "detect", "text": "hello"}])
async def test_a_turn_that_is_refused_is_ended_with_the_reason(
    parts: Parts, principal: Principal, code: str, why: str, listen: dict[str, str]
) -> None:
    wire = parts.greeted("stock", principal)
    for _ in range(2):  # It listens again after each reply.
        wire.send(type="listen", **listen)
        error, *reply = await until_stop(wire)
        assert (error["type"], error["code"]) == ("error", code)
        assert [(part["type"], part["state"]) for part in reply] == [
            ("tts", "start"), ("tts", "sentence_start"), ("tts", "stop"),
        ]  # fmt: skip
        assert why in reply[1]["text"]


async def test_there_is_one_reply_to_many_refusals(parts: Parts) -> None:
    wire = parts.greeted("stock")
    for _ in range(5):
        wire.send(type="listen", state="start", mode="auto")
    found = await until_stop(wire)
    assert [message["state"] for message in found if message["type"] == "tts"] == ["start", "sentence_start", "stop"]


@pytest.mark.parametrize("wrong", [{"state": "stop"}, {}, {"state": ["start"]}])
async def test_what_begins_no_turn_ends_none(parts: Parts, wrong: dict[str, object]) -> None:
    wire = parts.greeted("stock")
    wire.send(type="listen", **wrong)
    wire.send(type="listen", state="start", mode="auto")
    found = await until_stop(wire)
    assert [message["type"] for message in found] == ["error", "error", "tts", "tts", "tts"]


async def test_a_board_of_this_project_ends_its_turn_with_the_error(parts: Parts) -> None:
    wire = parts.greeted("ours", device={"board": "sim"})
    wire.send(type="listen", state="start", mode="auto")
    wire.send(type="ping", id=1)
    assert [message["type"] for message in wire.messages()] == ["error", "pong"]


async def test_a_device_that_leaves_meanwhile_is_told_nothing(parts: Parts) -> None:
    wire = parts.greeted("stock")
    wire.send(type="listen", state="start", mode="auto")
    wire.lose()
    assert wire.handler.voice.close() == []
