"""Runs the firmware's tests in a real MicroPython process, and is the host that its link is tried against."""

import asyncio
import contextlib
import json
import os
import socket
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from posewire.sim.interpreter import find_micropython
from posewire.sim.paths import HARDWARE

HERE = Path(__file__).parent
SHARED = sorted(path.name for path in HERE.rglob("test_fw_*.py") if "import pytest" not in path.read_text())


def run_on_micropython(name: str, cwd: Path | None = None, hardware: bool = False, **environment: str) -> str:
    """Run one test file, where wanted on the simulated hardware; return what it printed. Fails with its output."""
    if hardware:
        environment["MICROPYPATH"] = f"::{HARDWARE}:.frozen"
    command = [*find_micropython(), str(HERE / "run_on_micropython.py"), name]
    result = subprocess.run(
        command, capture_output=True, text=True, timeout=100, cwd=cwd, env={**os.environ, **environment}, check=False
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert "ok  " in result.stdout
    return result.stdout


@pytest.mark.parametrize("name", SHARED)
def test_shared(name: str) -> None:
    run_on_micropython(name)


@pytest.mark.parametrize("chip", ["mpu6050", "mpu6886", "qmi8658", "lsm6ds", "bmi270"])
def test_motion_sensors(chip: str, tmp_path: Path) -> None:
    settings = json.dumps({"imu": chip})
    run_on_micropython("mp_imu.py", cwd=tmp_path, hardware=True, POSEWIRE_SIM=settings)


def test_pose_rate() -> None:
    run_on_micropython("mp_pose_rate.py")


def test_supervisor() -> None:
    run_on_micropython("mp_supervisor.py")


def test_a_crash_without_memory(tmp_path: Path) -> None:
    assert "cannot say why" in run_on_micropython("mp_crash.py", cwd=tmp_path, hardware=True)


# the other end of mp_link.py


async def echo(connection: ServerConnection) -> None:
    """Send everything back."""
    with contextlib.suppress(ConnectionClosed):
        async for message in connection:
            await connection.send(message)


async def test_link_against_a_real_server() -> None:
    async with serve(echo, "127.0.0.1", 0, compression=None) as host:
        url = f"ws://127.0.0.1:{port_of(tuple(host.sockets))}"
        await asyncio.to_thread(run_on_micropython, "mp_link.py", POSEWIRE_TEST_GOOD=url)


def port_of(sockets: "tuple[socket.socket, ...] | list[socket.socket]") -> int:
    port: int = sockets[0].getsockname()[1]
    return port


# the other end of mp_allocation.py


async def talking_host(connection: ServerConnection) -> None:
    """Says hello, lets the board into its room, and speaks without end once it is spoken to."""
    talking: asyncio.Task[None] | None = None
    try:
        async for message in connection:
            if isinstance(message, bytes):
                continue
            for reply in replies(json.loads(message)):
                await connection.send(json.dumps(reply))
            if '"start"' in message and talking is None:
                talking = asyncio.create_task(talk(connection))
    finally:
        if talking is not None:
            talking.cancel()


def replies(message: dict[str, str]) -> list[dict[str, object]]:
    if message["type"] == "hello":
        audio = {"format": "ima-adpcm", "sample_rate": 16000, "frame_duration": 60}
        hello = {"type": "hello", "transport": "websocket", "session_id": "s", "audio_params": audio}
        rpc = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
        return [{**hello, "features": {"pose": True}}, {"type": "mcp", "payload": rpc}]
    if message["type"] == "room":
        return [{"type": "room", "event": "welcome", "room": "studio", "member_id": 1, "role": "host", "members": []}]
    if message["type"] == "listen":
        return [{"type": "tts", "state": "start"}]
    return []


async def talk(connection: ServerConnection) -> None:
    frame = b"\x00\x00\x01\xe4" + bytes(4) + bytes(range(240)) * 2
    for number in range(1000):
        await connection.send(frame)
        if number >= 5:
            await asyncio.sleep(0.06)


@pytest.fixture
async def stream_url() -> AsyncIterator[str]:
    async with serve(talking_host, "127.0.0.1", 0, compression=None) as host:
        yield f"ws://127.0.0.1:{port_of(tuple(host.sockets))}/posewire/v1/"


async def test_steady_streaming_allocates_nothing(stream_url: str) -> None:
    output = await asyncio.to_thread(run_on_micropython, "mp_allocation.py", POSEWIRE_TEST_STREAM=stream_url)
    print(output)
