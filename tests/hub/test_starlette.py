"""The hub in an application of its own: a real uvicorn process, real WebSocket clients."""

import asyncio
import json
import os
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

EXAMPLES = Path(__file__).parents[2] / "examples"
HOST = Path(__file__).parents[2] / "host"


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        number = listening.getsockname()[1]
        # The child gets the bound socket itself: no other program can take the port in between.
        process = subprocess.Popen(
            [sys.executable, "-m", "uvicorn", "starlette_hub:app", "--fd", str(listening.fileno())],
            cwd=EXAMPLES,
            env={"PYTHONPATH": str(HOST)},
            pass_fds=[listening.fileno()],
        )  # fmt: skip
        listening.listen()
        yield number
        process.terminate()
        process.wait(10)


async def enter(port: int, room: str, name: str) -> ClientConnection:
    return await connect(f"ws://127.0.0.1:{port}/ws/{room}/{name}", open_timeout=20)


async def heard(client: ClientConnection) -> Any:
    message = await asyncio.wait_for(client.recv(), 10)
    return json.loads(message) if isinstance(message, str) else message


def statistics(port: int) -> dict[str, Any]:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/statistics", timeout=10) as answer:
        parsed: dict[str, Any] = json.load(answer)
    return parsed


async def test_members_of_a_room_hear_each_other_and_nobody_else_does(port: int) -> None:
    ann, eve = await enter(port, "hall", "ann"), await enter(port, "attic", "eve")
    bob = await enter(port, "hall", "bob")
    assert await heard(ann) == {"type": "joined", "name": "bob"}
    await ann.send("hello")
    assert await heard(bob) == {"type": "said", "name": "ann", "text": "hello"}
    await bob.send(b"\x01\x02")
    assert await heard(ann) == b"\x01\x02"
    await eve.send("alone")
    again = await enter(port, "hall", "bob")
    with pytest.raises(ConnectionClosed):
        while True:
            await heard(bob)
    assert bob.close_code == 4000
    assert await heard(ann) == {"type": "joined", "name": "bob"}
    found = await asyncio.to_thread(statistics, port)
    assert (found["connections"], found["groups"], found["failed"]) == (3, {"room": 2}, 0)
    for client in (ann, again, eve):
        await client.close()
    async with asyncio.timeout(10):
        while (await asyncio.to_thread(statistics, port))["connections"]:
            await asyncio.sleep(0.02)


async def test_a_peer_that_reads_nothing_delays_nobody(port: int) -> None:
    link = socket.socket()
    link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
    link.connect(("127.0.0.1", port))
    link.setblocking(False)
    slow = await connect(f"ws://127.0.0.1:{port}/ws/crowd/slow", sock=link)
    fast = await enter(port, "crowd", "fast")
    sender = await enter(port, "crowd", "sender")
    assert (await heard(fast))["name"] == "sender"
    slow.transport.pause_reading()
    for number in range(200):
        await sender.send(number.to_bytes(2, "big") + os.urandom(60_000))
        if number % 8 == 7:
            # Whoever reads gets all of them, in order.
            for expected in range(number - 7, number + 1):
                assert (await heard(fast))[:2] == expected.to_bytes(2, "big")
    assert (await asyncio.to_thread(statistics, port))["skipped"] > 0
    for client in (fast, sender):
        await client.close()
    slow.transport.abort()


def test_the_hub_needs_nothing_of_the_rest() -> None:
    program = (
        "import sys, posewire.hub, posewire.hub.starlette\n"
        "print(*sorted(name for name in sys.modules if name.startswith('posewire')))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, env={"PYTHONPATH": str(HOST)}
    )
    loaded = done.stdout.split()
    assert {name.split(".")[1] for name in loaded if "." in name} == {"hub", "wire"}
