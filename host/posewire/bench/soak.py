"""Run a host under load for long, and see whether anything grows: memory, tasks, open files.

Rooms with a sender at 30 frames a second and 10 receivers each run all the time; a part of the receivers breaks off and
comes back every second, and one of the senders. With --talkers, boards talk all the time as in ``posewire bench talk``:
they are heard, answered, stopped and interrupted. After a warm-up of a third of the time the host's numbers are read
every few seconds from /metrics. It passes when for none of them the median of the last quarter of these readings is
more than noise above the median of the first quarter.

examples:
  posewire bench soak                      # ten minutes
  posewire bench soak --minutes 60 --rooms 100 --talkers 20
"""

import argparse
import asyncio
import json
import random
import re
import statistics
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from importlib.resources import as_file
from typing import Any

from posewire.bench.relay import NO_VOICE, serve_host
from posewire.bench.relay_client import Arrivals, LoadConnection, PosewireDialect, open_connection
from posewire.bench.relay_load import FPS, RECEIVERS
from posewire.bench.talk import END_SILENCE_MS, SENTENCE, backends, voice_config
from posewire.bench.talk_load import TalkTask
from posewire.progress import meanwhile
from posewire.server.monitoring.file_limit import raise_file_limit
from posewire.terminal import show_json, show_text, warn

_SIZE = 64
_ALLOWED = {"resident_bytes": 3.0 * 2**20, "tasks": 3.0, "open_files": 3.0}
"""Growth over the measured time that is noise: bytes, tasks, files."""

_ALLOWED_SHARE = 0.03
"""The same for memory, as a share."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``posewire bench soak``."""
    parser.add_argument("--minutes", type=float, default=10.0, help="length of the load (default 10)")
    parser.add_argument("--rooms", type=int, default=30, metavar="N", help="rooms of 11 members (default 30)")
    parser.add_argument("--talkers", type=int, default=0, metavar="N", help="boards that talk (default 0)")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of text")


def run(args: argparse.Namespace) -> int:
    """Run and print; 0 when nothing grew."""
    raise_file_limit()
    with meanwhile(f"under load for {args.minutes:g} minutes"):
        result = soak(args.minutes * 60, args.rooms, args.talkers)
    if args.json:
        show_json(result, 1)
    else:
        show_text(report(result))
    return 0 if result["passed"] else 1


def soak(seconds: float, rooms: int, talkers: int = 0) -> dict[str, Any]:
    """Load a host for so long; returns what grew, what was delivered, and whether it passed."""
    with ExitStack() as stack:
        voice = voice_config(stack.enter_context(backends())) if talkers else NO_VOICE
        url, token, _ = stack.enter_context(serve_host(voice))
        talking = stack.enter_context(_talk(url, token, talkers, seconds)) if talkers else None
        result = asyncio.run(_Soak(url, token, seconds, rooms).run())
        if talking is not None:
            found = talking()
            result["turns"] = len(found["first_audio"])
            result["talkers_failed"] = found["failed"]
            result["passed"] = result["passed"] and not found["failed"] and result["turns"] > 0
        return result


