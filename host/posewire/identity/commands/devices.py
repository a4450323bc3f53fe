"""Pair devices or refuse them, list them, revoke their access. Works while the host runs.

examples:
  posewire devices list
  posewire devices pair 123456 --name kitchen
  posewire devices refuse 123456
  posewire devices revoke 02:00:00:00:00:01
"""

import argparse
import time
from typing import Any

from posewire.identity.commands.local_user import local_user
from posewire.identity.principal import check_scopes
from posewire.identity.records import Device
from posewire.identity.stored import find_device, pair, read_devices, read_pairings, refuse, revoke_device
from posewire.identity.tables import STORED
from posewire.store.command_line import add_store_arguments, opened_store
from posewire.terminal import show, show_json


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``posewire devices``."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    listing = actions.add_parser("list", help="list paired devices, and waiting codes")
    add_store_arguments(listing)
    pairing = actions.add_parser("pair", help="confirm the code that a device shows")
    pairing.add_argument("code", metavar="CODE")
    pairing.add_argument("--name", default="", help="name of the device (default: its own)")
    pairing.add_argument(
        "--scope", action="append", default=[], help="scope to grant (may be repeated; default: voice and all rooms)"
    )
    pairing.add_argument("--any-scope", action="store_true", help="accept unknown scopes, such as those of a plug-in")
    add_store_arguments(pairing)
    refusing = actions.add_parser("refuse", help="refuse the device with a code, for ten minutes; it is told so")
    refusing.add_argument("code", metavar="CODE")
    add_store_arguments(refusing)
    revoking = actions.add_parser("revoke", help="revoke a device's access; its connection is closed")
    revoking.add_argument("device", metavar="DEVICE", help="id or name of the device, as in the list")
    add_store_arguments(revoking)
    for action in (listing, pairing, refusing, revoking):
        action.add_argument("--json", action="store_true", help="print the result as JSON")


def run(args: argparse.Namespace) -> int:
    """List, pair, refuse or revoke."""
    with opened_store(args, STORED) as store:
        if args.action == "pair":
            if not args.any_scope:
                check_scopes(args.scope)
            device = store.run_now(lambda c: pair(c, args.code, args.name, args.scope, local_user()))
            if args.json:
                show_json(_as_dict(device))
            else:
                show(f"paired {device.device_id}{f' ({device.name})' if device.name else ''}")
        elif args.action == "refuse":
            refused = store.run_now(lambda c: refuse(c, args.code, local_user()))
            if args.json:
                show_json({"device": refused})
            else:
                show(f"refused {refused}")
        elif args.action == "revoke":
            device_id = store.run_now(lambda c: find_device(c, args.device))
            store.run_now(lambda c: revoke_device(c, device_id, local_user()))
            if args.json:
                show_json({"device": device_id})
            else:
                show(f"revoked {device_id}")
        elif args.json:
            devices, pairings = store.run_now(read_devices), store.run_now(read_pairings)
            codes = [{"device": w.device_id, "code": w.code, "board": w.board, "expires": w.expires} for w in pairings]
            show_json({"devices": list(map(_as_dict, devices)), "pairings": codes})
        else:
            for known in store.run_now(read_devices):
                state = f"revoked {_day(known.revoked)}" if known.revoked else f"paired {_day(known.paired)}"
                show(f"{known.device_id}  {state}  {known.name or '-'}  {' '.join(sorted(known.scopes))}")
            for waiting in store.run_now(read_pairings):
                left = int(waiting.expires - time.time()) // 60 + 1
                board = waiting.board or "-"
                show(f"{waiting.device_id}  waits with code {waiting.code} for {left} more minutes  {board}")
    return 0


def _as_dict(device: Device) -> dict[str, Any]:
    return {
        "device": device.device_id,
        "name": device.name,
        "scopes": sorted(device.scopes),
        "paired": device.paired,
        "revoked": device.revoked,
    }


def _day(when: float) -> str:
    return time.strftime("%Y-%m-%d", time.localtime(when))
