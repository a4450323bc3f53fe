"""Poses by a data channel: on a network that loses a tenth of them, and when the channel dies."""

import asyncio
import time
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import posewire
from posewire.bench.client_room_peers import FPS, motion
from posewire.client.connection import HostConnection
from posewire.client.sending.pose_sender import PoseSender
from posewire.client.transports.switches import FallbackPolicy
from posewire.client.transports.webrtc import WebRtc
from posewire.measure.summary import percentile
from posewire.sim.network.link_conditions import LinkConditions
from posewire.sim.network.link_proxy import LinkProxy

Bars = dict[str, Callable[[Any], bool]]

_LOSS = 0.1
_OPENING = 30.0
LOSS_BARS: Bars = {
    "degraded_after_s": lambda value: value < 2,
    "age_p95_ms": lambda value: value is not None and value < 250,
    "full_after_s": lambda value: value < 10,
    "reconnects": lambda value: not value,
}
LOSS_WORDS = {
    "degraded_after_s": "under 2", "age_p95_ms": "under 250", "full_after_s": "under 10", "reconnects": "none",
}  # fmt: skip
FALLBACK_BARS: Bars = {"left_longest_s": lambda value: value < 1, "not_back": lambda value: not value}
FALLBACK_WORDS = {"left_longest_s": "under 1", "not_back": "none"}


async def loss(url: str, token: str, seed: int) -> dict[str, Any]:
    """Lose a tenth of the packets of a camera and of a receiver, both on data channels, for 20 s."""
    ages: list[tuple[float, float]] = []
    conditions = LinkConditions(latency_ms=10, jitter_ms=5)
    async with (
        LinkProxy(url, conditions, seed) as link,
        posewire.connect(link.url, token=token, device="watcher", webrtc=True) as watching,
        posewire.connect(link.url, token=token, device="camera", webrtc=True) as sending,
    ):
        watched = await watching.join("loss")
        room = await sending.join("loss", publish=["pose"], subscribe=[])
        sender = room.sender(fps=FPS)
        watched.on(
            "pose", lambda pose: ages.append((time.monotonic(), (time.monotonic() * 1000 - pose.pose.time_ms) % 2**32))
        )
        await _send_for(sender, _OPENING, lambda: sending.lossy and watching.lossy)
        await _send_for(sender, 4)
        await _send_for(sender, 20, lambda: not sender.quality.level)
        before = sender.quality.level
        await link.datagrams.change(loss=_LOSS)
        began, sent_before = time.monotonic(), sender.sent
        degraded_after = await _send_for(sender, 10, lambda: sender.quality.level > before)
        await _send_for(sender, 20 - degraded_after)
        sent, ended = sender.sent - sent_before, time.monotonic()
        await link.datagrams.change(loss=0.0)
        full_after = await _send_for(sender, 40, lambda: sender.quality.level <= before)
        arrived = [age for at, age in ages if began < at < ended]
        return {
            "by_channel": sending.lossy and watching.lossy,
            "degraded_after_s": degraded_after,
            "sent": sent,
            "arrived": len(arrived),
            "age_p50_ms": percentile(arrived, 0.5),
            "age_p95_ms": percentile(arrived, 0.95),
            "age_longest_ms": max(arrived, default=None),
            "full_after_s": full_after,
            "reconnects": sending.statistics()["reconnects"] + watching.statistics()["reconnects"],
        }


async def fallback(url: str, token: str, count: int) -> dict[str, Any]:
    """Let a data channel fall silent, again and again: when it is left, how long no pose came, whether it is back."""
    left: list[float] = []
    gaps: list[float] = []
    not_back = 0
    arrived: list[float] = []
    async with (
        LinkProxy(url) as link,
        posewire.connect(url, token=token, device="watcher") as watching,
        posewire.connect(link.url, token=token, device="camera", webrtc=WebRtc(FallbackPolicy(probe_s=1.0))) as sending,
    ):
        watched = await watching.join("fallback")
        room = await sending.join("fallback", publish=["pose"], subscribe=[])
        sender = room.sender(fps=FPS)
        watched.on("pose", lambda pose: arrived.append(time.monotonic()))
        for _ in range(count):
            await _wait_for_channel(sender, sending)
            not_back += not sending.lossy
            arrived.clear()
            await _send_for(sender, 1.0)
            cut = time.monotonic()
            await link.datagrams.change(stall=True)
            left.append(await _send_for(sender, 10, lambda: not sending.lossy))
            await _send_for(sender, 10, lambda at=cut: bool(arrived) and arrived[-1] > at + 0.2)  # type: ignore[misc]
            gaps.append(max((b - a for a, b in pairwise(arrived)), default=0.0))
            await link.datagrams.change(stall=False)
    return {
        "times": count,
        "left_p50_s": percentile(left, 0.5),
        "left_longest_s": max(left),
        "gap_longest_s": max(gaps),
        "not_back": not_back,
    }


async def _wait_for_channel(sender: PoseSender, connection: HostConnection) -> None:
    await _send_for(sender, _OPENING, lambda: connection.lossy)


async def _send_for(sender: PoseSender, seconds: float, until: Callable[[], bool] = lambda: False) -> float:
    """Send for so long, or until something is so; returns the seconds."""
    began = time.monotonic()
    while time.monotonic() - began < seconds and not until():
        sender.send(motion(sender.given))
        await asyncio.sleep(1 / FPS)
    return time.monotonic() - began
