"""Issue tokens to people, programs and boards, list them, revoke them. Works while the host runs.

A token is shown once; the store keeps only its hash. Put it into the board's configuration, or send it as
"Authorization: Bearer <token>".

examples:
  posewire tokens issue ann --scope "operator.*"
  posewire tokens issue kitchen --device 02:00:00:00:00:01
  posewire tokens issue wall --kind program --scope room.join:studio --days 30
  posewire tokens revoke 3f2a90c1d2e4
"""

import argparse
import time
from typing import Any

from posewire.errors import ConfigError
from posewire.identity.commands.local_user import local_user
from posewire.identity.principal import DEVICE_SCOPES, PrincipalKind, check_scopes
from posewire.identity.records import IssuedToken
from posewire.identity.stored import PREFIX, find_device, issue_token, read_tokens, revoke_token
from posewire.identity.tables import STORED
from posewire.store.command_line import add_store_arguments, opened_store, store_of
from posewire.terminal import show, show_json, warn


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``posewire tokens``."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    issuing = actions.add_parser("issue", help="issue a token and show it, once")
    issuing.add_argument("name", metavar="NAME", help="name of the person, program or board")
    issuing.add_argument("--kind", choices=("person", "program"), default="person")
    issuing.add_argument("--device", default="", metavar="DEVICE", help="issue it for this device only")
    issuing.add_argument(
        "--scope", action="append", default=[], help="scope to grant (may be repeated; default: voice and all rooms)"
    )
    issuing.add_argument("--any-scope", action="store_true", help="accept unknown scopes, such as those of a plug-in")
    issuing.add_argument("--days", type=float, metavar="N", help="validity in days (default: until revoked)")
    add_store_arguments(issuing)
    listing = actions.add_parser("list", help="list all tokens, without their secrets")
    add_store_arguments(listing)
    revoking = actions.add_parser("revoke", help="revoke a token; connections that use it are closed")
    revoking.add_argument("id", metavar="ID", help="id of the token, as in the list")
    add_store_arguments(revoking)
    for action in (issuing, listing, revoking):
        action.add_argument("--json", action="store_true", help="print the result as JSON")


def run(args: argparse.Namespace) -> int:
    """Issue, list or revoke."""
    if args.action == "issue" and args.days is not None and not args.days > 0:
        raise ConfigError("--days must be more than 0")
    # A token may be issued before the host has ever run.
    with opened_store(args, STORED, create=args.action == "issue") as store:
        if args.action == "issue":
            scopes = args.scope or DEVICE_SCOPES
            if not args.any_scope:
                check_scopes(scopes)
            device_id = store.run_now(lambda c: find_device(c, args.device)) if args.device else ""
            kind: PrincipalKind = "device" if args.device else args.kind
            token = store.run_now(
                lambda c: issue_token(c, args.name, kind, scopes, device_id=device_id, days=args.days, who=local_user())
            )
            if args.json:
                show_json({"id": token.removeprefix(PREFIX).partition("_")[0], "token": token})
            else:
                show(token)
            if not args.json and not (args.config or args.store):
                warn(
                    f"it is in the store {store_of(args)}; a host that runs from a file of settings wants --config FILE"
                )
        elif args.action == "revoke":
            store.run_now(lambda c: revoke_token(c, args.id, local_user()))
            if args.json:
                show_json({"id": args.id})
            else:
                show(f"revoked {args.id}")
        elif args.json:
            show_json(list(map(_as_dict, store.run_now(read_tokens))))
        else:
            for known in store.run_now(read_tokens):
                issued = time.strftime("%Y-%m-%d", time.localtime(known.issued))
                whose = f"{known.name} ({known.device_id or known.kind})"
                show(f"{known.id}  {_state(known)}  issued {issued}  {whose}  {' '.join(sorted(known.scopes))}")
    return 0


def _state(token: IssuedToken) -> str:
    return "live" if token.alive else "revoked" if token.revoked else "expired"


def _as_dict(token: IssuedToken) -> dict[str, Any]:
    return {
        "id": token.id,
        "state": _state(token),
        "kind": token.kind,
        "name": token.name,
        "device": token.device_id,
        "scopes": sorted(token.scopes),
        "issued": token.issued,
        "expires": token.expires,
        "revoked": token.revoked,
    }
