"""The programs in ``examples/programs`` run as they are, against a real host."""

import asyncio
import contextlib
import importlib.util
import json
import math
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import posewire
from posewire.client.room.room import Room
from posewire.server.host import Host
from support.hosts import running, settings
from support.waiting import eventually

ROOT = Path(__file__).parents[2]
PROGRAMS = ROOT / "examples" / "programs"
PERSON = ROOT / "tests" / "data" / "pictures" / "astronaut.jpg"
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT / "host"), "PYTHONUNBUFFERED": "1"}


@asynccontextmanager
async def program(name: str, *arguments: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run a program while the block runs."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(PROGRAMS / f"{name}.py"), *arguments, env=ENVIRONMENT, stdout=asyncio.subprocess.PIPE
    )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def line(process: asyncio.subprocess.Process) -> str:
    assert process.stdout is not None
    return (await asyncio.wait_for(process.stdout.readline(), 60)).decode().strip()


@asynccontextmanager
async def dancer(host: Host, device: str = "dancer") -> AsyncIterator[Room]:
    async with posewire.connect(host.url, device=device) as connection:
        yield await connection.join("studio", publish=["pose"])


async def test_room_to_osc() -> None:
    pytest.importorskip("pythonosc", reason="the extra osc is not installed")
    from pythonosc.dispatcher import Dispatcher
    from pythonosc.osc_server import AsyncIOOSCUDPServer

    heard: dict[str, float] = {}
    dispatcher = Dispatcher()
    dispatcher.set_default_handler(lambda address, value: heard.__setitem__(address, value))
    server = AsyncIOOSCUDPServer(("127.0.0.1", 0), dispatcher, asyncio.get_running_loop())  # type: ignore[arg-type]
    transport, _ = await server.create_serve_endpoint()
    port = str(transport.get_extra_info("sockname")[1])
    async with running(settings()) as host, dancer(host) as room, program("room_to_osc", host.url, port):
        sender = room.sender(fps=100)
        body = np.full((33, 4), 0.5)
        body[15], body[16] = (0.75, 0.2, 0, 1), (0.25, 0.9, 0, 0.1)  # the right wrist is not seen

        def said() -> bool:
            sender.send(body=body)
            return "/left/pitch" in heard

        async with asyncio.timeout(60):
            while not said():
                await asyncio.sleep(0.02)
    transport.close()
    assert heard == pytest.approx({"/left/pan": 0.5, "/left/pitch": 0.8}, abs=0.01)


def reached_by(servos: list[float]) -> list[float]:
    """Where the end of the arm is: x forward, y left, z up, in metres."""
    base, shoulder, elbow = map(math.radians, servos)
    flat = 0.12 * (math.cos(shoulder) + math.cos(shoulder + elbow))
    up = 0.12 * (math.sin(shoulder) + math.sin(shoulder + elbow))
    return [flat * math.cos(base), flat * math.sin(base), up]


async def test_a_robot_arm_follows_a_wrist_and_stays_where_it_is() -> None:
    async with running(settings()) as host, dancer(host) as room, program("robot_arm", host.url) as process:
        sender = room.sender(fps=100)
        world = np.zeros((33, 4))
        world[:, 3] = 1
        world[12, :3], world[16, :3] = (-0.15, -0.5, 0), (-0.25, -0.7, -0.3)  # in front, up, to the person's right
        assert json.loads(await line(process)) == {"servos": [0.0, 45.0, -90.0], "follows": False}
        wanted = pytest.approx([0.3 * 0.24 / 0.55, -0.1 * 0.24 / 0.55, 0.2 * 0.24 / 0.55], abs=0.005)
        told: dict[str, Any] = {"servos": [0.0, 0.0, 0.0]}
        async with asyncio.timeout(60):
            while reached_by(told["servos"]) != wanted:
                sender.send(world=world)
                told = json.loads(await line(process))
        servos = told["servos"]
        while told["follows"]:  # nobody sends any more
            told = json.loads(await line(process))
        assert reached_by(told["servos"]) == wanted
        assert told["servos"] == pytest.approx(servos, abs=5)


async def test_the_recorder_goes_on_when_the_host_is_back(tmp_path: Path) -> None:
    def recorded() -> list[dict[str, Any]]:
        texts = "".join(file.read_text() for file in sorted(tmp_path.glob("*.jsonl"))).split("\n")
        return [json.loads(text) for text in texts[:-1]]

    async def dance(host: Host, process: asyncio.subprocess.Process, device: str) -> None:
        while await line(process) != "connected":
            pass
        async with dancer(host, device) as room:
            sender = room.sender(fps=100)

            def is_recorded() -> bool:
                sender.send(left_hand=np.full((21, 3), 0.5))
                return any(entry["device"] == device for entry in recorded())

            await eventually(is_recorded)

    first = settings()
    async with contextlib.AsyncExitStack() as stack:
        async with running(first) as host:
            process = await stack.enter_async_context(program("recorder", host.url, str(tmp_path)))
            await dance(host, process, "before")
            port = int(host.url.split(":")[2].split("/")[0])
        async with running(replace(first, server=replace(first.server, port=port))) as host:
            await dance(host, process, "after")
    assert recorded()[0]["sets"]["hand21"][0] == pytest.approx([0.5] * 3, abs=0.001)


async def test_load() -> None:
    async with running(settings()) as host:
        options = ["--url", host.url, "--rooms", "2", "--dancers", "1", "--spectators", "2", "--seconds", "2"]
        async with program("load_generator", *options) as process:
            said = (await asyncio.wait_for(process.communicate(), 60))[0].decode().splitlines()
    report = json.loads(said[-1])
    assert "poses seen in the last second" in said[0]
    assert report["sent"] > 0
    assert report["seen"] > 0
    assert report["p50_ms"] <= report["p99_ms"]


async def test_two_players_play() -> None:
    async with (
        running(settings()) as host,
        program("game_loop", host.url, "anna", "120") as anna,
        program("game_loop", host.url, "ben", "120") as ben,
    ):
        for player, other in ((anna, "ben"), (ben, "anna")):
            shown = json.loads(await line(player))
            while other not in shown["others"] or not {"anna", "ben"} <= set(shown["score"]):
                shown = json.loads(await line(player))
            assert shown["score"]["last"] in ("anna", "ben")


async def test_camera_to_room() -> None:
    for module in ("cv2", "mediapipe"):
        if importlib.util.find_spec(module) is None:
            pytest.skip("the extra camera (OpenCV, MediaPipe) is not installed")
    async with running(settings()) as host, posewire.connect(host.url) as screen:
        poses = (await screen.join("studio")).poses()
        async with program("camera_to_room", host.url, str(PERSON)):
            pose = await asyncio.wait_for(anext(poses), 60)
    assert pose.device == "camera"
    assert {"body33", "world33", "face468"} <= set(pose.values)


def test_the_camera_takes_twenty_lines() -> None:
    text = (PROGRAMS / "camera_to_room.py").read_text().split('"""', 2)[2]
    assert len([written for written in text.splitlines() if written.strip()]) <= 20


def test_every_program_has_a_test() -> None:
    names = {file.stem for file in PROGRAMS.glob("*.py")}
    assert names == {"camera_to_room", "room_to_osc", "robot_arm", "recorder", "load_generator", "game_loop"}