@contextmanager
def _talk(url: str, token: str, boards: int, seconds: float) -> Iterator[Callable[[], dict[str, Any]]]:
    """Let boards talk in a process of their own; gives what waits for their findings."""
    with as_file(SENTENCE) as sentence:
        task = TalkTask(url, token, str(sentence), boards, sys.maxsize, END_SILENCE_MS, seconds)
        process = subprocess.Popen(
            [sys.executable, "-m", "posewire.bench.talk_load"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            process_group=0,  # Ctrl-C is for this program, which ends it
        )
        assert process.stdin is not None
        assert process.stdout is not None
        output = process.stdout
        try:
            with process.stdin as given:
                given.write(json.dumps(asdict(task)))
            yield lambda: json.loads(output.read())
        finally:
            process.kill()
            process.wait()
            output.close()


def growth(samples: Sequence[tuple[float, float]]) -> float:
    """Return by how much the median of the last quarter of the samples (time, value) is above that of the first.

    Medians, because a single high sample is no growth; quarters, because growth that has come to an end counts too.
    """
    if len(samples) < 4:
        return 0.0
    quarter = len(samples) // 4
    first, last = samples[:quarter], samples[-quarter:]
    return statistics.median(value for _, value in last) - statistics.median(value for _, value in first)


def judge(samples: dict[str, list[tuple[float, float]]]) -> dict[str, dict[str, Any]]:
    """Return, for each number that was watched, its first and last value, its growth, and whether that is noise."""
    verdicts: dict[str, dict[str, Any]] = {}
    for name, allowed in _ALLOWED.items():
        seen = samples.get(name, [])
        if not seen:
            continue
        grown = growth(seen)
        if name == "resident_bytes":
            allowed = max(allowed, _ALLOWED_SHARE * seen[0][1])
        verdicts[name] = {
            "first": seen[0][1],
            "last": seen[-1][1],
            "series": [value for _, value in seen[:: max(1, len(seen) // 20)]],
            "growth": round(grown, 1),
            "allowed": round(allowed, 1),
            "passed": grown <= allowed,
        }
    return verdicts


def report(result: dict[str, Any]) -> str:
    """The verdicts as text."""
    lines = [
        f"{result['seconds']:.0f} s, {result['deliveries']} deliveries ({result['deliveries_s']}/s), "
        f"p99 {result['p99_ms']} ms, {result['reconnects']} reconnects, {result['internal_errors']:.0f} internal errors"
    ]
    if "turns" in result:
        lines.append(f"{result['turns']} turns of talking boards, failed: {len(result['talkers_failed'])}")
        lines += sorted(set(result["talkers_failed"]))[:5]
    for name, verdict in result["watched"].items():
        state = "ok" if verdict["passed"] else "GREW"
        lines.append(
            f"{name:16} {verdict['first']:>14.0f} → {verdict['last']:>14.0f}   "
            f"growth {verdict['growth']:+.0f} (allowed {verdict['allowed']:.0f})   {state}"
        )
    lines.append("passed" if result["passed"] else "FAILED")
    return "\n".join(lines)


@dataclass
class _Soak:
    url: str
    token: str
    seconds: float
    rooms: int
    arrivals: Arrivals = field(default_factory=Arrivals)
    samples: dict[str, list[tuple[float, float]]] = field(default_factory=dict)
    reconnects: int = 0
    errors: float = 0.0
    devices: int = 0

    async def run(self) -> dict[str, Any]:
        chance = random.Random(1)
        senders = [await self._open(f"r{number}", sender=True) for number in range(self.rooms)]
        receivers = [
            (f"r{number}", await self._open(f"r{number}")) for number in range(self.rooms) for _ in range(RECEIVERS)
        ]
        started = time.monotonic()
        self.arrivals.begin()
        sending = asyncio.create_task(self._send(senders))
        latencies: list[float] = []
        sample_at = started + self.seconds / 3
        period = max(0.5, self.seconds / 120)
        try:
            while (now := time.monotonic()) - started < self.seconds:
                await self._churn(receivers, senders, chance)
                # A million latencies would be this process's own leak.
                latencies += chance.sample(self.arrivals.latencies, min(50, len(self.arrivals.latencies)))
                self.arrivals.latencies.clear()
                if now >= sample_at:
                    await self._sample(now - started)
                    sample_at = now + period
                await asyncio.sleep(1.0)
        finally:
            sending.cancel()
        watched = judge(self.samples)
        took = time.monotonic() - started
        latencies.sort()
        return {
            "seconds": round(took, 1),
            "rooms": self.rooms,
            "deliveries": self.arrivals.count,
            "deliveries_s": round(self.arrivals.count / took),
            "p99_ms": round(1000 * latencies[int(len(latencies) * 0.99)], 1) if latencies else None,
            "reconnects": self.reconnects,
            "internal_errors": self.errors,
            "watched": watched,
            "passed": bool(watched) and self.errors == 0 and all(entry["passed"] for entry in watched.values()),
        }

    async def _churn(
        self, receivers: list[tuple[str, LoadConnection]], senders: list[LoadConnection], chance: random.Random
    ) -> None:
        """Break off one receiver in twenty and let it come back, half of them into their session; and one sender."""
        for at in chance.sample(range(len(receivers)), max(1, len(receivers) // 20)):
            room, old = receivers[at]
            old.abort()
            resume = old.session if chance.random() < 0.5 else ""
            receivers[at] = (room, await self._open(room, resume=resume, number=old.number))
            self.reconnects += 1
        at = chance.randrange(len(senders))
        senders[at].abort()
        senders[at] = await self._open(f"r{at}", sender=True, number=senders[at].number)
        self.reconnects += 1

    async def _open(self, room: str, sender: bool = False, resume: str = "", number: int = 0) -> LoadConnection:
        if not number:
            self.devices += 1
            number = self.devices
        dialect = PosewireDialect(self.token)
        return await open_connection(self.url, dialect, number, self.arrivals, room=room, sender=sender, resume=resume)

    async def _send(self, senders: list[LoadConnection]) -> None:
        dialect = PosewireDialect(self.token)
        started, sent = time.monotonic(), 0
        while True:
            due = int((time.monotonic() - started) * FPS * len(senders))
            while sent < due:
                turn, who = divmod(sent, len(senders))
                senders[who].write(dialect.message(turn, _SIZE))
                sent += 1
            await asyncio.sleep(0.002)

    async def _sample(self, at: float) -> None:
        try:
            text = await asyncio.to_thread(self._scrape)
        except OSError as error:
            warn(f"/metrics: {error}")
            return
        for name in _ALLOWED:
            if (found := re.search(rf"^posewire_{name} (\S+)$", text, re.M)) is not None:
                self.samples.setdefault(name, []).append((at, float(found[1])))
        if (found := re.search(r"^posewire_internal_errors_total (\S+)$", text, re.M)) is not None:
            self.errors = float(found[1])

    def _scrape(self) -> str:
        url = self.url.replace("ws://", "http://").replace("/posewire/v1/", "/metrics")
        request = urllib.request.Request(url, headers={"Authorization": f"Bearer {self.token}"})  # noqa: S310 - our host
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
            text: str = answer.read().decode()
        return text
