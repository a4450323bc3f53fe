"""MCP servers in processes of their own, and at an address."""

import asyncio
import sys
import textwrap
from pathlib import Path

import pytest

from posewire.errors import ConfigError, ToolError
from posewire.voice.tools.base import ToolContext
from posewire.voice.tools.mcp_server import McpServerExecutor
from posewire.voice.tools.settings import McpServerSettings

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
    monkeypatch.setattr("posewire.voice.tools.mcp_server._SHORTEST_PAUSE", 0.05)
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


def test_settings_of_servers_are_checked() -> None:
    with pytest.raises(ConfigError, match="either a command or a url"):
        McpServerSettings("x")
    with pytest.raises(ConfigError, match="name"):
        McpServerSettings("Big Name", url="http://127.0.0.1")


async def test_a_list_that_is_cut_is_reported(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "many.py"
    path.write_text(
        textwrap.dedent(
            """
            from mcp.server import MCPServer

            server = MCPServer("test")
            for number in range(300):
                server.add_tool(lambda: "done", name=f"tool{number}")
            server.run("stdio")
            """
        )
    )
    executor = McpServerExecutor(McpServerSettings("test", command=(sys.executable, str(path))))
    executor.start()
    try:
        assert await executor.ready(60)
        assert len(executor.available()) == 256
    finally:
        await executor.close()
    assert "lists more than 256 tools" in caplog.text
