"""Show the data about people that the host keeps, and erase it.

Sound is never written down. The store holds timers with their labels, summaries of conversations (only where
[voice.chat] memory is on), voiceprints of enrolled people, and, while a host is stopped, the dialogues that devices may
come back to. The command works on the store's file, whether a host runs or not. A host that runs has the last turns of
each device in memory, with their sound where [turns] sound is on: it forgets them when they are erased here.

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
from typing import Any

from posewire.errors import ConfigError
from posewire.identity.stored import find_device
from posewire.server.state.erasures import EVERYTHING, order_erasure
from posewire.terminal import show, show_json


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``posewire privacy``."""
    parser.add_argument("action", choices=("list", "erase"))
    parser.add_argument("--device", metavar="DEVICE", help="erase the data of this device, by its id or its name")
    parser.add_argument("--voiceprint", metavar="NAME", help="erase the voiceprint of this person")
    parser.add_argument("--everything", action="store_true", help="erase all data about people")
    parser.add_argument("--config", type=Path, metavar="FILE", help="settings that name the store")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")


def run(args: argparse.Namespace) -> int:
    """List or erase the data; the status is 1 when there was nothing to erase."""
    from posewire.server.settings import load_settings
    from posewire.server.store_domains import DOMAINS
    from posewire.store import Store

    if args.action == "erase" and not (args.device or args.voiceprint or args.everything):
        raise ConfigError("name the data to erase: --device ID, --voiceprint NAME or --everything")
    path = load_settings(args.config).store.path
    if path == ":memory:" or not Path(path).exists():
        if args.json:
            show_json([] if args.action == "list" else {"erased": 0})
        else:
            show("nothing is kept")
        return int(args.action == "erase")
    store = Store(path, DOMAINS)
    try:
        if args.action == "list":
            items = store.run_now(_items)
            if args.json:
                show_json(items)
                return 0
            for item in items:
                show(_line(item))
            if not items:
                show("nothing is kept")
            return 0
        count = store.run_now(lambda connection: _erase(connection, args))
    finally:
        store.close()
    if args.json:
        show_json({"erased": count})
    else:
        show(f"{count} erased")
        if args.device or args.everything:
            show("a host that runs forgets the last turns within a second, too")
    return 0 if count else 1


def _items(connection: sqlite3.Connection) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = [
        {"kind": "timer", "device": device, "label": label, "due": due}
        for device, label, due in connection.execute("SELECT device, label, due FROM reminders ORDER BY device, due")
    ]
    found += [
        {"kind": "summary", "device": device, "updated": updated, "text": summary}
        for device, summary, updated in connection.execute("SELECT * FROM memories ORDER BY device")
    ]
    found += [
        {"kind": "voiceprint", "name": name, "engine": engine, "samples": samples, "enrolled": enrolled}
        for name, engine, samples, enrolled in connection.execute(
            "SELECT name, engine, samples, enrolled FROM voiceprints ORDER BY name"
        )
    ]
    found += [
        {"kind": "dialogue", "device": device, "until": until}
        for device, until in connection.execute(
            "SELECT device, until FROM kept_sessions WHERE json_array_length(voice, '$.history.turns') ORDER BY device"
        )
    ]
    return found


def _line(item: dict[str, Any]) -> str:
    match item["kind"]:
        case "timer":
            return f"{item['device']}  timer for {item['label'] or 'nothing named'} at {_moment(item['due'])}"
        case "summary":
            return f"{item['device']}  summary of {_moment(item['updated'])}: {item['text']}"
        case "voiceprint":
            enrolled = _moment(item["enrolled"])
            return f"voiceprint of {item['name']} ({item['engine']}), {item['samples']} samples, enrolled {enrolled}"
        case _:
            return f"{item['device']}  dialogue of {_moment(item['until'])}, until the host starts again"


def _erase(connection: sqlite3.Connection, args: argparse.Namespace) -> int:
    # What is erased is not to be found in the file either.
    connection.execute("PRAGMA secure_delete=ON")
    count = 0
    if args.everything:
        order_erasure(connection, EVERYTHING)
        for table in ("reminders", "memories", "voiceprints", "kept_sessions", "kept_rooms", "kept_states"):
            count += connection.execute(f"DELETE FROM {table}").rowcount  # noqa: S608 - our own names
        return count
    if args.device:
        device = (find_device(connection, args.device),)
        order_erasure(connection, *device)
        count += connection.execute("DELETE FROM reminders WHERE device = ?", device).rowcount
        count += connection.execute("DELETE FROM memories WHERE device = ?", device).rowcount
        count += connection.execute("DELETE FROM kept_sessions WHERE device = ?", device).rowcount
    if args.voiceprint:
        count += connection.execute("DELETE FROM voiceprints WHERE name = ?", (args.voiceprint,)).rowcount
    return count


def _moment(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(seconds))
