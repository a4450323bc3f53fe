"""Messages between participants through the video bridge, with bridges that say anything."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection, serve

from posewire.jitsi import bridge_channel as module
from posewire.jitsi.bridge_channel import MAX_MESSAGE, BridgeChannel
from support.waiting import eventually

HELLO = '{"colibriClass":"ServerHello","version":"2.3"}'


@asynccontextmanager
async def bridge(talk: Callable[[ServerConnection], Awaitable[None]]) -> AsyncIterator[str]:
    async with serve(talk, "127.0.0.1", 0, max_size=None) as server:
        yield f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/colibri-ws/x"


def channel(url: str) -> tuple[BridgeChannel, list[Any], list[bool]]:
    heard: list[Any] = []
    changes: list[bool] = []
    made = BridgeChannel(
        url, "https://meet.test", lambda sender, payload: heard.append((sender, payload)), changes.append
    )
    made.begin()
    return made, heard, changes


async def test_it_is_open_when_the_bridge_has_said_hello_and_opened_again_when_lost() -> None:
    origins: list[str | None] = []
    go_on = asyncio.Event()

    async def talk(socket: ServerConnection) -> None:
        assert socket.request is not None
        origins.append(socket.request.headers.get("Origin"))
        await go_on.wait()
        await socket.send(HELLO)
        said = json.loads(await socket.recv())
        said["from"] = "0a0b0c0d"
        await socket.send(json.dumps(said))
        await asyncio.sleep(0)

    async with bridge(talk) as url:
        made, heard, changes = channel(url)
        await eventually(lambda: bool(origins))
        with pytest.raises(ConnectionError):
            await made.send("x", {})
        assert not changes
        go_on.set()
        await eventually(lambda: changes == [True])
        await made.send("0a0b0c0d", {"n": 1})
        await eventually(lambda: len(changes) >= 3)
        assert heard == [("0a0b0c0d", {"n": 1})]
        assert changes[:3] == [True, False, True]
        assert set(origins) == {"https://meet.test"}
        await made.close()


async def test_a_bridge_that_does_not_say_hello_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_OPENING", 0.5)
    came: list[ServerConnection] = []

    async def talk(socket: ServerConnection) -> None:
        came.append(socket)
        if len(came) > 1:
            await socket.send(HELLO)
        await socket.wait_closed()

    async with bridge(talk) as url:
        made, _, changes = channel(url)
        await eventually(lambda: changes == [True])
        assert len(came) > 1
        await made.close()


async def test_what_is_no_message_of_a_participant_is_left_aside() -> None:
    async def talk(socket: ServerConnection) -> None:
        for said in (
            HELLO, "not JSON", b"\x00", "[]", "7", '{"colibriClass":7}', '{"colibriClass":"EndpointMessage"}',
            '{"colibriClass":"EndpointMessage","from":"a","msgPayload":"text"}',
            json.dumps({"colibriClass": "EndpointMessage", "from": "a", "msgPayload": {"x": "y" * MAX_MESSAGE}}),
            '{"colibriClass":"LastNEndpointsChangeEvent"}',
            '{"colibriClass":"EndpointMessage","from":"a","msgPayload":{"n":1}}',
        ):  # fmt: skip
            await socket.send(said)
        await socket.wait_closed()

    async with bridge(talk) as url:
        made, heard, _ = channel(url)
        await eventually(lambda: bool(heard))
        assert heard == [("a", {"n": 1})]
        await made.close()
