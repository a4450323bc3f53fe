"""The load generator of ``posewire bench relay``, in a process of its own: one scenario against one server.

Reads a ``Task`` as JSON from standard input and prints the result as JSON. The server's CPU time and memory are read
from ``/proc`` (Linux); elsewhere they are left out.
"""

import asyncio
import gc
import json
import os
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from posewire.bench.relay_client import Arrivals, Dialect, LoadConnection, dialect, open_connection
from posewire.server.monitoring.file_limit import raise_file_limit

Result = dict[str, Any]
_AT_ONCE = 64
"""Connections that are being opened at the same time."""

FPS = 30
RECEIVERS = 10
P99_LIMIT = 0.050
_DELIVERED = 0.97
"""Share of the offered deliveries that must arrive for a step to count."""

_ECHO_CLIENTS, _ECHO_WINDOW, _ECHO_SIZE = 50, 8, 120
_POSE_SIZE = 64
_SLOW_FPS, _SLOW_SIZE = 400, 1200


@dataclass(frozen=True)
class Task:
    """A task. ``seconds``: length of one measurement; ``count``: connections, or rooms to start with."""

    scenario: str
    url: str
    dialect: str
    token: str
    pid: int
    seconds: float
    count: int


class Load:
    """Connections to one server."""

    def __init__(self, task: Task) -> None:
        self.task = task
        self.spoken: Dialect = dialect(task.dialect, task.token)
        self.arrivals = Arrivals()
        self.opened = 0

    async def open(self, **options: Any) -> LoadConnection:
        """Open one more connection."""
        self.opened += 1
        arrivals = options.pop("arrivals", self.arrivals)
        return await open_connection(self.task.url, self.spoken, self.opened, arrivals, **options)

    async def open_many(self, options: list[dict[str, Any]]) -> list[LoadConnection]:
        """Open many, a limited number at the same time."""
        gate = asyncio.Semaphore(_AT_ONCE)

        async def one(option: dict[str, Any]) -> LoadConnection:
            async with gate:
                return await self.open(**option)

        return await asyncio.gather(*(one(option) for option in options))


async def echo(load: Load) -> Result:
    """50 clients, 8 messages of 120 bytes on the way for each: echoed messages a second."""
    sequence = [0]

    def again(connection: LoadConnection) -> None:
        sequence[0] += 1
        connection.write(load.spoken.message(sequence[0], _ECHO_SIZE))

    clients = await load.open_many([{"sender": True, "on_message": again}] * _ECHO_CLIENTS)
    for client in clients:
        for _ in range(_ECHO_WINDOW):
            again(client)
    await asyncio.sleep(min(1.0, load.task.seconds / 2))
    window = Window(load)
    await asyncio.sleep(load.task.seconds)
    result = window.end()
    count = result["messages"]
    return {
        "echo_msgs_s": round(count / result["seconds"]),
        "echo_us": _us(result["server_cpu"], count),
        "echo_client_cpu": result["client_cpu"],
        "echo_p99_ms": result["p99_ms"],
    }


