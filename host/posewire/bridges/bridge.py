"""The common part of all bridges: a place in a room, a line that says how it goes, and an end."""

import argparse
import asyncio
import contextlib
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from posewire.client.commands.staying import stay_in_room
from posewire.client.connection import HostConnection
from posewire.client.room.room import Room
from posewire.client.unique_name import unique_name
from posewire.host_address import add_host_arguments, websocket_url
from posewire.host_problems import silent
from posewire.terminal import LiveLine, is_live, show, show_json

_SHOWN_EVERY = 0.5


class Bridge(Protocol):
    """One bridge, before and while it is in a room."""

    @property
    def publish(self) -> Sequence[str]:
        """The kinds that it publishes in the room."""

    @property
    def subscribe(self) -> Sequence[str]:
        """The kinds that it takes from the room."""

    async def run(self, room: Room, ready: Callable[[str], None]) -> None:
        """Work until cancelled, each time in a new room; says by ``ready`` when, and where its other side is."""

    def counts(self) -> Mapping[str, int]:
        """Return what has passed so far, by a word for it."""


def add_bridge_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of all bridges."""
    parser.add_argument("--room", required=True, help="name of the room, which is created when it does not exist")
    add_host_arguments(parser)
    parser.add_argument("--name", default="", help="device id of this bridge in the room (default: one of its own)")
    parser.add_argument("--seconds", type=float, default=0, help="stop after this time (default: run until Ctrl-C)")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")


def run_bridge(args: argparse.Namespace, bridge: Bridge) -> int:
    """Let a bridge work until Ctrl-C; prints what has passed."""
    began: list[str] = []

    def ready(where: str) -> None:
        began.append(where)
        if not args.json:
            show(f"{args.room}: {where} (Ctrl-C ends it)")

    try:
        with contextlib.suppress(KeyboardInterrupt):
            asyncio.run(_serve(args, bridge, ready))
    finally:
        if began and args.json:
            show_json(dict(bridge.counts()))
        elif began:
            show(f"{args.room}: {_line(bridge)}")
    if not began and args.seconds:
        raise silent(args.url, "has not let this program in before the time was over")
    return 0


async def join_and_run(
    bridge: Bridge,
    url: str,
    room: str,
    *,
    token: str = "",
    name: str,
    ready: Callable[[str], None] = lambda where: None,
) -> None:
    """Join a room with a bridge, and let it work until cancelled. A lost connection, or room, comes back by itself.

    Raises:
        HostUnreachableError: no host is there, or it does not let this program in.
        NotConnectedError: the connection is over: another program has this device id, for one.
        WireError: the host refuses the room, or has removed this program from it.
    """
    async with HostConnection(url, token=token, device=name) as host:
        await stay_in_room(
            host, room, lambda joined: bridge.run(joined, ready), publish=bridge.publish, subscribe=bridge.subscribe
        )


async def _serve(args: argparse.Namespace, bridge: Bridge, ready: Callable[[str], None]) -> None:
    name = args.name or unique_name("bridge")
    work = asyncio.create_task(
        join_and_run(bridge, websocket_url(args.url), args.room, token=args.token, name=name, ready=ready)
    )
    with LiveLine(sys.stderr) as line, contextlib.suppress(TimeoutError):
        try:
            async with asyncio.timeout(args.seconds or None):
                while not work.done():
                    await asyncio.wait([work], timeout=_SHOWN_EVERY)
                    if is_live(sys.stderr):
                        line.show(f"{args.room}: {_line(bridge)}")
                await work
        finally:
            work.cancel()
            await asyncio.gather(work, return_exceptions=True)


def _line(bridge: Bridge) -> str:
    return ", ".join(f"{count} {word}" for word, count in bridge.counts().items())
