"""Let a room and a program that speaks Open Sound Control (OSC) hear each other.

Poses go out as /posewire/pose/DEVICE/SET with the values of the landmark set, messages of members as
/posewire/message/DEVICE with JSON. What comes in as /posewire/pose/SET is published in the room; any other address
becomes a message to the room. docs/room-bridges.md has all addresses. Needs the extra "osc".

examples:
  posewire bridge osc --room studio --to 127.0.0.1:9000
  posewire bridge osc --room studio --listen 0.0.0.0:9001
  posewire bridge osc --room studio --to 192.168.0.20:9000 --listen 9001 --by-landmark
"""

import argparse

from posewire.bridges.bridge import add_bridge_arguments, run_bridge
from posewire.bridges.osc import OscBridge
from posewire.bridges.udp import read_address
from posewire.errors import ConfigError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``posewire bridge osc``."""
    add_bridge_arguments(parser)
    parser.add_argument("--to", metavar="HOST:PORT", help="send the room's poses and messages there")
    parser.add_argument(
        "--listen", metavar="[HOST:]PORT", help="receive OSC there (a port alone: from this machine only)"
    )
    parser.add_argument(
        "--by-landmark", action="store_true", help="send a message for each landmark instead of one for each set"
    )
    parser.add_argument("--fps", type=float, default=60.0, help="most poses a second to let in (default 60)")


def run(args: argparse.Namespace) -> int:
    """Bridge until Ctrl-C."""
    if args.to is None and args.listen is None:
        raise ConfigError("give --to HOST:PORT, --listen PORT, or both")
    to = read_address(args.to) if args.to else None
    listen = read_address(args.listen) if args.listen else None
    return run_bridge(args, OscBridge(to, listen, by_landmark=args.by_landmark, fps=args.fps))
