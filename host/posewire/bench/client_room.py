"""Measure programs on the desktop in a room: latency and load, room operations, lost links, a narrow network.

latency   four cameras (body and hands, 30 poses a second) and a receiver, each side in a process of its own
rooms     50 members who come and go: how long a join takes, and how long until all others know
cuts      a link that is cut for up to 5 s at random moments, again and again: back in time, nothing lost or doubled
squeeze   body, hands and face (72 kbit/s) over a link of 200 kbit/s that has 20 for a while
loss      the same by data channels (extra webrtc) of whose packets a tenth is lost for a while
fallback  a data channel that falls silent, 20 times: when it is left, and whether it is back by itself
memory    a camera and a receiver for --minutes (only when it is asked for): how much the programs and the host grow

A bar that is missed makes the exit status 1. On a machine that does other work at the same time the figures say little.

examples:
  posewire bench client-room
  posewire bench client-room --only cuts --cuts 40 --seed 3
  posewire bench client-room --only memory --minutes 60
"""

import argparse
import asyncio
import multiprocessing
import random
import signal
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from importlib.util import find_spec
from typing import Any

import posewire
from posewire.bench.client_room_channel import (
    FALLBACK_BARS,
    FALLBACK_WORDS,
    LOSS_BARS,
    LOSS_WORDS,
    fallback,
    loss,
)
from posewire.bench.client_room_memory import memory, memory_bars
from posewire.bench.client_room_peers import FPS, motion, run_camera, run_receiver
from posewire.bench.relay import NO_VOICE, serve_host
from posewire.client.connection import HostConnection
from posewire.errors import PosewireError
from posewire.measure.summary import percentile
from posewire.progress import meanwhile
from posewire.sim.network.link_conditions import LinkConditions
from posewire.sim.network.link_proxy import LinkProxy
from posewire.terminal import show, show_json

