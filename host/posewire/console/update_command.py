"""Send new firmware to boards over the connection that they have with a running host.

The application is compiled for each board's chip; only files that changed are sent. A board tries the new version and
goes back by itself if it does not reach its host again. docs/updates.md says how.
"""

import argparse
import asyncio
import sys
from typing import Any, TextIO

from posewire.console.host_client import HostClient
from posewire.errors import PosewireError
from posewire.host_address import add_host_arguments
from posewire.progress import bar_line
from posewire.terminal import LiveLine, show, show_json

_POLL_SECONDS = 0.5


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``posewire update``."""
    parser.add_argument(
        "device", nargs="*", metavar="DEVICE", help="ids or names of the boards; without any, list the connected boards"
    )
    parser.add_argument("--all", action="store_true", help="update every connected board")
    parser.add_argument(
        "--image", default="", metavar="NAME", help="a firmware image of the host's [update] images folder"
    )
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    add_host_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Update the boards one after the other; the status is 1 when one of them failed."""
    return asyncio.run(_update(args))


async def _update(args: argparse.Namespace) -> int:
    async with HostClient(args.url, args.token) as host:
        wanted = [(await host.find(name)).device for name in args.device]
        if args.all or not wanted:
            boards = await host.devices()
            if not args.all:
                _list(boards, args.json)
                return 0
            wanted = [board["device"] for board in boards if board["session"]["updatable"]]
        ends: list[dict[str, Any]] = []
        for device in wanted:
            try:
                await host.start_update(device, args.image)
                ends.append({"device": device, **await _follow(host, device, sys.stderr if args.json else sys.stdout)})
            except PosewireError as error:
                show(f"{device}  {error}", style="red", out=sys.stderr)
                ends.append({"device": device, "stage": "failed", "code": error.code, "message": str(error)})
    if args.json:
        show_json(ends)
    return int(any(end["stage"] != "done" for end in ends))


def _list(boards: list[dict[str, Any]], as_json: bool) -> None:
    if as_json:
        show_json([{"device": board["device"], "name": board["name"], **board["session"]} for board in boards])
        return
    for board in boards:
        session = board["session"]
        note = "" if session["updatable"] else "  (cannot be updated by the host)"
        show(f"{board['device']}  {session['board']}  {session['firmware']}{note}")
    if not boards:
        show("no board is connected")


async def _follow(host: HostClient, device: str, out: TextIO) -> dict[str, Any]:
    """Show the progress until the update is over; return its end."""
    with LiveLine(out) as line:
        while True:
            update = await host.update(device)
            line.show(_describe(device, update), update["stage"])
            if update["stage"] in ("done", "rolled_back", "failed"):
                return update
            await asyncio.sleep(_POLL_SECONDS)


def _describe(device: str, update: dict[str, Any]) -> str:
    stage, version = update["stage"], update["version"]
    if stage == "sending":
        done, total = update["done"], update["total"]
        figure = f"{done // 1024} of {total // 1024} KiB"
        return bar_line(f"{device}  sending {version}", done, total, figure)
    if stage == "done":
        return f"{device}  done: the board runs {update['running']}"
    if stage in ("failed", "rolled_back"):
        return f"{device}  {stage}: {update['message']} ({update['code']})"
    return f"{device}  {stage} {update['message']}".rstrip()
