"""Send new firmware to boards over the connection that they have with a running host.

The application is compiled for each board's chip; only files that changed are sent. A board tries the new version and
goes back by itself if it does not reach its host again. docs/updates.md says how.
"""

import argparse
import json
import os
import sys
import time
import urllib.error
import urllib.request
from typing import Any

from posewire.errors import UpdateError
from posewire.identity.settings import TOKEN_VARIABLE

_POLL_SECONDS = 0.5
_ANSWER_SECONDS = 10.0
_BAR = 24


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "device", nargs="*", metavar="DEVICE", help="MAC addresses of the boards; none: list what is there"
    )
    parser.add_argument("--all", action="store_true", help="every board that is connected")
    parser.add_argument("--host", default="http://127.0.0.1:8000", help="the host's HTTP address (%(default)s)")
    parser.add_argument("--token", default=os.environ.get(TOKEN_VARIABLE, ""), help=f"default: {TOKEN_VARIABLE}")
    parser.add_argument(
        "--image", default="", metavar="NAME", help="a firmware image of the host's [update] images folder"
    )


def run(args: argparse.Namespace) -> int:
    """Update the boards one after the other; the status is 1 when one of them failed."""
    host = _Host(args.host, args.token)
    there = host.get("/api/boards")
    boards = {board["device_id"]: board for board in there["boards"]}
    wanted = [name.lower() for name in args.device]
    if args.all:
        wanted = [name for name, board in boards.items() if board["updatable"]]
    if not wanted:
        _list(there)
        return 0
    wish = {"kind": "image", "image": args.image} if args.image else {}
    failed = 0
    for device in wanted:
        try:
            host.post(f"/api/boards/{device}/update", wish)
            failed += not _follow(host, device)
        except UpdateError as error:
            print(f"{device}  {error}", file=sys.stderr)
            failed += 1
    return 1 if failed else 0


def _list(there: dict[str, Any]) -> None:
    for board in there["boards"]:
        note = "" if board["updatable"] else "  (cannot be updated from here)"
        print(f"{board['device_id']}  {board['board']}  {board['firmware']}{note}")
    if not there["boards"]:
        print("no board is connected")


def _follow(host: "_Host", device: str) -> bool:
    """Show the progress until it is over; True when the new version runs."""
    shown = ""
    live = sys.stdout.isatty()
    while True:
        update = host.get(f"/api/boards/{device}/update")
        text = _describe(update)
        if text != shown and (live or update["stage"] not in shown):
            print(f"\r\033[K{device}  {text}" if live else f"{device}  {text}", end="" if live else "\n", flush=True)
            shown = text
        if update["stage"] in ("done", "rolled_back", "failed"):
            if live:
                print()
            return bool(update["stage"] == "done")
        time.sleep(_POLL_SECONDS)


def _describe(update: dict[str, Any]) -> str:
    stage, version = update["stage"], update["version"]
    if stage == "sending":
        share = update["done"] / update["total"] if update["total"] else 0.0
        full = round(_BAR * share)
        bar = "#" * full + "." * (_BAR - full)
        return f"sending {version} [{bar}] {update['done'] // 1024} of {update['total'] // 1024} KiB"
    if stage == "done":
        return f"done: runs {update['running']}"
    if stage in ("failed", "rolled_back"):
        return f"{stage}: {update['message']} ({update['code']})"
    return f"{stage} {update['message']}".rstrip()


class _Host:
    """The host's HTTP API."""

    def __init__(self, address: str, token: str) -> None:
        self._address = address.rstrip("/")
        if not self._address.startswith(("http://", "https://")):
            raise UpdateError(f"the host's address begins with http:// or https://, not {address!r}", "bad_request")
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}

    def get(self, path: str) -> dict[str, Any]:
        return self._send(urllib.request.Request(self._address + path, headers=self._headers))  # noqa: S310

    def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        headers = {**self._headers, "Content-Type": "application/json"}
        request = urllib.request.Request(self._address + path, json.dumps(body).encode(), headers)  # noqa: S310
        return self._send(request)

    def _send(self, request: urllib.request.Request) -> dict[str, Any]:
        try:
            with urllib.request.urlopen(request, timeout=_ANSWER_SECONDS) as answer:  # noqa: S310
                found: dict[str, Any] = json.load(answer)
                return found
        except urllib.error.HTTPError as error:
            try:
                reason = json.load(error)
                raise UpdateError(reason["message"], reason["code"]) from None
            except (ValueError, KeyError, TypeError):
                raise UpdateError(f"the host answers {error.code} {error.reason}") from None
        except (OSError, ValueError) as error:
            raise UpdateError(f"no host answers on {self._address}: {getattr(error, 'reason', error)}") from None
