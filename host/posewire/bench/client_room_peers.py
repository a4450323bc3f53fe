"""The programs of ``posewire bench client-room``: a camera that sends bodies, and a receiver, each in a process."""

import asyncio
import time
from collections.abc import Callable, Coroutine
from multiprocessing.connection import Connection
from typing import Any

import numpy as np
from numpy.typing import NDArray

import posewire

FPS = 30
_PERIOD_MS = 33


def motion(step: int, seed: int = 0, *, face: bool = False) -> dict[str, NDArray[np.float32]]:
    """Return a body and two hands, by set, that move as slowly as people do; and a face, where that is wanted."""
    chance = np.random.default_rng(seed)
    pose = {}
    if face:
        place, phase = chance.uniform(0.4, 0.6, (468, 3)), chance.uniform(0, 6.3, (1, 3))
        pose["face468"] = (place + 0.02 * np.sin(step / FPS + phase)).astype(np.float32)
    for name, count, channels in (("body33", 33, 4), ("hands42", 42, 3)):
        place = chance.uniform(0.2, 0.8, (count, channels))
        size, speed, phase = (
            chance.uniform(low, high, (count, channels)) for low, high in ((0.01, 0.08), (0.2, 1.5), (0.0, 6.3))
        )
        pose[name] = (place + size * np.sin(speed * step / FPS + phase)).astype(np.float32)
    return pose


def run_camera(pipe: Connection, url: str, token: str, names: list[str], seconds: float) -> None:
    """Send a body and hands for each name; tells when each pose was given, by its time, and what that took."""
    asyncio.run(_report(pipe, lambda: _camera(pipe, url, token, names, seconds)))


def run_receiver(pipe: Connection, url: str, token: str, compiled: bool) -> None:
    """Decode all poses of the room until told to stop; tells when each arrived, and what that took."""
    asyncio.run(_report(pipe, lambda: _receiver(pipe, url, token, compiled)))


async def _report(pipe: Connection, work: Callable[[], Coroutine[Any, Any, dict[str, Any]]]) -> None:
    result = await work()
    pipe.send(result)
    pipe.recv()  # what is sent is read before the process ends


async def _camera(pipe: Connection, url: str, token: str, names: list[str], seconds: float) -> dict[str, Any]:
    cameras = []
    for name in names:
        connection = posewire.connect(url, token=token, device=name)
        await connection.open()
        room = await connection.join("bench", publish=["pose"], subscribe=[])
        cameras.append((connection, room.sender(fps=20 * FPS, qos="ordered", adapt=False)))
    pipe.send("ready")
    await asyncio.to_thread(pipe.recv)
    given: dict[str, dict[int, float]] = {name: {} for name in names}
    poses = {name: [motion(step, seed) for step in range(600)] for seed, name in enumerate(names)}
    cpu, began = time.process_time(), time.monotonic()
    for step in range(round(seconds * FPS)):
        await asyncio.sleep(max(0.0, began + step / FPS - time.monotonic()))
        for name, (_, sender) in zip(names, cameras, strict=True):
            pose = poses[name][step % 600]
            at = time.monotonic()
            if sender.send(pose, time_ms=step * _PERIOD_MS):
                given[name][step * _PERIOD_MS] = at
    used = (time.process_time() - cpu) / (time.monotonic() - began)
    await asyncio.sleep(0.5)
    dropped = [dict(sender.dropped) for _, sender in cameras]
    jitter = max(sender.statistics()["jitter_ms"]["p95"] or 0.0 for _, sender in cameras)
    for connection, _ in cameras:
        await connection.close()
    return {"given": given, "cpu": used, "dropped": dropped, "jitter_ms": jitter}


async def _receiver(pipe: Connection, url: str, token: str, compiled: bool) -> dict[str, Any]:
    arrived: dict[str, dict[int, float]] = {}
    async with posewire.connect(url, token=token, device="receiver") as connection:
        room = await connection.join("bench", compiled=compiled)
        room.on("pose", lambda pose: arrived.setdefault(pose.device, {}).update({pose.pose.time_ms: time.monotonic()}))
        pipe.send("ready")
        cpu, began = time.process_time(), time.monotonic()
        await asyncio.to_thread(pipe.recv)
        used = (time.process_time() - cpu) / (time.monotonic() - began)
        missing = sum(count.missing for count in room.counts().values())
    return {"arrived": arrived, "cpu": used, "missing": missing}
