"""Every block of Python in the pages runs as it stands there, against the real other side; only addresses change."""

import asyncio
import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from docs.pages import ROOT, Block, block, blocks
from posewire.server.host import Host
from posewire.server.host_process import HostProcess
from posewire.server.settings import load_settings
from posewire.sim.board import SimBoard
from posewire.sim.interpreter import find_micropython
from posewire.sim.memory_model import ROOMY_CHIP
from posewire.voice.tools.base import ToolContext
from posewire.voice.tools.functions import FunctionExecutor, load_functions
from posewire.wire.frames import FrameType, build_frame
from posewire.wire.pose import PoseEncoder
from support.peers import Peers

DEVICE = "aa:bb:cc:00:00:01"
WAITED = 60

_LOCAL = "ws://127.0.0.1:8000/posewire/v1/"


def put_in(text: str, *pairs: tuple[str, str]) -> str:
    """Replace addresses of a block; each must be there."""
    for old, new in pairs:
        assert old in text
        text = text.replace(old, new)
    return text


@contextlib.contextmanager
def program(text: str, folder: Path, *extra_paths: Path) -> Iterator["subprocess.Popen[str]"]:
    """Run a block as a program of its own, which ends with the context."""
    (folder / "block.py").write_text(text)
    paths = os.pathsep.join(map(str, [ROOT / "host", *extra_paths]))
    process = subprocess.Popen(
        [sys.executable, "-u", "block.py"], cwd=folder, env={**os.environ, "PYTHONPATH": paths},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


# --- README.md


def test_a_simulated_board_from_python(tmp_path: Path) -> None:
    data = ROOT / "host" / "posewire" / "demo" / "data"
    # As it stands there, in a copy of the project.
    shutil.copytree(data, tmp_path / data.relative_to(ROOT))
    with HostProcess() as host, program(put_in(block("README.md", "python"), (_LOCAL, host.url)), tmp_path) as process:
        _, errors = process.communicate(timeout=WAITED)
    assert process.returncode == 0, errors
    assert (tmp_path / "reply.wav").stat().st_size > 16000


# --- docs/rooms.md


async def test_a_program_sees_the_poses_of_a_room(tmp_path: Path) -> None:
    with HostProcess() as host:
        peers = Peers(host.url)
        publisher = await peers.connect(DEVICE)
        await publisher.hello()
        await publisher.join("studio", publish=["pose"])
        with program(put_in(block("docs/rooms.md", "python"), (_LOCAL, host.url)), tmp_path) as process:
            assert process.stdout is not None
            await publisher.receive("room", event="joined")
            encoder = PoseEncoder("body33")
            await publisher.socket.send(build_frame(FrameType.POSE, encoder.encode(np.full((33, 4), 0.25), 0), 3))
            line = await asyncio.to_thread(process.stdout.readline)
        await peers.close()
    assert line.startswith(DEVICE)
    assert "0.25" in line


# --- docs/simulator.md


def test_a_network_that_breaks(tmp_path: Path) -> None:
    with HostProcess() as host:
        text = put_in(block("docs/simulator.md", "python"), (_LOCAL, host.url))
        with program(text, tmp_path) as process:
            said, errors = process.communicate(timeout=WAITED)
    assert said == "back after a reset: 1\n", errors


# --- docs/http-api.md


@contextlib.asynccontextmanager
async def host_with_plugin(text: str, folder: Path) -> Any:
    """Run a host that loads a block as its plug-in."""
    (folder / "plugin.py").write_text(text)
    config = folder / "posewire.toml"
    config.write_text(f'[server]\nport = 0\nplugins = ["{folder}/plugin.py"]\n[voice]\nenabled = false\n')
    host = Host(load_settings(config))
    await host.start()
    try:
        yield host
    finally:
        await host.stop()


async def fetched(host: Host, path: str) -> Any:
    """Return the JSON that a path of the host answers."""
    url = host.url.replace("ws://", "http://").partition("/posewire")[0] + path

    def get() -> Any:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return json.load(answer)

    return await asyncio.to_thread(get)


async def test_a_path_of_a_plugin(tmp_path: Path) -> None:
    async with host_with_plugin(block("docs/http-api.md", "python"), tmp_path) as host:
        peers = Peers(host.url)
        peer = await peers.connect(DEVICE)
        await peer.hello()
        await peer.join("hall")
        assert await fetched(host, "/room-names") == ["hall"]
        await peers.close()


# --- docs/hub.md


async def test_the_hub_in_an_application_of_ones_own(tmp_path: Path) -> None:
    text = block("docs/hub.md", "python") + (
        "\n\nimport uvicorn, socket\n"
        "listening = socket.create_server(('127.0.0.1', 0))\n"
        "print(listening.getsockname()[1], flush=True)\n"
        "uvicorn.Server(uvicorn.Config(app, log_level='warning')).run([listening])\n"
    )
    with program(text, tmp_path) as process:
        assert process.stdout is not None
        port = int(await asyncio.to_thread(process.stdout.readline))
        async with (
            connect(f"ws://127.0.0.1:{port}/ws/hall/ann", open_timeout=WAITED) as ann,
            connect(f"ws://127.0.0.1:{port}/ws/hall/bob", open_timeout=WAITED) as bob,
        ):
            await ann.send("hello")
            assert await asyncio.wait_for(bob.recv(), WAITED) == "hello"
            await bob.send(b"\x01")
            assert await asyncio.wait_for(ann.recv(), WAITED) == b"\x01"


# --- docs/tools.md


async def test_functions_as_tools(tmp_path: Path) -> None:
    (tmp_path / "my_tools.py").write_text(block("docs/tools.md", "python"))
    executor = FunctionExecutor(load_functions([str(tmp_path / "my_tools.py")]))
    assert executor.available()["feed_the_cat"].description == "Feed the cat."
    context = ToolContext(device="kitchen")
    assert (await executor.call("feed_the_cat", {"portions": 2}, context)).text == "2 portions of dry food"
    assert (await executor.call("house.where", {}, context)).text == "You are speaking with kitchen."


# --- docs/keypoint-uart.md


def test_a_sender_for_cameras(tmp_path: Path) -> None:
    (tmp_path / "machine.py").write_text(
        "import sys, time\n"
        "time.ticks_ms = lambda: 123\n"  # as on the camera
        "class UART:\n"
        "    def __init__(self, number, baud): pass\n"
        "    def write(self, data): sys.stdout.write(data.hex())\n"
    )
    with program(block("docs/keypoint-uart.md", "python"), tmp_path, ROOT / "examples" / "senders") as process:
        written, errors = process.communicate(timeout=WAITED)
    sys.path.insert(0, str(ROOT / "examples" / "senders"))
    import posewire_sender

    expected = posewire_sender.frame(posewire_sender.COCO17, 17, 3, 123, [0.5, 0.25, 0.9] * 17)
    assert bytes.fromhex(written) == bytes(expected), errors


# --- docs/websocket-client.md


async def _echo(connection: ServerConnection) -> None:
    with contextlib.suppress(ConnectionClosed):
        said = [await connection.recv(), await connection.recv()] if connection.request.path != "/" else []
        for message in said:
            await connection.send(message)
        if not said:
            await connection.send(await connection.recv())


@pytest.mark.parametrize("number", [1, 2])
async def test_the_websocket_client_on_micropython(number: int, tmp_path: Path) -> None:
    async with serve(_echo, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        text = block("docs/websocket-client.md", "python", number)
        text = re.sub(r"wss?://[\w.:]+/", f"ws://127.0.0.1:{port}/", text).replace(', ca="ca.der"', "")
        (tmp_path / "block.py").write_text(f"import sys\nsys.path.insert(0, {str(ROOT / 'firmware')!r})\n{text}")
        process = await asyncio.create_subprocess_exec(
            *find_micropython(), tmp_path / "block.py", stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
        )
        output, errors = await asyncio.wait_for(process.communicate(), WAITED)
    assert process.returncode == 0, output + errors
    expected = ["hello", r"b'\x01\x02'"] if number == 1 else ["hello"]
    assert output.decode().splitlines() == expected


def test_the_opus_encoder_on_micropython(tmp_path: Path) -> None:
    # Installing needs a network; tests/firmware/opus/test_fw_ogg_opus.py does it from a server of its own.
    assert "firmware/opus-package.json" in block("docs/opus.md", "python", 0)
    text = block("docs/opus.md", "python", 1)
    (tmp_path / "block.py").write_text(f"import sys\nsys.path.insert(0, {str(ROOT / 'firmware')!r})\n{text}")
    command = [*find_micropython(), str(tmp_path / "block.py")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=WAITED, check=False)
    assert done.stdout == "179\n", done.stdout + done.stderr


def test_what_mip_installs_is_what_the_page_says() -> None:
    # Installing needs a network; test_fw_websocket_client.py does it from a server of its own.
    assert "firmware/websocket-package.json" in block("docs/websocket-client.md", "python", 0)
    assert (ROOT / "firmware" / "websocket-package.json").is_file()


# --- docs/motion.md, boards/README.md


def _listening_board(text: str, folder: Path, **options: Any) -> SimBoard:
    (folder / "user_tools.py").write_text(text)
    return SimBoard(user_tools=folder / "user_tools.py", chip=ROOMY_CHIP, **options)


def test_a_board_tells_of_what_happens(tmp_path: Path) -> None:
    text = "class display:\n    show = staticmethod(lambda text: print('display:', text))\n\n" + block(
        "boards/README.md", "python"
    )
    with HostProcess() as host, _listening_board(text, tmp_path, url=host.url) as board:
        board.wait_connected()
        board.mic.play(ROOT / "host" / "posewire" / "demo" / "data" / "turn_the_light_blue.wav")
        board.button.press()
        board.wait(lambda: any(line.startswith("display: ") for line in board.log), WAITED, "the text on the display")


async def test_a_board_follows(tmp_path: Path) -> None:
    text = block("docs/motion.md", "python")
    stopped = threading.Event()
    with HostProcess() as host:
        options = {"url": host.url, "room": "studio", "imu": False}
        config = {"pose": {"receive": "body33", "keypoints": False, "hold_ms": 200, "relax_ms": 600}}
        with _listening_board(text, tmp_path, config=config, **options) as board:
            await asyncio.to_thread(board.wait_connected)
            peers = Peers(host.url)
            sender = await peers.connect(DEVICE)
            await sender.hello()
            await sender.join("studio", publish=["pose"])
            encoder = PoseEncoder("body33", key_every=1)

            async def publish() -> None:
                for step in range(10_000):
                    if stopped.is_set():
                        return
                    packet = encoder.encode(np.full((33, 4), 0.25), step * 33)
                    await sender.socket.send(build_frame(FrameType.POSE, packet, 3))
                    await asyncio.sleep(0.033)

            publishing = asyncio.create_task(publish())
            await asyncio.to_thread(board.wait, lambda: "250" in board.log, WAITED, "the wrist")
            stopped.set()
            await publishing
            await asyncio.to_thread(board.wait, lambda: "nobody" in board.log, WAITED, "the end of the motion")
            await peers.close()
        assert any(line.startswith("nothing new for") for line in board.log)


# --- nothing is left out


ELSEWHERE = {
    "docs/plugins.md": "tests/server/test_plugins.py",
    "docs/client.md": "tests/docs/test_client_page.py",
    "docs/transports.md": "tests/docs/test_transports_page.py",
    "docs/conference.md": "tests/docs/test_conference_page.py",
}


def test_every_block_has_a_test() -> None:
    source = Path(__file__).read_text()
    pages: dict[str, list[Block]] = {}
    for each in blocks("python"):
        pages.setdefault(each.page, []).append(each)
    missing = [page for page in pages if f'"{page}", "python"' not in source and page not in ELSEWHERE]
    assert missing == []
    one_each: Callable[[str], bool] = lambda page: len(pages[page]) == 1  # noqa: E731
    assert [page for page in pages if not one_each(page) and page not in ELSEWHERE] == [
        "docs/opus.md",
        "docs/websocket-client.md",
    ]