async def fanout(load: Load) -> Result:
    """Rooms of one sender at 30 fps and 10 receivers: CPU a delivery at a common rate; the highest rate that holds."""
    rooms: list[LoadConnection] = []

    async def grow(count: int) -> None:
        options = []
        for number in range(len(rooms), count):
            options.append({"room": f"r{number}", "sender": True})
            options += [{"room": f"r{number}"}] * RECEIVERS
        opened = await load.open_many(options)
        rooms.extend(opened[:: RECEIVERS + 1])

    count = load.task.count
    await grow(count)
    first = await _send_rooms(load, rooms, load.task.seconds)
    result: Result = {
        "fanout_us_per_delivery": _us(first["server_cpu"], first["messages"]),
        "fanout_offered": count * FPS * RECEIVERS,
        "fanout_p99_ms": first["p99_ms"],
    }
    best: Result = {"rate": 0}
    good, bad = 0, 0
    while not bad or bad - good > max(2, good // 12):
        await grow(count)
        step, held = await _try(load, rooms[:count])
        if not held:
            # Once more: another process on the machine, and not the server, may have been slow.
            step, held = await _try(load, rooms[:count])
        rate = step["messages"] / step["seconds"]
        if held:
            good = count
            if rate > best["rate"]:
                best = {"rate": rate, **step}
        else:
            bad = count
        count = (good + bad) // 2 if bad else 2 * count
        if bad and good == 0 and bad <= 2:
            break
    result["fanout_capacity"] = round(best["rate"])
    result["fanout_capacity_client_cpu"] = best.get("client_cpu")
    result["fanout_capacity_server_cpu"] = None if best.get("server_cpu") is None else _share(best)
    return result


async def idle(load: Load) -> Result:
    """Connections that only stay: time to open them, memory for each, and the time for all to come back at once."""
    count = load.task.count
    warm = await load.open_many([{}] * 20)
    for client in warm:
        client.abort()
    await asyncio.sleep(0.5)
    before = memory(load.task.pid)
    started = time.perf_counter()
    clients = await load.open_many([{}] * count)
    connect_s = time.perf_counter() - started
    await asyncio.sleep(1.0)
    after = memory(load.task.pid)
    sessions = [client.session for client in clients]
    load.opened -= count
    for client in clients:
        client.abort()
    started = time.perf_counter()
    clients = await load.open_many([{"resume": session} for session in sessions])
    reconnect_s = time.perf_counter() - started
    return {
        "idle_kb": None if before is None or after is None else round((after - before) / count / 1024, 1),
        "connect_s": round(connect_s, 2),
        "reconnect_s": round(reconnect_s, 2),
        "connections": count,
    }


async def slow(load: Load) -> Result:
    """A fast room, without and with a receiver that stops reading: the others' p99, and the server's memory."""
    sender, *_ = await load.open_many([{"room": "fast", "sender": True}, *[{"room": "fast"}] * RECEIVERS])
    await _send(load, [sender], 1.0, _SLOW_FPS, _SLOW_SIZE)
    alone = await _send(load, [sender], load.task.seconds, _SLOW_FPS, _SLOW_SIZE)
    silent = await load.open(room="fast", arrivals=Arrivals(), receive_buffer=4096)
    assert silent.transport is not None
    silent.transport.pause_reading()
    before = memory(load.task.pid)
    beside = await _send(load, [sender], 2 * load.task.seconds, _SLOW_FPS, _SLOW_SIZE)
    after = memory(load.task.pid)
    return {
        "slow_p99_before_ms": alone["p99_ms"],
        "slow_p99_ms": beside["p99_ms"],
        "slow_memory_mb": None if before is None or after is None else round((after - before) / 2**20, 1),
    }


SCENARIOS: dict[str, Callable[[Load], Awaitable[Result]]] = {
    "echo": echo,
    "fanout": fanout,
    "idle": idle,
    "slow": slow,
}


class Window:
    """One stretch of time: what arrived, and what it cost the server and this process."""

    def __init__(self, load: Load) -> None:
        self._load = load
        load.arrivals.begin()
        self._started = time.perf_counter()
        self._server = cpu(load.task.pid)
        self._client = time.process_time()

    def end(self) -> Result:
        """Close the window."""
        seconds = time.perf_counter() - self._started
        client = time.process_time() - self._client
        server = cpu(self._load.task.pid)
        latencies = sorted(self._load.arrivals.end())
        spent = None if server is None or self._server is None else server - self._server
        return {
            "seconds": seconds,
            "messages": self._load.arrivals.count,
            "server_cpu": spent,
            "client_cpu": round(client / seconds, 2),
            "p99_ms": round(1000 * latencies[int(len(latencies) * 0.99)], 2) if latencies else None,
        }


async def _try(load: Load, senders: list[LoadConnection]) -> tuple[Result, bool]:
    """Send at full rate; the result, and whether the server kept up."""
    step = await _send_rooms(load, senders, load.task.seconds)
    rate = step["messages"] / step["seconds"]
    offered = len(senders) * FPS * RECEIVERS
    on_time = step["p99_ms"] is not None and step["p99_ms"] <= P99_LIMIT * 1000
    return step, on_time and rate >= _DELIVERED * offered


async def _send_rooms(load: Load, senders: list[LoadConnection], seconds: float) -> Result:
    await _send(load, senders, min(1.0, seconds / 2), FPS, _POSE_SIZE)
    result = await _send(load, senders, seconds, FPS, _POSE_SIZE)
    await asyncio.sleep(0.3)  # what an overloaded server still holds must not fall into the next step
    return result


async def _send(load: Load, senders: list[LoadConnection], seconds: float, fps: int, size: int) -> Result:
    """Let the senders send, evenly spread over time."""
    rate = fps * len(senders)
    window = Window(load)
    started = time.perf_counter()
    sent = 0
    while (elapsed := time.perf_counter() - started) < seconds:
        due = int(elapsed * rate)
        while sent < due:
            turn, who = divmod(sent, len(senders))
            senders[who].write(load.spoken.message(turn, size))
            sent += 1
        await asyncio.sleep(0.001)
    return window.end()


def cpu(pid: int) -> float | None:
    """Seconds of CPU that a process has used, or None where there is no /proc."""
    try:
        words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def waited(pid: int) -> float | None:
    """Seconds that a process was ready to run and had no core, or None where the kernel does not say."""
    try:
        return int(Path(f"/proc/{pid}/schedstat").read_text().split()[1]) / 1e9
    except (OSError, IndexError, ValueError):
        return None


def memory(pid: int) -> int | None:
    """Resident bytes of a process, or None where there is no /proc."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return None


def _us(seconds: float | None, count: int) -> float | None:
    return None if seconds is None or not count else round(seconds / count * 1e6, 2)


def _share(step: Result) -> float:
    return round(float(step["server_cpu"]) / float(step["seconds"]), 2)


async def _run(task: Task) -> Result:
    load = Load(task)
    gc.freeze()
    return await SCENARIOS[task.scenario](load)


def main() -> None:
    """Run the task of standard input."""
    raise_file_limit()
    task = Task(**json.load(sys.stdin))
    try:
        import uvloop
    except ImportError:
        result = asyncio.run(_run(task))
    else:
        result = uvloop.run(_run(task))
    print(json.dumps(result))  # noqa: T201 - for the process that started this one


if __name__ == "__main__":
    main()
