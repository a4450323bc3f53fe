"""Measure the Socket.IO gateway: dancers who send poses, and Socket.IO clients who get them as plain values.

The host decodes each pose, and writes it as JSON, once for all clients. Delay is from a dancer's "send" to the arrival
of the event at a client in this process, whose own work is in it; CPU is the host's, from /proc (Linux).

examples:
  posewire bench gateway
  posewire bench gateway --clients 10 50 200 --dancers 2 --set face468
"""

import argparse
import asyncio
import json
import re
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import Any
from urllib.parse import urlsplit

import numpy as np
from websockets.asyncio.client import connect

import posewire
from posewire.bench.relay import NO_VOICE, serve_host
from posewire.bench.relay_load import cpu
from posewire.errors import PosewireError
from posewire.measure.summary import percentile
from posewire.progress import meanwhile
from posewire.terminal import show, show_json
from posewire.wire.pose import landmark_set

_FPS = 30
_SECTION = "[socketio]\nenabled = true\nmax_clients = 2000\n"
_TIME = re.compile(r'"time_ms":\s*(\d+)')


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``posewire bench gateway``."""
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 10, 50], metavar="N", help="(default: 1 10 50)")
    parser.add_argument("--dancers", type=int, default=1, metavar="N", help="at 30 poses a second (default 1)")
    parser.add_argument("--set", default="body33", help="landmark set of the poses (default %(default)s)")
    parser.add_argument("--seconds", type=float, default=10.0, help="of each measurement (default 10)")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")


def run(args: argparse.Namespace) -> int:
    """Measure and print a row for each number of clients."""
    with serve_host(NO_VOICE + _SECTION) as (url, token, pid):
        rows: list[dict[str, Any]] = []
        with meanwhile("gateway", len(args.clients)) as progress:
            for count in args.clients:
                progress.show(len(rows), f"{count} clients")
                rows.append(asyncio.run(_measure(url, token, pid, count, args.dancers, args.set, args.seconds)))
    if args.json:
        show_json(rows)
        return 0
    show("| clients | events/s | events of those wanted | delay p50 | p99 | host's CPU | CPU us an event |")
    show("|---|---|---|---|---|---|---|")
    for row in rows:
        show(
            f"| {row['clients']} | {row['events_s']:.0f} | {row['share']:.3f} | {row['p50_ms']:.1f} ms"
            f" | {row['p99_ms']:.1f} ms | {row['cpu']:.2f} | {row['us_an_event']:.0f} |"
        )
    return 0


async def _measure(
    url: str, token: str, pid: int, clients: int, dancers: int, name: str, seconds: float
) -> dict[str, Any]:
    room, delays, seeing = f"gateway-{clients}", list[float](), set[int]()
    async with AsyncExitStack() as stack:
        senders = []
        for number in range(dancers):
            host = await stack.enter_async_context(posewire.connect(url, token=token, device=f"dancer-{number}"))
            joined = await host.join(room, publish=["pose"], subscribe=[])
            senders.append(joined.sender(fps=2 * _FPS, adapt=False))
        listening = [
            asyncio.create_task(_listen(url, token, number, room, delays, seeing)) for number in range(clients)
        ]
        stack.push_async_callback(_end, listening)
        while len(seeing) < clients:
            await _dance(senders, name, 0.2)
            for listener in listening:
                if listener.done():
                    listener.result()
        await _dance(senders, name, 1.0)  # what joining has cost is over
        delays.clear()
        before, began = cpu(pid) or 0.0, time.monotonic()
        given = await _dance(senders, name, seconds)
        passed, used = time.monotonic() - began, (cpu(pid) or 0.0) - before
        events = len(delays)
    return {
        "clients": clients,
        "events_s": events / passed,
        "share": events / (given * clients),
        "p50_ms": percentile(delays, 0.5) or 0.0,
        "p99_ms": percentile(delays, 0.99) or 0.0,
        "cpu": used / passed,
        "us_an_event": 1e6 * used / max(1, events),
    }


async def _end(listening: Sequence[asyncio.Task[None]]) -> None:
    for listener in listening:
        listener.cancel()
    await asyncio.gather(*listening, return_exceptions=True)


async def _dance(senders: Sequence[Any], name: str, seconds: float) -> int:
    """Send poses for so long; returns how many."""
    spec = landmark_set(name)
    chance = np.random.default_rng(1)
    phase = chance.uniform(0, 6.3, (spec.landmarks, len(spec.bits)))
    began, step = time.monotonic(), 0
    while step < seconds * _FPS:
        values = (0.5 + 0.2 * np.sin(time.monotonic() + phase)).astype(np.float32)
        for sender in senders:
            sender.send({name: values}, time_ms=1000 * time.monotonic())
        step += 1
        await asyncio.sleep(max(0.0, began + step / _FPS - time.monotonic()))
    return step * len(senders)


async def _listen(url: str, token: str, number: int, room: str, delays: list[float], seeing: set[int]) -> None:
    """Speak Socket.IO, as far as a listener needs it, and note how long each pose was on its way.

    Raises:
        PosewireError: the gateway has ended the connection, or has not let it into the room.
    """
    address = f"ws://{urlsplit(url).netloc}/socket.io/?EIO=4&transport=websocket"
    socket = await connect(address, compression=None, max_size=None, ping_interval=None)
    try:
        await socket.recv()
        await socket.send("40" + json.dumps({"token": token, "device": f"page-{room}-{number}"}))
        await socket.send("421" + json.dumps(["join", room, {"subscribe": ["pose"]}]))
        async for packet in socket:
            if packet == "2":
                await socket.send("3")
            elif isinstance(packet, str) and packet.startswith("431") and '"ok":false' in packet:
                raise PosewireError(f"the host lets no more into the room: {packet}")
            elif isinstance(packet, str) and packet.startswith('42["pose"') and (found := _TIME.search(packet)):
                seeing.add(number)
                delays.append((1000 * time.monotonic() - int(found[1])) % 2**32)
    finally:
        socket.transport.abort()
    raise PosewireError(f"the gateway has ended a connection: {socket.close_reason or socket.close_code}")
