"""Pair devices, list them, revoke their access. Works while the host runs.

examples:
  posewire devices list
  posewire devices pair 123456 --name kitchen
  posewire devices revoke 02:00:00:00:00:01
"""

import argparse
import time

from posewire.identity.commands.local_user import local_user
from posewire.identity.identities import pair, read_devices, read_pairings, revoke_device
from posewire.identity.tables import STORED
from posewire.store.command_line import add_store_arguments, opened_store
from posewire.terminal import show


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``posewire devices``."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    add_store_arguments(actions.add_parser("list", help="list paired devices, and waiting codes"))
    pairing = actions.add_parser("pair", help="confirm the code that a device shows")
    pairing.add_argument("code", metavar="CODE")
    pairing.add_argument("--name", default="", help="name of the device (default: its own)")
    pairing.add_argument(
        "--scope", action="append", default=[], help="scope to grant (may be repeated; default: voice and all rooms)"
    )
    add_store_arguments(pairing)
    revoking = actions.add_parser("revoke", help="revoke a device's access; its connection is closed")
    revoking.add_argument("device", metavar="DEVICE", help="id of the device, as in the list")
    add_store_arguments(revoking)


def run(args: argparse.Namespace) -> int:
    """List, pair or revoke."""
    with opened_store(args, STORED) as store:
        if args.action == "pair":
            device = store.run_now(lambda c: pair(c, args.code, args.name, args.scope, local_user()))
            show(f"paired {device.device_id}{f' ({device.name})' if device.name else ''}")
        elif args.action == "revoke":
            store.run_now(lambda c: revoke_device(c, args.device.lower(), local_user()))
            show(f"revoked {args.device.lower()}")
        else:
            for known in store.run_now(read_devices):
                state = f"revoked {_day(known.revoked)}" if known.revoked else f"paired {_day(known.paired)}"
                show(f"{known.device_id}  {state}  {known.name or '-'}  {' '.join(sorted(known.scopes))}")
            for waiting in store.run_now(read_pairings):
                left = int(waiting.expires - time.time()) // 60 + 1
                board = waiting.board or "-"
                show(f"{waiting.device_id}  waits with code {waiting.code} for {left} more minutes  {board}")
    return 0


def _day(when: float) -> str:
    return time.strftime("%Y-%m-%d", time.localtime(when))
