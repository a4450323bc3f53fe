"""Load for a host: dancers and spectators in rooms; every second a line, at the end what was lost and how long it took.

usage: load_generator.py [--url URL] [--rooms N] [--dancers N] [--spectators N] [--seconds N]
"""

import argparse
import asyncio
import json
import time

import numpy as np

import posewire

FPS = 30


def dance(step, dancer):
    """A body that moves: 33 landmarks with visibility."""
    phase = step / FPS * 2 * np.pi + dancer
    body = np.linspace(0, 1, 33 * 4).reshape(33, 4)
    body[:, 0] = 0.5 + 0.2 * np.sin(phase + np.arange(33) / 8)
    body[:, 1] = 0.5 + 0.2 * np.cos(phase + np.arange(33) / 8)
    body[:, 3] = 1
    return body


async def dancer(options, room, number, start, counts):
    async with posewire.connect(options.url, device=f"dancer-{room}-{number}") as host:
        sender = (await host.join(f"load-{room}", publish=["pose"], subscribe=[])).sender(fps=FPS)
        await start.wait()
        end, step = time.monotonic() + options.seconds, 0
        while time.monotonic() < end:
            # The time of sending travels with the pose: everybody here has the same clock.
            sender.send(body=dance(step, number), time_ms=time.monotonic() * 1000)
            step += 1
            await asyncio.sleep(1 / FPS)
        counts["sent"] += sender.statistics()["sent"]


async def spectator(options, room, start, counts, delays):
    async with posewire.connect(options.url) as host:
        joined = await host.join(f"load-{room}")

        def seen(pose):
            counts["seen"] += 1
            delays.append((round(time.monotonic() * 1000) - pose.pose.time_ms) & 0xFFFFFFFF)

        joined.on("pose", seen)
        await start.wait()
        await asyncio.sleep(options.seconds + 0.5)
        counts["missing"] += sum(count.missing + count.undecodable for count in joined.counts().values())


async def tell(options, start, counts):
    await start.wait()
    before = 0
    for _ in range(options.seconds):
        await asyncio.sleep(1)
        print(f"{counts['seen'] - before} poses seen in the last second", flush=True)
        before = counts["seen"]


async def main(options):
    counts, delays = {"sent": 0, "seen": 0, "missing": 0}, []
    # The time begins when everybody is there.
    start = asyncio.Barrier(1 + options.rooms * (options.dancers + options.spectators))
    work = [tell(options, start, counts)]
    for room in range(options.rooms):
        work += [spectator(options, room, start, counts, delays) for _ in range(options.spectators)]
        work += [dancer(options, room, number, start, counts) for number in range(options.dancers)]
    await asyncio.gather(*work)
    p50, p99 = np.percentile(delays, [50, 99]) if delays else (0, 0)
    print(json.dumps({**counts, "p50_ms": round(float(p50), 1), "p99_ms": round(float(p99), 1)}))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", default="ws://127.0.0.1:8000/posewire/v1/")
    for name, default in (("rooms", 2), ("dancers", 2), ("spectators", 5), ("seconds", 10)):
        parser.add_argument(f"--{name}", type=int, default=default)
    asyncio.run(main(parser.parse_args()))