PARTS = ("latency", "rooms", "cuts", "squeeze")
CHANNEL_PARTS = ("loss", "fallback")
LONG_PARTS = ("memory",)
_CHANNELS = "[webrtc]\nenabled = true\n"
_FALLBACKS = 20
_CAMERAS = 4
_MEMBERS = 50
_LINKS = 10
_CUT = 5.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``posewire bench client-room``."""
    parser.add_argument(
        "--only",
        choices=PARTS + CHANNEL_PARTS + LONG_PARTS,
        action="append",
        help="measure only this part (may be repeated)",
    )
    parser.add_argument("--seconds", type=float, default=30.0, help="length of the latency part (default 30)")
    parser.add_argument("--minutes", type=float, default=60.0, help="of the memory part (default 60)")
    parser.add_argument("--cuts", type=int, default=200, metavar="N", help="how often links are cut (default 200)")
    parser.add_argument("--seed", type=int, default=1, help="seed of what happens by chance (default 1)")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of text")


def run(args: argparse.Namespace) -> int:
    """Run and print; 0 when every bar was held."""
    results: dict[str, dict[str, Any]] = {}
    channels = find_spec("aiortc") is not None
    parts = args.only or (PARTS + CHANNEL_PARTS if channels else PARTS)
    with serve_host(NO_VOICE + (_CHANNELS if channels else "")) as (url, token, pid):
        for part in parts:
            with meanwhile(part):
                results[part] = _measure(part, args, url, token, pid)
            if not args.json:
                _show(part, results[part])
    if args.json:
        show_json(results, 1)
    return int(any(missed for result in results.values() for missed in result["missed"]))


def _measure(part: str, args: argparse.Namespace, url: str, token: str, pid: int) -> dict[str, Any]:
    match part:
        case "latency":
            return latency(url, token, args.seconds)
        case "rooms":
            return asyncio.run(rooms(url, token, args.seed))
        case "cuts":
            return asyncio.run(cuts(url, token, args.cuts, args.seed))
        case "squeeze":
            return asyncio.run(squeeze(url, token))
        case "loss":
            return _judge(asyncio.run(loss(url, token, args.seed)), LOSS_BARS, LOSS_WORDS)
        case "fallback":
            return _judge(asyncio.run(fallback(url, token, _FALLBACKS)), FALLBACK_BARS, FALLBACK_WORDS)
        case _:
            found = asyncio.run(memory(url, token, pid, 60 * args.minutes))
            bars = memory_bars(found)
            return _judge(found, bars, dict.fromkeys(bars, "none beyond noise"))


def _show(part: str, result: dict[str, Any]) -> None:
    figures = ", ".join(f"{name} {_figure(value)}" for name, value in result.items() if name != "missed")
    show(f"{part}: {figures}")
    for missed in result["missed"]:
        show(f"  missed: {missed}", style="red")


def _figure(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _judge(result: dict[str, Any], bars: dict[str, Callable[[Any], bool]], words: dict[str, str]) -> dict[str, Any]:
    result["missed"] = [f"{name} {words[name]}" for name, held in bars.items() if not held(result[name])]
    return result


# --- latency


def latency(url: str, token: str, seconds: float) -> dict[str, Any]:
    """Send and receive in processes of their own; what is added between ``send`` and the receiver's handler."""
    spawn = multiprocessing.get_context("spawn")
    pipes, processes = [], []
    one, rest = ["camera-0"], [f"camera-{number}" for number in range(1, _CAMERAS)]
    for target, arguments in (
        (run_receiver, (url, token, True)),
        (run_camera, (url, token, one, seconds)),
        (run_camera, (url, token, rest, seconds)),
    ):
        ours, theirs = spawn.Pipe()
        process = spawn.Process(target=target, args=(theirs, *arguments), daemon=True)
        # Ctrl-C is for this program: a child that is told, too, while it starts has a lot to say about it.
        told = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            process.start()
        finally:
            signal.signal(signal.SIGINT, told)
        theirs.close()  # so that the end of the process is the end of the pipe
        assert ours.recv() == "ready"
        pipes.append(ours)
        processes.append(process)
    for pipe in pipes[1:]:
        pipe.send("go")
    sent = [pipe.recv() for pipe in pipes[1:]]
    pipes[0].send("stop")
    received = pipes[0].recv()
    for pipe, process in zip(pipes, processes, strict=True):
        pipe.send("end")
        process.join(10)
    ways, given, dropped = [], 0, Counter[str]()
    for camera in sent:
        for counts in camera["dropped"]:
            dropped.update(counts)
        for name, poses in camera["given"].items():
            given += len(poses)
            arrived = received["arrived"].get(name, {})
            ways += [1000 * (arrived[at] - began) for at, began in poses.items() if at in arrived]
    result = {
        "p50_ms": percentile(ways, 0.5),
        "p95_ms": percentile(ways, 0.95),
        "p99_ms": percentile(ways, 0.99),
        "delivered": len(ways) / max(1, given),
        "replaced": dropped["replaced"],
        "departure_jitter_p95_ms": sent[0]["jitter_ms"],
        "sender_cpu": sent[0]["cpu"],
        "receiver_cpu": received["cpu"],
    }
    bars: dict[str, Callable[[Any], bool]] = {
        "p50_ms": lambda value: value is not None and value < 3,
        "p99_ms": lambda value: value is not None and value < 20,
        "delivered": lambda value: value > 0.999,
        "departure_jitter_p95_ms": lambda value: value < 2,
        "sender_cpu": lambda value: value < 0.05,
        "receiver_cpu": lambda value: value < 0.10,
    }
    words = {
        "p50_ms": "under 3", "p99_ms": "under 20", "delivered": "over 0.999", "departure_jitter_p95_ms": "under 2",
        "sender_cpu": "under 0.05 of a core",
        "receiver_cpu": "under 0.1 of a core",
    }  # fmt: skip
    return _judge(result, bars, words)


# --- rooms


