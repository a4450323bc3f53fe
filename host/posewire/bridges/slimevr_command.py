"""Make each board of a room that has a motion sensor a tracker of a SlimeVR server.

A board that sends imu6 (any motion sensor of this project) or quat1 becomes a tracker of its own, with its signal
and, where it reports one, its battery (for that the token needs the scope operator.read). More is in
docs/room-bridges.md.

examples:
  posewire bridge slimevr --room studio                          (the server is on this machine)
  posewire bridge slimevr --room studio --to 192.168.0.20:6969 --device left-foot --device right-foot
"""

import argparse
from collections.abc import Iterable, Mapping
from typing import Any

from posewire.bridges.bridge import add_bridge_arguments, run_bridge
from posewire.bridges.slimevr import SlimeBridge
from posewire.bridges.slimevr_packets import PORT
from posewire.bridges.udp import read_address
from posewire.console.host_client import HostClient


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``posewire bridge slimevr``."""
    add_bridge_arguments(parser)
    parser.add_argument(
        "--to", metavar="HOST:PORT", default=f"127.0.0.1:{PORT}", help="the SlimeVR server (default: %(default)s)"
    )
    parser.add_argument("--device", action="append", default=[], help="send only this member (may be repeated)")


def run(args: argparse.Namespace) -> int:
    """Bridge until Ctrl-C."""

    async def reports() -> Iterable[Mapping[str, Any]]:
        async with HostClient(args.url, args.token) as host:
            return await host.devices()

    bridge = SlimeBridge(read_address(args.to, PORT), reports=reports, devices=args.device)
    return run_bridge(args, bridge)
