"""The commands that use the pipeline's parts, run as a user runs them; and the boards as an MCP server.

Real host, real firmware in a real MicroPython, the official MCP client.
"""

import asyncio
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from posewire.server.host_process import HostProcess
from posewire.sim.board import DEVICE_ID, SimBoard
from posewire.sim.memory_model import ROOMY_CHIP

SPEECH = Path(__file__).parent.parent / "data" / "speech"
PREFIX = DEVICE_ID.replace(":", "_") + "_"


def posewire(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "posewire", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, env={**os.environ, **variables})


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HostProcess]:
    config = tmp_path_factory.mktemp("host") / "posewire.toml"
    config.write_text('[push.events.arrived]\nsay = "I have arrived."\n')
    with HostProcess("--config", str(config)) as running:
        yield running


@pytest.fixture(scope="module")
def board(host: HostProcess) -> Iterator[SimBoard]:
    with SimBoard(url=host.url, chip=ROOMY_CHIP) as running:
        running.wait_connected(timeout=20)
        running.wait(lambda: bool(host.logged("tools")), what="the host to list the tools")
        yield running


@pytest.fixture
def address(host: HostProcess, board: SimBoard) -> str:
    return f"http://127.0.0.1:{host.port}"


def test_what_is_said_to_a_file_is_heard_in_it(tmp_path: Path) -> None:
    file = str(tmp_path / "said.wav")
    # A sentence that each of the offline voices says clearly enough for the recogniser.
    said = posewire("say", "--wav", file, "what time is it")
    assert said.returncode == 0, said.stderr
    heard = posewire("listen", file)
    assert heard.returncode == 0
    assert "accepted  'what time is it'" in heard.stdout


def test_a_file_that_cannot_be_written_is_said_in_one_line() -> None:
    said = posewire("say", "--wav", "/no/such/folder/said.wav", "hello")
    assert said.returncode == 2
    assert said.stderr == "posewire: /no/such/folder/said.wav: No such file or directory\n"


def test_a_recording_in_which_nothing_is_understood_says_so(tmp_path: Path) -> None:
    noise = next(SPEECH.glob("other-*.wav"))
    heard = posewire("listen", str(noise))
    assert heard.returncode == 1
    assert "nothing was understood" in heard.stdout
    broken = tmp_path / "broken.wav"
    broken.write_bytes(b"RIFF")
    for bad in (str(broken), str(tmp_path / "none.wav")):
        refused = posewire("listen", bad)
        assert refused.returncode == 2
        assert Path(bad).name in refused.stderr


def test_questions_and_tools_need_no_host() -> None:
    assert re.match(r"It is \d+:\d\d [AP]M\.", posewire("ask", "what time is it").stdout)
    assert posewire("tools", "--call", "calculate", '{"expression": "6*7"}').stdout == "42\n"
    assert "calculate(expression)" in posewire("tools").stdout
    assert "not arithmetic" in posewire("tools", "--call", "calculate", '{"expression": "x()"}').stderr


def test_without_a_host_the_user_is_told_what_to_do() -> None:
    for command in (("say", "all", "hello"), ("tools", "--devices"), ("ask", "--device", "x", "hello")):
        refused = posewire(*command, "--url", "http://127.0.0.1:9")
        assert refused.returncode == 2
        assert "posewire serve" in refused.stderr
    assert "name a device and a text" in posewire("say", "hello").stderr


def test_a_board_speaks_and_acts_on_command(board: SimBoard, address: str) -> None:
    listed = posewire("tools", "--devices", "--url", address).stdout
    assert DEVICE_ID in listed
    assert "idle" in listed
    called = posewire(
        "tools", DEVICE_ID, "--url", address, "--call", "self.led.set_color", '{"red":9,"green":0,"blue":1}'
    )
    assert called.returncode == 0, called.stderr
    board.wait(lambda: board.led.color == (9, 0, 1), what="the light to change")
    before = board.speaker.audible_seconds
    said = posewire("say", "--url", address, DEVICE_ID, "Dinner", "is", "ready.")
    assert said.stdout == f"{DEVICE_ID}  spoken\n", said.stderr
    assert board.speaker.audible_seconds > before + 0.3
    assert posewire("say", "nobody", "hello", "--keep", "0", "--url", address).stdout == "nobody  expired\n"


def test_a_board_reports_an_event_and_says_what_the_host_makes_of_it(
    board: SimBoard, host: HostProcess, address: str
) -> None:
    before = board.speaker.audible_seconds
    driven = posewire(
        "tools", DEVICE_ID, "--url", address, "--call", "self.robot.drive", '{"direction":"forward","meters":1}'
    )
    assert driven.returncode == 0, driven.stderr
    board.wait(lambda: bool(host.logged("says", text="I have arrived.")), timeout=20, what="the host to say it")
    board.wait(lambda: board.speaker.audible_seconds > before + 0.3, timeout=20, what="the board to say it")


async def test_any_mcp_client_uses_the_boards(board: SimBoard, address: str) -> None:
    from mcp import Client, StdioServerParameters  # a second of work, for each worker that collects tests

    server = StdioServerParameters(
        command=sys.executable, args=["-m", "posewire", "mcp", "--url", address], env={**os.environ}
    )
    async with Client(server) as client:
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
        assert {"list_devices", "say", PREFIX + "self_led_set_color", PREFIX + "self_identify"} <= set(tools)
        assert "red" in tools[PREFIX + "self_led_set_color"].input_schema["properties"]
        assert DEVICE_ID in tools[PREFIX + "self_led_set_color"].description
        colour = {"red": 1, "green": 2, "blue": 3}
        done = await client.call_tool(PREFIX + "self_led_set_color", colour)
        assert not done.is_error
        # Seen when the board is idle: it may still be saying what it was told before.
        await asyncio.to_thread(lambda: board.wait(lambda: board.led.color == (1, 2, 3), what="the light"))
        refused = await client.call_tool(PREFIX + "self_led_set_color", {**colour, "red": 999})
        assert refused.is_error
        assert "red" in refused.content[0].text
        assert (await client.call_tool("nothing_here", {})).is_error
        assert DEVICE_ID in (await client.call_tool("list_devices", {})).content[0].text
        said = await client.call_tool("say", {"device": DEVICE_ID, "text": "Hello from far away."})
        assert said.content[0].text == f"{DEVICE_ID}: spoken"


async def test_the_boards_over_http_want_their_own_token(address: str) -> None:
    import httpx2
    from mcp import Client
    from mcp.client.streamable_http import streamable_http_client

    assert "POSEWIRE_MCP_TOKEN" in posewire("mcp", "--listen", "0.0.0.0:0", POSEWIRE_MCP_TOKEN="").stderr
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "posewire", "mcp", "--url", address, "--listen", "127.0.0.1:0"),
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "POSEWIRE_MCP_TOKEN": "open sesame"},
    )
    try:
        assert process.stdout is not None
        url = (await asyncio.wait_for(process.stdout.readline(), 30)).decode().split()[-1]
        async with httpx2.AsyncClient() as nobody:
            assert (await nobody.post(url, json={})).status_code == 401
        async with (
            httpx2.AsyncClient(headers={"Authorization": "Bearer open sesame"}) as somebody,
            Client(streamable_http_client(url, http_client=somebody)) as client,
        ):
            names = [tool.name for tool in (await client.list_tools()).tools]
            assert PREFIX + "self_identify" in names
            assert DEVICE_ID in (await client.call_tool("list_devices", {})).content[0].text
    finally:
        process.terminate()
        await process.wait()
