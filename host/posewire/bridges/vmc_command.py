"""Let a body in a room move an avatar that speaks the Virtual Motion Capture protocol (VMC), or take one in.

Out go the bones of one body (landmarks of BlazePose, hands, or 55 quaternions), blinks and the mouth of its face, and
single quaternions as trackers. In come root and bones; the room gets them as quat55 and world33. More is in
docs/room-bridges.md. Needs the extra "osc".

examples:
  posewire bridge vmc --room studio                                 (to 127.0.0.1:39539)
  posewire bridge vmc --room studio --to 192.168.0.20:39539 --device camera
  posewire bridge vmc --room studio --suit Hips,Chest,LeftUpperArm,LeftLowerArm --facing 90
  posewire bridge vmc --room studio --listen 39540                  (only in)
"""

import argparse

from posewire.bridges.bridge import add_bridge_arguments, run_bridge
from posewire.bridges.udp import read_address
from posewire.bridges.vmc import VmcBridge
from posewire.errors import ConfigError
from posewire.skeleton.suit_rig import SuitRig

_AVATAR = "127.0.0.1:39539"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``posewire bridge vmc``."""
    add_bridge_arguments(parser)
    parser.add_argument(
        "--to", metavar="HOST:PORT", help=f"address of the avatar's program (default: {_AVATAR}, without --listen)"
    )
    parser.add_argument("--listen", metavar="[HOST:]PORT", help="receive bones there; 39540 is customary")
    parser.add_argument("--device", default="", help="member whose body is sent (default: the first that has one)")
    parser.add_argument(
        "--aspect", default="4:3", metavar="WIDTH:HEIGHT", help="shape of the pictures behind body33 (default 4:3)"
    )
    parser.add_argument(
        "--suit",
        default="",
        metavar="BONE,BONE…",
        help="bones of a suit of motion sensors, in the order of its quaternions",
    )
    parser.add_argument(
        "--facing",
        type=float,
        default=0.0,
        metavar="DEGREES",
        help="direction in which its wearer looks in the T of the first pose",
    )
    parser.add_argument("--fps", type=float, default=30.0, help="most poses a second to let in (default 30)")


def run(args: argparse.Namespace) -> int:
    """Bridge until Ctrl-C."""
    to = args.to or (_AVATAR if args.listen is None else None)
    bridge = VmcBridge(
        read_address(to, 39539) if to else None,
        read_address(args.listen) if args.listen else None,
        device=args.device,
        aspect=_ratio(args.aspect),
        fps=args.fps,
        suit=SuitRig([name.strip() for name in args.suit.split(",")], args.facing) if args.suit else None,
    )
    return run_bridge(args, bridge)


def _ratio(text: str) -> float:
    width, _, height = text.partition(":")
    try:
        ratio = float(width) / float(height or 1)
    except (ValueError, ZeroDivisionError):
        ratio = 0.0
    if not 0.1 < ratio < 10:
        raise ConfigError(f"--aspect must be like 4:3 or 16:9, not {text!r}")
    return ratio
