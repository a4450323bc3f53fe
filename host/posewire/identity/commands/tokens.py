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

from posewire.errors import ConfigError
from posewire.identity.commands.local_user import local_user
from posewire.identity.identities import issue_token, read_tokens, revoke_token
from posewire.identity.principal import DEVICE_SCOPES, PrincipalKind
from posewire.identity.tables import STORED
from posewire.store.command_line import add_store_arguments, opened_store
from posewire.terminal import show


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``posewire tokens``."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    issuing = actions.add_parser("issue", help="issue a token and show it, once")
    issuing.add_argument("name", metavar="NAME", help="name of the person, program or board")
    issuing.add_argument("--kind", choices=("person", "program"), default="person")
    issuing.add_argument("--device", default="", metavar="ID", help="issue it for this device only")
    issuing.add_argument(
        "--scope", action="append", default=[], help="scope to grant (may be repeated; default: voice and all rooms)"
    )
    issuing.add_argument("--days", type=float, metavar="N", help="validity in days (default: until revoked)")
    add_store_arguments(issuing)
    add_store_arguments(actions.add_parser("list", help="list all tokens, without their secrets"))
    revoking = actions.add_parser("revoke", help="revoke a token; connections that use it are closed")
    revoking.add_argument("id", metavar="ID", help="id of the token, as in the list")
    add_store_arguments(revoking)


def run(args: argparse.Namespace) -> int:
    """Issue, list or revoke."""
    if args.action == "issue" and args.days is not None and not args.days > 0:
        raise ConfigError("--days must be more than 0")
    # A token may be issued before the host has ever run.
    with opened_store(args, STORED, create=args.action == "issue") as store:
        if args.action == "issue":
            scopes = args.scope or DEVICE_SCOPES
            kind: PrincipalKind = "device" if args.device else args.kind
            show(
                store.run_now(
                    lambda c: issue_token(
                        c, args.name, kind, scopes, device_id=args.device.lower(), days=args.days, who=local_user()
                    )
                )
            )
        elif args.action == "revoke":
            store.run_now(lambda c: revoke_token(c, args.id, local_user()))
            show(f"revoked {args.id}")
        else:
            for token in store.run_now(read_tokens):
                state = "live" if token.alive else "revoked" if token.revoked else "expired"
                issued = time.strftime("%Y-%m-%d", time.localtime(token.issued))
                whose = f"{token.name} ({token.device_id or token.kind})"
                show(f"{token.id}  {state}  issued {issued}  {whose}  {' '.join(sorted(token.scopes))}")
    return 0
