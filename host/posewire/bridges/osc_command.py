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
    parser.add_argument("--to", metavar="HOST:PORT", help="where the room's poses and messages go")
    parser.add_argument("--listen", metavar="[HOST:]PORT", help="take OSC in there (a port alone: from this machine)")
    parser.add_argument("--by-landmark", action="store_true", help="one message a landmark instead of one a set")
    parser.add_argument("--fps", type=float, default=60.0, help="poses a second that come in, at most (default 60)")


def run(args: argparse.Namespace) -> int:
    """Bridge until Ctrl-C."""
    if args.to is None and args.listen is None:
        raise ConfigError("say where OSC goes (--to HOST:PORT), where it comes from (--listen PORT), or both")
    to = read_address(args.to) if args.to else None
    listen = read_address(args.listen) if args.listen else None
    return run_bridge(args, OscBridge(to, listen, by_landmark=args.by_landmark, fps=args.fps))
