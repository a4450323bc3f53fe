"""Measure this host as a relay, beside other servers doing the same in the same run.

Echo of 120-byte binary messages, room fan-out (one sender at 30 frames a second, 10 receivers, more and more rooms
until the 99th percentile passes 50 ms), many idle connections, a reconnect storm, and a receiver that stops reading in
a fast room. The load comes from a process of its own; every server starts afresh for each scenario. This host does its
real work: tokens, registry, rooms, counters. Each figure is shown when it is measured, the table at the end or at
Ctrl-C. Figures are medians over the rounds; compare within one run only.

examples:
  posewire bench relay                          under three minutes
  posewire bench relay --rounds 3 --seconds 3   the figures of docs/performance.md: half an hour
  posewire bench relay --quick --only posewire --only websockets
  posewire bench relay --json --save today.json
  posewire bench relay --compare yesterday.json
"""

import argparse
import json
import secrets
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from posewire.bench.relay_load import SCENARIOS, Result, Task
from posewire.bench.relay_servers import SERVERS, missing
from posewire.errors import PosewireError
from posewire.server.host_process import HostProcess
from posewire.terminal import show, show_json, show_text

POSEWIRE = "posewire"
CONTENDERS = (POSEWIRE, *SERVERS)
KEYS = ("echo_msgs_s", "fanout_us_per_delivery", "fanout_capacity", "idle_kb", "connect_s")
_HEADS = {
    "echo_msgs_s": "echo msg/s",
    "echo_us": "CPU us",
    "fanout_us_per_delivery": "us/delivery",
    "fanout_capacity": "capacity/s",
    "idle_kb": "idle kB",
    "connect_s": "connect s",
    "reconnect_s": "reconnect s",
    "slow_p99_before_ms": "p99 ms",
    "slow_p99_ms": "beside slow",
    "slow_memory_mb": "grown MB",
}
_HIGHER_IS_BETTER = ("echo_msgs_s", "fanout_capacity")
_HUNG = 30.0
_CONFIG = """\
[server]
max_connections = 20000
[flood]
pose_rate = 0
[rooms]
max_rooms = 5000
max_members = 255
"""
NO_VOICE = "[voice]\nenabled = false\n"
"""The section ``[voice]`` of a host that only relays."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``posewire bench relay``."""
    parser.add_argument("--json", action="store_true", help="print one JSON list of objects instead of a table")
    parser.add_argument(
        "--quick", action="store_true", help="run a short, small load: it shows that all works, and measures little"
    )
    parser.add_argument("--rounds", type=int, default=1, metavar="N", help="rounds to take medians of (default 1)")
    parser.add_argument(
        "--seconds", type=float, default=0.5, metavar="S", help="length of one measurement (default 0.5)"
    )
    parser.add_argument("--connections", type=int, default=2000, metavar="N", help="idle connections (default 2000)")
    parser.add_argument(
        "--only", action="append", choices=CONTENDERS, help="measure only this contender (may be repeated)"
    )
    parser.add_argument(
        "--scenario", action="append", choices=tuple(SCENARIOS), help="measure only this scenario (may be repeated)"
    )
    parser.add_argument("--save", type=Path, metavar="FILE", help="write the figures to a JSON file")
    parser.add_argument("--compare", type=Path, metavar="FILE", help="show the change against a saved file")


def run(args: argparse.Namespace) -> int:
    """Measure and print; 0 when this host could be measured."""
    earlier = _load(args.compare) if args.compare else None
    figures = Figures(args.only or CONTENDERS)
    status = 0
    try:
        measure(
            figures,
            args.scenario or tuple(SCENARIOS),
            rounds=1 if args.quick else args.rounds,
            seconds=0.4 if args.quick else args.seconds,
            connections=60 if args.quick else args.connections,
            rooms=2 if args.quick else 20,
        )
    except KeyboardInterrupt:
        status = 130
    rows = figures.rows()
    if args.save:
        args.save.write_text(json.dumps(rows, indent=1) + "\n")
    if args.json:
        show_json(rows, 1)
    else:
        show_text(table(rows))
    if earlier is not None:
        show_text(comparison(earlier, rows), out=sys.stderr if args.json else sys.stdout)
    return status or (0 if any("failed" not in row for row in rows) else 1)


class Figures:
    """The figures of each contender so far."""

    def __init__(self, names: Sequence[str]) -> None:
        self._seen: dict[str, dict[str, list[Any]]] = {name: {} for name in names}
        self._notes: dict[str, str] = {}
        for name in names:
            if name != POSEWIRE and (package := missing(name)):
                self._notes[name] = f"not installed ({package})"

    def left(self) -> list[str]:
        """Return the names of the contenders that can be measured."""
        return [name for name in self._seen if name not in self._notes]

    def add(self, name: str, result: Result) -> None:
        """Add the figures of one measurement."""
        for key, value in result.items():
            self._seen[name].setdefault(key, []).append(value)

    def fail(self, name: str, why: str) -> None:
        """Take a contender out."""
        self._notes[name] = f"failed: {why}"

    def rows(self) -> list[Result]:
        """Return one object a contender: medians, None for what was not measured."""
        rows = []
        for name, seen in self._seen.items():
            row: Result = {"name": name, **dict.fromkeys(KEYS)}
            for key, values in seen.items():
                numbers = [value for value in values if value is not None]
                row[key] = statistics.median(numbers) if numbers else None
            if name in self._notes:
                row["note"] = self._notes[name]
                if self._notes[name].startswith("failed"):
                    row["failed"] = True
            rows.append(row)
        return rows