async def rooms(url: str, token: str, seed: int) -> dict[str, Any]:
    """Let members come and go; the time of an operation, and until a watcher knows of it."""
    chance = random.Random(seed)
    operations: list[float] = []
    syncs: list[float] = []
    begun: dict[str, float] = {}

    def known(event: dict[str, Any]) -> None:
        at = begun.pop(event["member"]["device"], None)
        if at is not None:
            syncs.append(1000 * (time.monotonic() - at))

    async def member(connection: HostConnection) -> None:
        await asyncio.sleep(chance.uniform(0, 5))
        for _ in range(5):
            begun[connection.device] = began = time.monotonic()
            room = await connection.join("bench", subscribe=[])
            operations.append(1000 * (time.monotonic() - began))
            await asyncio.sleep(chance.uniform(1, 5))
            began = time.monotonic()
            await room.leave()
            operations.append(1000 * (time.monotonic() - began))
            await asyncio.sleep(chance.uniform(0.5, 2))

    async with posewire.connect(url, token=token, device="watcher") as watching:
        watched = await watching.join("bench", subscribe=[])
        watched.on("joined", known)
        connections = [posewire.connect(url, token=token, device=f"member-{number}") for number in range(_MEMBERS)]
        await asyncio.gather(*(connection.open() for connection in connections))
        await asyncio.gather(*(member(connection) for connection in connections))
        await asyncio.gather(*(connection.close() for connection in connections))
        alone = len(watched.members) == 1
    result = {
        "operations": len(operations),
        "operation_p50_ms": percentile(operations, 0.5),
        "operation_p99_ms": percentile(operations, 0.99),
        "sync_p99_ms": percentile(syncs, 0.99),
        "in_sync": alone,
    }
    bars: dict[str, Callable[[Any], bool]] = {
        "operation_p99_ms": lambda value: value is not None and value < 50,
        "sync_p99_ms": lambda value: value is not None and value < 100,
        "in_sync": bool,
    }
    words = {"operation_p99_ms": "under 50", "sync_p99_ms": "under 100", "in_sync": "at the end"}
    return _judge(result, bars, words)


# --- cuts


