"""The memory of programs in a room over a long time: a camera, a receiver, and the host between them."""

import asyncio
import gc
import os
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import posewire
from posewire.bench.client_room_peers import FPS, motion
from posewire.client.monitor import Monitor

_SAMPLES = 60
"""Readings in the whole time; the first third is a warm-up."""

_NOISE_MB, _NOISE = 2.0, 0.03
"""Growth that says nothing: megabytes, or a share of the memory, whichever is more."""


async def memory(url: str, token: str, host_pid: int, seconds: float) -> dict[str, Any]:
    """Send and receive for so long, the camera's link cut now and then; the growth of both processes, in MB.

    ``programs``: of this process, which has a camera, a receiver with a monitor, messages and a shared state;
    ``host``: of the host's. Growth is the median of the last quarter of the readings over that of the first.
    """
    readings: dict[str, list[float]] = {"programs": [], "host": []}
    seen = 0

    def saw(pose: Any) -> None:
        nonlocal seen
        seen += 1

    async with (
        posewire.connect(url, token=token, device="receiver") as receiving,
        posewire.connect(url, token=token, device="camera") as sending,
        Monitor(receiving),
    ):
        watched = await receiving.join("memory")
        watched.on("pose", saw)
        room = await sending.join("memory", publish=["pose"], subscribe=[])
        state = await room.shared_state()
        sender = room.sender(fps=FPS)
        began, step, due = time.monotonic(), 0, 0.0
        while (now := time.monotonic() - began) < seconds:
            sender.send(motion(step % 600))
            step += 1
            if step % FPS == 0:
                room.post({"second": step // FPS})
                await state.update({"second": step // FPS})
            if now >= due:
                due += seconds / _SAMPLES
                gc.collect()
                readings["programs"].append(_resident_mb(os.getpid()))
                readings["host"].append(_resident_mb(host_pid))
            await asyncio.sleep(max(0.0, began + step / FPS - time.monotonic()))
        sent = sender.sent
    result: dict[str, Any] = {"minutes": seconds / 60, "sent": sent, "received": seen}
    for name, values in readings.items():
        steady = values[len(values) // 3 :]
        quarter = max(1, len(steady) // 4)
        result[f"{name}_mb"] = steady[-1]
        result[f"{name}_growth_mb"] = median(steady[-quarter:]) - median(steady[:quarter])
    return result


def memory_bars(result: dict[str, Any]) -> dict[str, Callable[[Any], bool]]:
    """Return what holds: no growth beyond noise."""
    return {f"{name}_growth_mb": partial(_is_noise, result[f"{name}_mb"]) for name in ("programs", "host")}


def _is_noise(memory_mb: float, growth_mb: float) -> bool:
    return growth_mb < max(_NOISE_MB, _NOISE * memory_mb)


def _resident_mb(pid: int) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6