def measure(
    figures: Figures, scenarios: Sequence[str], *, rounds: int, seconds: float, connections: int, rooms: int
) -> None:
    """Run every scenario against every contender, in turn, ``rounds`` times; each figure is shown as it comes."""
    for turn in range(rounds):
        for scenario in scenarios:
            for name in figures.left():
                show(f"round {turn + 1}/{rounds}: {scenario}, {name} …", out=sys.stderr)
                count = connections if scenario == "idle" else rooms
                try:
                    result = _measure_one(name, scenario, seconds, count)
                except PosewireError as error:
                    figures.fail(name, str(error))
                    show(f"  failed: {error}", style="red", out=sys.stderr)
                    continue
                figures.add(name, result)
                shown = [f"{head} {_cell(result[key], None)}" for key, head in _HEADS.items() if key in result]
                show(f"  {', '.join(shown)}", out=sys.stderr)


def table(rows: Sequence[Result]) -> str:
    """The figures as a table; the ratio to the bare `websockets` server, where it is there, in brackets."""
    base = next((row for row in rows if row["name"] == "websockets"), {})
    lines = [f"{'':16}" + "".join(f"{head:>16}" for head in _HEADS.values())]
    for row in rows:
        cells = [_cell(row.get(key), base.get(key)) for key in _HEADS]
        note = f"  {row['note']}" if "note" in row else ""
        lines.append(f"{row['name']:16}" + "".join(f"{cell:>16}" for cell in cells) + note)
    return "\n".join(lines)


def comparison(earlier: Sequence[Result], rows: Sequence[Result]) -> str:
    """The change since a saved run, as ratios; a star marks what got worse by more than a tenth."""
    lines = ["", "now / then:"]
    before = {row["name"]: row for row in earlier}
    for row in rows:
        then = before.get(row["name"], {})
        parts = []
        for key in KEYS:
            if row.get(key) and then.get(key):
                ratio = row[key] / then[key]
                worse = ratio < 0.9 if key in _HIGHER_IS_BETTER else ratio > 1.1
                parts.append(f"{key} {ratio:.2f}{'*' if worse else ''}")
        lines.append(f"  {row['name']:16} {', '.join(parts) or 'nothing to compare'}")
    return "\n".join(lines)


def _measure_one(name: str, scenario: str, seconds: float, count: int) -> Result:
    with serve_contender(name) as (url, spoken, token, pid):
        return run_load(Task(scenario, url, spoken, token, pid, seconds, count))


def run_load(task: Task) -> Result:
    """Return the figures of one scenario against a server that runs. Raises PosewireError where there are none."""
    try:
        done = subprocess.run(
            [sys.executable, "-m", "posewire.bench.relay_load"],
            input=json.dumps(asdict(task)),
            capture_output=True,
            text=True,
            check=False,
            timeout=_HUNG + 40 * task.seconds,
        )
    except subprocess.TimeoutExpired:
        raise PosewireError(f"{task.scenario}: the load generator hung") from None
    if done.returncode:
        last = done.stderr.strip().splitlines()[-1:] or ["no output"]
        raise PosewireError(f"{task.scenario}: {last[0]}")
    result: Result = json.loads(done.stdout)
    return result


@contextmanager
def serve_host(voice: str) -> Iterator[tuple[str, str, int]]:
    """Run this host with a store, a token and no bound on what is measured; gives its URL, the token, its process id.

    ``voice``: the section ``[voice]`` of its configuration.
    """
    token = secrets.token_hex(16)
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "bench.toml"
        secret = Path(folder) / "token"
        secret.write_text(token)
        store = Path(folder) / "store.sqlite"
        config.write_text(
            f'{_CONFIG}{voice}[auth]\ntoken_file = "{secret.as_posix()}"\n[store]\npath = "{store.as_posix()}"\n'
        )
        with HostProcess("--config", str(config), "--log-level", "warning") as host:
            yield host.url, token, host.pid


@contextmanager
def serve_contender(name: str) -> Iterator[tuple[str, str, str, int]]:
    """Run a contender; gives its URL, its dialect, the token and its process id."""
    if name == POSEWIRE:
        with serve_host(NO_VOICE) as (url, token, pid):
            yield url, POSEWIRE, token, pid
        return
    process = subprocess.Popen(  # noqa: S603 - our own command
        [sys.executable, "-m", "posewire.bench.relay_servers", name],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert process.stdout is not None
        port = process.stdout.readline().strip()
        if not port:
            raise PosewireError("the server did not start")
        yield f"ws://127.0.0.1:{port}", SERVERS[name][2], "", process.pid
    finally:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def _load(path: Path) -> list[Result]:
    try:
        rows: list[Result] = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise PosewireError(f"cannot compare with {path}: {error}") from None
    return rows


def _cell(value: Any, base: Any) -> str:
    if value is None:
        return "-"
    text = f"{value:.0f}" if value >= 1000 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"
    return f"{text} ({value / base:.2f})" if base else text
