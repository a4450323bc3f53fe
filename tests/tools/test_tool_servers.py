"""Tools behind other servers: real MCP servers in processes of their own, and Home Assistant's API over real HTTP."""

import asyncio
import json
import sys
import textwrap
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from posewire.errors import ConfigError, ToolError
from posewire.voice.tools.base import ToolContext
from posewire.voice.tools.home_assistant import HomeAssistantExecutor
from posewire.voice.tools.mcp_server import McpServerExecutor
from posewire.voice.tools.settings import HomeAssistantSettings, McpServerSettings

CONTEXT = ToolContext()
SERVER = textwrap.dedent(
    """
    import os, sys
    from mcp.server import MCPServer

    server = MCPServer("test")

    @server.tool()
    def add(a: int, b: int) -> str:
        "Add two numbers."
        return str(a + b)

    @server.tool()
    def fail() -> str:
        "Fail."
        raise ValueError("it went wrong")

    @server.tool()
    def secret() -> str:
        "Tell a variable."
        return os.environ.get("TOOL_SECRET", "none") + os.environ.get("OTHER_SECRET", "none")

    @server.tool()
    def die() -> str:
        "End the server."
        os._exit(1)

    if len(sys.argv) > 1:
        server.run("streamable-http", host="127.0.0.1", port=int(sys.argv[1]))
    else:
        server.run("stdio")
    """
)


@pytest.fixture
def program(tmp_path: Path) -> Path:
    path = tmp_path / "server.py"
    path.write_text(SERVER)
    return path


async def test_a_program_offers_its_tools_and_comes_back_after_its_end(
    program: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOOL_SECRET", "told")
    monkeypatch.setenv("OTHER_SECRET", "not told")
    executor = McpServerExecutor(
        McpServerSettings("test", command=(sys.executable, str(program)), pass_env=("TOOL_SECRET",))
    )
    with pytest.raises(ToolError, match="not connected"):
        await executor.call("test.add", {}, CONTEXT)
    executor.start()
    try:
        assert await executor.ready(60)
        tools = executor.available()
        assert set(tools) == {"test.add", "test.fail", "test.secret", "test.die"}
        assert tools["test.add"].description == "Add two numbers."
        assert tools["test.add"].schema["required"] == ["a", "b"]
        assert (await executor.call("test.add", {"a": 3, "b": 4}, CONTEXT)).text == "7"
        assert (await executor.call("test.secret", {}, CONTEXT)).text == "toldnone"
        with pytest.raises(ToolError, match="fail"):
            await executor.call("test.fail", {}, CONTEXT)
        async with asyncio.timeout(60):
            with pytest.raises(ToolError):
                await executor.call("test.die", {}, CONTEXT)
            while executor.available():
                await asyncio.sleep(0.05)
        assert await executor.ready(60)
        assert (await executor.call("test.add", {"a": 1, "b": 1}, CONTEXT)).text == "2"
    finally:
        await executor.close()
    assert executor.available() == {}
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_a_server_at_an_address_offers_its_tools(program: Path, unused_tcp_port: int) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(program), str(unused_tcp_port), stderr=asyncio.subprocess.DEVNULL
    )
    executor = McpServerExecutor(McpServerSettings("far", url=f"http://127.0.0.1:{unused_tcp_port}/mcp"))
    executor.start()
    try:
        assert await executor.ready(60), "it is tried again until the server is up"
        assert (await executor.call("far.add", {"a": 3, "b": 4}, CONTEXT)).text == "7"
    finally:
        await executor.close()
        process.kill()
        await process.wait()


def test_settings_of_servers_are_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match="either a command or a url"):
        McpServerSettings("x")
    with pytest.raises(ConfigError, match="name"):
        McpServerSettings("Big Name", url="http://127.0.0.1")
    monkeypatch.delenv("NO_SUCH_TOKEN", raising=False)
    with pytest.raises(ConfigError, match="NO_SUCH_TOKEN is not set"):
        HomeAssistantExecutor(HomeAssistantSettings("http://127.0.0.1:8123", token_env="NO_SUCH_TOKEN"))


class Home:
    """Home Assistant's REST API as documented, over a real socket: states, one state, services; token checked."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, str, Any]] = []
        self.broken = False
        self.states: dict[str, dict[str, Any]] = {
            "light.kitchen": {"state": "off", "attributes": {"friendly_name": "Kitchen Light"}},
            "light.desk": {"state": "on", "attributes": {"friendly_name": "Desk Light"}},
            "sensor.outside": {
                "state": "7.5",
                "attributes": {"friendly_name": "Outside temperature", "unit_of_measurement": "°C"},
            },
            "lock.door": {"state": "locked", "attributes": {"friendly_name": "Front door"}},
        }

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                lines = head.decode().split("\r\n")
                method, path, _ = lines[0].split()
                headers = {line.split(": ")[0].lower(): line.split(": ")[1] for line in lines[1:] if ": " in line}
                body = await reader.readexactly(int(headers.get("content-length", 0)))
                status, answer = self.answer(method, path, json.loads(body or b"null"), headers)
                data = "oops" if self.broken else json.dumps(answer)
                writer.write(
                    f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\n"
                    f"Content-Length: {len(data.encode())}\r\n\r\n{data}".encode()
                )
        except asyncio.IncompleteReadError:
            writer.close()

    def answer(self, method: str, path: str, body: Any, headers: dict[str, str]) -> tuple[int, Any]:
        self.requests.append((method, path, body))
        if headers.get("authorization") != "Bearer secret":
            return 401, {"message": "Unauthorized"}
        match method, path.split("/")[2:]:
            case "GET", ["states"]:
                return 200, [{"entity_id": name, **state} for name, state in self.states.items()]
            case "GET", ["states", name] if name in self.states:
                return 200, {"entity_id": name, **self.states[name]}
            case "POST", ["services", _, ("turn_on" | "turn_off") as service]:
                self.states[body["entity_id"]]["state"] = service.removeprefix("turn_")
                return 200, [{"entity_id": body["entity_id"], **self.states[body["entity_id"]]}]
        return 404, {"message": "Entity not found."}


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