async def cuts(url: str, token: str, count: int, seed: int) -> dict[str, Any]:
    """Cut links at random moments; how long until the programs are back, and what became of what they said."""
    links = min(_LINKS, count)
    shares = [count // links + (number < count % links) for number in range(links)]
    done = await asyncio.gather(
        *(_cut_one(url, token, f"{seed}-{number}", share, random.Random(seed * 1000 + number))
          for number, share in enumerate(shares))
    )  # fmt: skip
    returns = [away for one in done for away in one["returns"]]
    result = {
        "cuts": len(returns),
        "return_p50_s": percentile(returns, 0.5),
        "return_p99_s": percentile(returns, 0.99),
        "return_longest_s": max(returns),
        "said": sum(one["said"] for one in done),
        "lost": sum(one["lost"] for one in done),
        "doubled": sum(one["doubled"] for one in done),
        "wrong_poses": sum(one["wrong"] for one in done),
        "rooms_lost": sum(one["closed"] for one in done),
    }
    bars: dict[str, Callable[[Any], bool]] = {
        "return_longest_s": lambda value: value < 2,
        "lost": lambda value: not value,
        "doubled": lambda value: not value,
        "wrong_poses": lambda value: not value,
        "rooms_lost": lambda value: not value,
    }
    words = dict.fromkeys(bars, "none") | {"return_longest_s": "under 2"}
    return _judge(result, bars, words)


async def _cut_one(url: str, token: str, name: str, count: int, chance: random.Random) -> dict[str, Any]:
    """Cut one link so often, while its program says numbers and sends poses that hold their own number."""
    heard: Counter[int] = Counter()
    wrong = 0

    def saw(pose: Any) -> None:
        nonlocal wrong
        values = pose.values["coco17"]
        # Every landmark of a pose has the same number: a pose that is put together wrongly does not.
        wrong += bool(abs(values[:, :2] - values[0, 0]).max() > 0.01)

    link = LinkProxy(url)
    await link.start()
    returns: list[float] = []
    async with (
        posewire.connect(url, token=token, device=f"listener-{name}") as listening,
        posewire.connect(link.url, token=token, device=f"walker-{name}", heartbeat_s=0.5, silence_s=1.5) as walking,
    ):
        there = await listening.join(f"cuts-{name}")
        there.on("message", lambda message: heard.update([message.data]))
        there.on("pose", saw)
        room = await walking.join(f"cuts-{name}", publish=["pose"], subscribe=[])
        sender = room.sender(fps=FPS, adapt=False)
        said, ended = 0, False
        waiting: set[asyncio.Task[int]] = set()

        async def talk() -> None:
            nonlocal said
            step = 0
            while not ended:
                step += 1
                sender.send(coco=[[(step % 100) / 100, (step % 100) / 100, 1.0]] * 17)
                if step % 6 == 0:
                    said += 1
                    waiting.add(asyncio.create_task(room.send(said)))
                await asyncio.sleep(1 / FPS)

        talking = asyncio.create_task(talk())
        for _ in range(count):
            await asyncio.sleep(chance.uniform(0.2, 2.0))
            await link.change(refuse=True)
            link.reset()
            while walking.connected:  # noqa: ASYNC110
                await asyncio.sleep(0.005)
            await asyncio.sleep(_CUT * chance.uniform(0.8, 1.0))
            await link.change(refuse=False)
            mended = time.monotonic()
            with suppress(PosewireError):
                await walking.wait_connected(30)
            returns.append(time.monotonic() - mended)
        ended = True
        await talking
        await asyncio.gather(*waiting, return_exceptions=True)
        await listening.heartbeat.barrier(10)
        closed = room.closed is not None
    await link.close()
    lost = sum(number not in heard for number in range(1, said + 1))
    doubled = sum(times - 1 for times in heard.values())
    return {"returns": returns, "said": said, "lost": lost, "doubled": doubled, "wrong": wrong, "closed": closed}


# --- squeeze


async def squeeze(url: str, token: str) -> dict[str, Any]:
    """Narrow the way of a camera (body, hands, face) for 20 s; how old what arrives is, and when it is as before."""
    ages: list[tuple[float, float]] = []
    link = LinkProxy(url, LinkConditions(kbit_s=200, latency_ms=10))
    await link.start()
    try:
        async with (
            posewire.connect(url, token=token, device="watcher") as watching,
            posewire.connect(link.url, token=token, device="camera") as sending,
        ):
            watched = await watching.join("squeeze")
            room = await sending.join("squeeze", publish=["pose"], subscribe=[])
            sender = room.sender(fps=FPS)
            watched.on(
                "pose",
                lambda pose: ages.append((time.monotonic(), (time.monotonic() * 1000 - pose.pose.time_ms) % 2**32)),
            )
            step = 0

            async def send_for(seconds: float, until: Callable[[], bool] = lambda: False) -> float:
                nonlocal step
                began = time.monotonic()
                while time.monotonic() - began < seconds and not until():
                    sender.send(motion(step, face=True))
                    step += 1
                    await asyncio.sleep(1 / FPS)
                return time.monotonic() - began

            await send_for(8)
            before, coarse = sender.quality.level, sender.statistics()["coarse"]

            def degraded() -> bool:
                return bool(sender.quality.level > before or sender.statistics()["coarse"] > coarse)

            await link.change(kbit_s=20)
            narrowed = time.monotonic()
            degraded_after = await send_for(10, degraded)
            await send_for(20 - degraded_after)
            await link.change(kbit_s=200)
            widened = time.monotonic()
            full_after = await send_for(40, lambda: sender.quality.level <= before)
            reconnects = sending.statistics()["reconnects"]
    finally:
        await link.close()
    narrow = [age for at, age in ages if narrowed + 2 < at < widened]
    result = {
        "level_before": before,
        "degraded_after_s": degraded_after,
        "poses_narrow": len(narrow),
        "age_p50_ms": percentile(narrow, 0.5),
        "age_p95_ms": percentile(narrow, 0.95),
        "age_longest_ms": max(narrow, default=None),
        "full_after_s": full_after,
        "reconnects": reconnects,
    }
    bars: dict[str, Callable[[Any], bool]] = {
        "degraded_after_s": lambda value: value < 2,
        "age_p95_ms": lambda value: value is not None and value < 250,
        "full_after_s": lambda value: value < 10,
        "reconnects": lambda value: not value,
    }
    words = {"degraded_after_s": "under 2", "age_p95_ms": "under 250", "full_after_s": "under 10", "reconnects": "none"}
    return _judge(result, bars, words)
