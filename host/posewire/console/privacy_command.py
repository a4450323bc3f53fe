"""Show the data about people that the host keeps, and erase it.

Sound is never kept. The store holds timers with their labels, summaries of conversations (only where [voice.chat]
memory is on), voiceprints of enrolled people, and, while a host is stopped, the dialogues that devices may come back
to. The command works on the store's file, whether a host runs or not.

examples:
  posewire privacy list
  posewire privacy erase --device 24:6f:28:00:00:01
  posewire privacy erase --voiceprint Ada
  posewire privacy erase --everything
"""

import argparse
import sqlite3
import time
from pathlib import Path

from posewire.errors import ConfigError
from posewire.terminal import show


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``posewire privacy``."""
    parser.add_argument("action", choices=("list", "erase"))
    parser.add_argument("--device", metavar="ID", help="erase the data of this device")
    parser.add_argument("--voiceprint", metavar="NAME", help="erase the voiceprint of this person")
    parser.add_argument("--everything", action="store_true", help="erase all data about people")
    parser.add_argument("--config", type=Path, metavar="FILE", help="settings that name the store")


def run(args: argparse.Namespace) -> int:
    """List or erase the data; the status is 1 when there was nothing to erase."""
    from posewire.server.settings import load_settings
    from posewire.server.store_domains import DOMAINS
    from posewire.store import Store

    if args.action == "erase" and not (args.device or args.voiceprint or args.everything):
        raise ConfigError("name the data to erase: --device ID, --voiceprint NAME or --everything")
    path = load_settings(args.config).store.path
    if path == ":memory:" or not Path(path).exists():
        show("nothing is kept")
        return int(args.action == "erase")
    store = Store(path, DOMAINS)
    try:
        if args.action == "list":
            for line in store.run_now(_lines) or ["nothing is kept"]:
                show(line)
            return 0
        count = store.run_now(lambda connection: _erase(connection, args))
    finally:
        store.close()
    show(f"{count} erased")
    return 0 if count else 1


def _lines(connection: sqlite3.Connection) -> list[str]:
    found = [
        f"{device}  timer for {label or 'nothing named'} at {_moment(due)}"
        for device, label, due in connection.execute("SELECT device, label, due FROM reminders ORDER BY device, due")
    ]
    found += [
        f"{device}  summary of {_moment(updated)}: {summary}"
        for device, summary, updated in connection.execute("SELECT * FROM memories ORDER BY device")
    ]
    found += [
        f"voiceprint of {name} ({engine}), {samples} samples, enrolled {_moment(enrolled)}"
        for name, engine, samples, enrolled in connection.execute(
            "SELECT name, engine, samples, enrolled FROM voiceprints ORDER BY name"
        )
    ]
    found += [
        f"{device}  dialogue of {_moment(until)}, until the host starts again"
        for device, until in connection.execute(
            "SELECT device, until FROM kept_sessions WHERE json_array_length(voice, '$.history.turns') ORDER BY device"
        )
    ]
    return found


def _erase(connection: sqlite3.Connection, args: argparse.Namespace) -> int:
    # What is erased is not to be found in the file either.
    connection.execute("PRAGMA secure_delete=ON")
    count = 0
    if args.everything:
        for table in ("reminders", "memories", "voiceprints", "kept_sessions", "kept_rooms", "kept_states"):
            count += connection.execute(f"DELETE FROM {table}").rowcount  # noqa: S608 - our own names
        return count
    if args.device:
        device = (args.device.lower(),)
        count += connection.execute("DELETE FROM reminders WHERE device = ?", device).rowcount
        count += connection.execute("DELETE FROM memories WHERE device = ?", device).rowcount
        count += connection.execute("DELETE FROM kept_sessions WHERE device = ?", device).rowcount
    if args.voiceprint:
        count += connection.execute("DELETE FROM voiceprints WHERE name = ?", (args.voiceprint,)).rowcount
    return count


def _moment(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(seconds))
