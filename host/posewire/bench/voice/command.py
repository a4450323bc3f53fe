"""``posewire bench voice``: what the voice pipeline understands, how fast it answers, and what it leaves behind."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from posewire.bench.voice.recognition import measure_commands
from posewire.bench.voice.remains import measure_cancelling, measure_endurance
from posewire.bench.voice.speed import measure_latency, measure_people, measure_sessions, measure_streaming
from posewire.errors import ProviderError
from posewire.printable import printable_json
from posewire.progress import meanwhile
from posewire.terminal import show, show_json, warn

_PARTS: dict[str, Callable[[argparse.Namespace], Any]] = {
    "commands": measure_commands,
    "latency": measure_latency,
    "streaming": measure_streaming,
    "sessions": measure_sessions,
    "people": measure_people,
    "cancelling": measure_cancelling,
    "endurance": measure_endurance,
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument(
        "--only", choices=list(_PARTS), action="append", help="measure only this part (may be repeated)"
    )
    parser.add_argument("--turns", type=int, default=1000, help="turns of the endurance part (default 1000)")
    parser.add_argument("--repeats", type=int, default=10, help="repeats of streaming and cancelling (default 10)")
    parser.add_argument("--people", type=int, default=50, help="most people who speak at once (default 50)")
    parser.add_argument("--threshold", type=float, help="value for asr_threshold (default: that of the settings)")
    parser.add_argument("--json", action="store_true", help="print one JSON object at the end instead of lines")
    parser.add_argument("--save", type=Path, metavar="FILE", help="write the figures to a JSON file")


def run(args: argparse.Namespace) -> int:
    """Measure and print."""
    results: dict[str, Any] = {}
    for name in args.only or _PARTS:
        out = sys.stderr if args.json else sys.stdout
        show(f"── {name}", out=out)
        try:
            with meanwhile("measuring"):
                results[name] = asyncio.run(_PARTS[name](args))
        except ProviderError as exc:
            warn(f"{name} is not measured: {exc}")
            results[name] = None
            continue
        for line, value in results[name].items():
            show(f"   {line:58} {printable_json(value)}", out=out)
    if args.save is not None:
        args.save.write_text(json.dumps(results, indent=1), encoding="utf-8")
    if args.json:
        show_json(results, 1)
    return 0
