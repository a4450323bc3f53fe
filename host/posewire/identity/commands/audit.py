"""Show the audit log: pairings, tokens, refusals, orders to the host. Works while the host runs.

examples:
  posewire audit --last 20
  posewire audit --json
"""

import argparse
import time
from dataclasses import asdict

from posewire.errors import ConfigError
from posewire.identity.audit import read_entries
from posewire.identity.tables import STORED
from posewire.store.command_line import add_store_arguments, opened_store
from posewire.terminal import show, show_json


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``posewire audit``."""
    parser.add_argument("--last", type=int, default=50, metavar="N", help="number of entries to show (default 50)")
    parser.add_argument("--json", action="store_true", help="print one JSON object a line")
    add_store_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Print the entries, oldest first."""
    if args.last < 1:
        raise ConfigError("--last must be at least 1")
    with opened_store(args, STORED) as store:
        for entry in store.run_now(lambda c: read_entries(c, args.last)):
            if args.json:
                show_json(asdict(entry))
                continue
            clock = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(entry.time))
            detail = " ".join(f"{name}={value}" for name, value in entry.detail.items())
            parts = (clock, entry.event, entry.who, entry.device, entry.peer, detail)
            show("  ".join(part for part in parts if part))
    return 0
