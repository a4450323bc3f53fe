"""How soon poses go another way when a part of a conference is killed, and what a conference costs: prints a table.

``PYTHONPATH=host:tests python -m support.conference.measure [TIMES]``; it needs Prosody. A camera of 30 poses a second
(body and hands) reaches the host through the conference, a receiver by a WebSocket. ``gap``: the longest time without
a pose around the kill.
"""

import asyncio
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import posewire
from jitsi.conftest import TOKEN, address_of, host_in
from posewire.bench.client_room_peers import FPS, motion
from posewire.client.connection import HostConnection
from posewire.client.endpoints import Endpoint
from posewire.client.reconnect import ReconnectPolicy
from posewire.measure.summary import percentile
from posewire.server.host import Host
from posewire.sim.network.link_proxy import LinkProxy
from support.conference.deployment import Deployment

Act = Callable[[], Awaitable[None] | None]


class Scene:
    """A camera that sends all the time, and when its poses arrive."""

    def __init__(self, camera: HostConnection, host: Host, room: str) -> None:
        self.camera = camera
        self._host, self._room = host, room
        self.arrived: list[float] = []
        self.ways: list[float] = []

    async def run(self, work: Callable[["Scene"], Awaitable[None]]) -> None:
        """Do something while the camera sends."""
        async with posewire.connect(self._host.url, token=TOKEN, device="watcher") as watching:
            (await watching.join(self._room)).on("pose", self._take)
            sender = (await self.camera.join(self._room, publish=["pose"], subscribe=[])).sender(fps=FPS)

            async def send() -> None:
                while True:
                    sender.send(motion(sender.given))
                    await asyncio.sleep(1 / FPS)

            sending = asyncio.ensure_future(send())
            await work(self)
            sending.cancel()

    def _take(self, pose: Any) -> None:
        self.arrived.append(time.monotonic())
        self.ways.append((time.monotonic() * 1000 - pose.pose.time_ms) % 2**32)

    async def until(self, condition: Callable[[], bool]) -> bool:
        """Wait until something is so; False: it is not after 30 s."""
        try:
            async with asyncio.timeout(30):
                while not condition():
                    await asyncio.sleep(0.005)
        except TimeoutError:
            return False
        return True

    async def break_and_mend(self, times: int, ready: Callable[[], bool], kill: Act, mend: Act) -> dict[str, Any]:
        """Kill something again and again, and mend it; ``ready``: poses go as they should."""
        gaps, not_back = [], 0
        for _ in range(times):
            not_back += not await self.until(ready)
            await asyncio.sleep(1.0)
            self.arrived.clear()
            await asyncio.sleep(0.2)
            await _do(kill)
            killed = time.monotonic()
            await asyncio.sleep(1.5)
            await self.until(lambda at=killed: bool(self.arrived) and self.arrived[-1] > at + 1.5)  # type: ignore[misc]
            gaps.append(max((b - a for a, b in pairwise(self.arrived)), default=0.0))
            await _do(mend)
        not_back += not await self.until(ready)
        return {"gap_p50_s": percentile(gaps, 0.5), "gap_longest_s": max(gaps), "not_back": not_back}


async def _do(act: Act) -> None:
    waited = act()
    if waited is not None:
        await waited


def _show(what: str, figures: dict[str, Any]) -> None:
    print(f"{what}: " + ", ".join(f"{key} {value:.3g}" for key, value in figures.items()), flush=True)


async def _main(deployment: Deployment, times: int) -> None:
    def named(scene: Scene, name: str) -> bool:
        transport = scene.camera.status()["transport"]
        return transport is not None and transport["name"] == name

    async with host_in(deployment.address) as host, LinkProxy(host.url) as network:
        outside = address_of(host)
        back = ReconnectPolicy(return_s=1.0)

        async def latency(scene: Scene) -> None:
            for name, by_room in (("jitsi", False), ("jitsi-muc", True)):
                await scene.until(lambda name=name: named(scene, name))  # type: ignore[misc]
                await asyncio.sleep(1)
                scene.ways.clear()
                began = time.process_time()
                await asyncio.sleep(10)
                fine = [percentile(scene.ways, share) for share in (0.5, 0.99)]
                counts = {"p50_ms": fine[0], "p99_ms": fine[1], "poses": len(scene.ways)}
                _show(f"latency by {name}", {**counts, "cpu_of_all": (time.process_time() - began) / 10})
                if not by_room:
                    scene.camera.rollback()

        async def bridge(scene: Scene) -> None:
            ready = lambda: named(scene, "jitsi")  # noqa: E731
            _show("bridge", await scene.break_and_mend(times, ready, deployment.bridge.kill, deployment.bridge.start))
            _show("focus", await scene.break_and_mend(times, ready, deployment.focus.kill, deployment.focus.start))

        async def prosody(scene: Scene) -> None:
            def kill() -> None:
                deployment.prosody.kill()
                deployment.focus.kill()

            def mend() -> None:
                deployment.prosody.start()
                deployment.focus.start()

            _show("prosody", await scene.break_and_mend(times, lambda: named(scene, "jitsi"), kill, mend))

        async def websocket(scene: Scene) -> None:
            async def kill() -> None:
                await network.change(refuse=True)
                network.reset()

            async def mend() -> None:
                await network.change(refuse=False)

            _show("websocket", await scene.break_and_mend(times, lambda: named(scene, "websocket"), kill, mend))

        for work, urls in (
            (latency, outside),
            (bridge, outside),
            (prosody, [Endpoint(outside), Endpoint(host.url, weight=0)]),
            (websocket, [Endpoint(network.url), Endpoint(outside, weight=0)]),
        ):
            async with posewire.connect(urls, token=TOKEN, device="camera", reconnect=back) as camera:
                await Scene(camera, host, work.__name__).run(work)
                reconnects = camera.statistics()["reconnects"]
                _show(
                    work.__name__, {"reconnects": reconnects, "bad_poses": host.services.counters["refused_bad_pose"]}
                )


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder, Deployment(Path(folder)) as started:
        asyncio.run(_main(started, int(sys.argv[1]) if len(sys.argv) > 1 else 20))
