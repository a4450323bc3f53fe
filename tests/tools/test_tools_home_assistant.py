"""Home Assistant as tools, against its API over real HTTP."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from posewire.errors import ConfigError, ToolError
from posewire.voice.tools.base import ToolContext
from posewire.voice.tools.home_assistant import HomeAssistantExecutor
from posewire.voice.tools.settings import HomeAssistantSettings
from support.servers.home_assistant import Home

CONTEXT = ToolContext()


@pytest.fixture
async def home() -> AsyncIterator[tuple[Home, str]]:
    made = Home()
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    yield made, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    server.close()


def executor_for(url: str, tmp_path: Path, token: str = "secret") -> HomeAssistantExecutor:
    file = tmp_path / "token"
    file.write_text(token + "\n")
    return HomeAssistantExecutor(HomeAssistantSettings(url, token_file=str(file)))


async def test_the_home_is_seen_and_switched_by_the_names_that_people_use(
    home: tuple[Home, str], tmp_path: Path
) -> None:
    there, url = home
    executor = executor_for(url, tmp_path)

    async def call(name: str, **arguments: Any) -> str:
        return (await executor.call(name, arguments, CONTEXT)).text

    assert await call("home.list", domain="light") == "light.kitchen: Kitchen Light: off\nlight.desk: Desk Light: on"
    assert await call("home.turn", entity="kitchen light", on=True) == "Kitchen Light is on"
    assert there.requests[-1] == ("POST", "/api/services/homeassistant/turn_on", {"entity_id": "light.kitchen"})
    assert await call("home.state", entity="light.kitchen") == "Kitchen Light: on"
    assert await call("home.state", entity="outside") == "Outside temperature: 7.5 °C"
    more = {"brightness_pct": 40, "entity_id": "lock.door"}
    await call("home.call", service="light.turn_on", entity="Desk light", data=more)
    body = {"brightness_pct": 40, "entity_id": "light.desk"}
    assert there.requests[-1] == ("POST", "/api/services/light/turn_on", body)
    await executor.close()


@pytest.mark.parametrize(
    ("name", "arguments", "complaint"),
    [
        ("home.turn", {"entity": "light", "on": True}, "say which"),
        ("home.turn", {"entity": "garage", "on": True}, "nothing called garage"),
        ("home.turn", {"entity": "lock.door", "on": False}, "nothing called"),
        ("home.call", {"service": "lock.unlock", "entity": "desk light"}, "not allowed"),
        ("home.call", {"service": "light/../x.y", "entity": "desk light"}, "not a service"),
        ("home.call", {"service": "light.explode", "entity": "desk light"}, "answers 404"),
    ],
)
async def test_what_is_not_there_or_not_allowed_is_said(
    home: tuple[Home, str], tmp_path: Path, name: str, arguments: dict[str, Any], complaint: str
) -> None:
    executor = executor_for(home[1], tmp_path)
    with pytest.raises(ToolError, match=complaint):
        await executor.call(name, arguments, CONTEXT)
    await executor.close()


async def test_a_home_that_is_away_broken_or_locked_is_said(home: tuple[Home, str], tmp_path: Path) -> None:
    there, url = home
    for address, token, broken, complaint in (
        ("http://127.0.0.1:9", "secret", False, "cannot be reached"),
        (url, "wrong", False, "refuses the token"),
        (url, "secret", True, "not JSON"),
    ):
        there.broken = broken
        executor = executor_for(address, tmp_path, token)
        with pytest.raises(ToolError, match=complaint):
            await executor.call("home.list", {}, CONTEXT)
        await executor.close()


def test_a_token_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_SUCH_TOKEN", raising=False)
    with pytest.raises(ConfigError, match="NO_SUCH_TOKEN is not set"):
        HomeAssistantExecutor(HomeAssistantSettings("http://127.0.0.1:8123", token_env="NO_SUCH_TOKEN"))
