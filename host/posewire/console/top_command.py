"""Show the boards and rooms of a running host, again and again; once where the output is no terminal.

examples:
  posewire top
  posewire top --once --json
"""

import argparse
import asyncio
import sys
import textwrap
from collections.abc import Sequence
from typing import Any

from posewire.console.host_client import HostClient
from posewire.errors import HostUnreachableError, UnauthorizedError
from posewire.host_address import add_host_arguments
from posewire.terminal import clear_screen, cut, is_live, screen_size, show, show_json, show_text


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``posewire top``."""
    parser.add_argument("--every", type=float, default=2.0, metavar="S", help="time between two readings (default 2)")
    parser.add_argument("--once", action="store_true", help="print one reading and end")
    parser.add_argument("--json", action="store_true", help="print each reading as one line of JSON")
    add_host_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Show the tables until Ctrl-C."""
    return asyncio.run(watch(args))


async def watch(args: argparse.Namespace) -> int:
    """Show one reading after another; on a terminal and with --json until cancelled."""
    live = is_live(sys.stdout) and not (args.json or args.once)
    once = args.once or not (live or args.json)
    lines: list[str] = []
    async with HostClient(args.url, args.token) as host:
        while True:
            try:
                seen = await host.overview()
            except HostUnreachableError as error:
                # Who watches sees it come back; what cannot be read at all is an error.
                if not lines or isinstance(error, UnauthorizedError):
                    raise
                _show_screen([*textwrap.wrap(str(error), screen_size()[0]), *lines[1:]])
            else:
                lines = lines_of(seen)
                if args.json:
                    show_json(seen)
                elif live:
                    _show_screen(lines)
                else:
                    show_text("\n".join(lines))
            if once:
                return 0
            await asyncio.sleep(max(0.2, args.every))


def _show_screen(lines: Sequence[str]) -> None:
    """Show as much as the terminal has room for."""
    columns, height = screen_size()
    most = max(1, height - 1)
    if len(lines) > most:
        lines = [*lines[: most - 1], f"… {len(lines) - most + 1} more lines"]
    clear_screen()
    for line in lines:
        show(cut(line, columns))


def lines_of(seen: dict[str, Any]) -> list[str]:
    """Return what was seen as lines: the host, its boards, its rooms."""
    numbers, delay = seen["statistics"], seen["statistics"]["message_ms"]
    alerts = ", ".join(alert["name"] for alert in numbers["alerts"]) or "none"
    boards = [device for device in seen["devices"] if device["session"] and device["session"]["board"]]
    head = f"{numbers['open']} connections, delay of messages p99 {delay['p99']:.2f} ms, alerts: {alerts}"
    return [head, "", *_table(_BOARD, [_board(device) for device in boards]), "", *_table(_ROOM, _rooms(seen["rooms"]))]


_BOARD = ("BOARD", "KIND", "FIRMWARE", "ROOM", "VOICE", "SIGNAL", "MEMORY", "BATTERY")
_ROOM = ("ROOM", "MEMBER", "ROLE", "POSES/S", "KBIT/S", "MISSED")


def _board(device: dict[str, Any]) -> tuple[str, ...]:
    session, report = device["session"], device["report"] or {}
    return (
        device["name"] or device["device"],
        session["board"],
        session["firmware"],
        session["room"],
        session["voice"],
        f"{report['rssi']} dBm" if "rssi" in report else "",
        f"{report['heap_free'] // 1024} KB" if "heap_free" in report else "",
        f"{report['battery']} %" if "battery" in report else "",
    )


def _rooms(rooms: Sequence[dict[str, Any]]) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for room in rooms:
        for member in room["members"]:
            pose = member["rates"].get("pose", {})
            rows.append(
                (
                    room["room"] + (" (locked)" if room["locked"] else ""),
                    member["device"],
                    member["role"] + (", away" if member.get("away") else ""),
                    str(pose.get("fps", "")),
                    str(pose.get("kbit_s", "")),
                    str(sum(member["dropped"].values())),
                )
            )
    return rows


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    if not rows:
        return [f"{head[0].lower()}s: none"]
    widths = [max(len(row[column]) for row in (head, *rows)) for column in range(len(head))]
    return ["  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)) for row in (head, *rows)]
