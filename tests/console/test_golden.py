"""The output of commands, word for word: the files in ``golden/`` are their output.

``POSEWIRE_GOLDEN=write pytest tests/console/test_golden.py`` writes them anew; look at the difference then.
"""

import argparse
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from posewire import __version__
from posewire.cli import COMMANDS, build_parser

HERE = Path(__file__).parent
GOLDEN = HERE / "golden"
SPEECH = HERE.parent / "data" / "speech"

STORED = ("--store", "{store}")

REPORTS: dict[str, tuple[tuple[str, ...], ...]] = {
    "tools": (("tools",),),
    "tools-call": (("tools", "--call", "calculate", '{"expression": "6*7"}'),),
    "tokens": (
        ("tokens", "issue", "kitchen", "--device", "24:6f:28:00:00:01", *STORED),
        ("tokens", "issue", "ann", "--scope", "operator.*", "--json", *STORED),
        ("tokens", "list", *STORED),
        ("tokens", "list", "--json", *STORED),
        ("tokens", "revoke", "no-such-token", *STORED),
    ),
    "devices": (
        ("tokens", "issue", "hall", "--device", "24:6f:28:00:00:02", *STORED),
        ("devices", "list", *STORED),
        ("devices", "list", "--json", *STORED),
        ("devices", "pair", "123456", *STORED),
        ("devices", "revoke", "hall", *STORED),
        ("audit", *STORED),
    ),
    "no-host": (
        ("tools", "--devices", "--url", "http://127.0.0.1:9"),
        ("say", "kitchen", "hello", "--url", "ws://127.0.0.1:9/posewire/v1/"),
        ("update", "--url", "pi.local"),
        ("record", "studio", "{folder}/x.pwrec", "--url", "ws://127.0.0.1:9/", *STORED),
        ("replay", "{folder}/none.pwrec"),
    ),
    "no-board": (
        ("flash", "--board", "xiao-esp32c3-motion", "--dry-run"),
        ("provision", "--port", "/dev/none", "--dry-run", "--ssid", "home"),
        ("monitor", "--port", "/dev/none"),
        ("deploy", "--board", "esp32-devkit", "--port", "/dev/none"),
    ),
    "no-file": (
        ("listen", "{folder}/none.wav"),
        ("recordings", *STORED),
        ("privacy", "erase"),
        ("sim", "device", "--mic", "{folder}/none.wav"),
        ("bench", "relay", "--compare", "{folder}/none.json"),
        ("bench", "pose", "{folder}/none.npz"),
    ),
}
"""name: commands that are run one after the other; each one's output and status goes into the file."""


def check(name: str, text: str) -> None:
    file = GOLDEN / f"{name}.txt"
    if os.environ.get("POSEWIRE_GOLDEN") == "write":
        file.write_text(text)
    assert text == file.read_text()


def options_of(parser: argparse.ArgumentParser) -> list[str]:
    """Return what a command takes, in words that no version of argparse changes."""
    lines = [f"# {parser.prog}", ""]
    if parser.description:
        lines += [parser.description.strip(), ""]
    for action in parser._actions:
        if isinstance(action, argparse._HelpAction | argparse._SubParsersAction):
            continue
        names = ", ".join(action.option_strings) or str(action.metavar or action.dest)
        value = "" if action.nargs == 0 or not action.option_strings else f" {action.metavar or action.dest.upper()}"
        chosen = f" ({', '.join(map(str, action.choices))})" if action.choices else ""
        text = (action.help or "") % {**vars(action), "prog": parser.prog}
        lines.append(f"  {names}{value}{chosen}: {text}")
    if parser.epilog:
        lines += ["", parser.epilog.strip()]
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for leaf in action.choices.values():
                lines += ["", *options_of(leaf)]
    return lines


def test_the_list_of_commands() -> None:
    lines = options_of(build_parser([]))[:1]
    lines += [f"  {name:17}{summary}" for name, (summary, _) in COMMANDS.items()]
    check("help", "\n".join(lines) + "\n")


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_of_a_command(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("POSEWIRE_URL", "POSEWIRE_TOKEN"):
        monkeypatch.delenv(variable, raising=False)
    parser = build_parser(name.split())
    for word in name.split():
        (group,) = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
        parser = group.choices[word]
    assert parser.format_help()
    check(f"help-{name.replace(' ', '-')}", "\n".join(options_of(parser)) + "\n")


@pytest.mark.parametrize("name", REPORTS)
def test_what_a_command_reports(name: str, tmp_path: Path) -> None:
    variables = {key: value for key, value in os.environ.items() if not key.startswith("POSEWIRE_")}
    variables |= {"USER": "ann", "TZ": "UTC"}
    shown = []
    for words in REPORTS[name]:
        arguments = [word.replace("{store}", f"{tmp_path}/s.db").replace("{folder}", str(tmp_path)) for word in words]
        done = subprocess.run(
            [sys.executable, "-m", "posewire", *arguments], capture_output=True, text=True, timeout=60, env=variables
        )
        text = f"$ posewire {' '.join(words)}\n{done.stdout}{done.stderr}[{done.returncode}]\n"
        shown.append(_steady(text, tmp_path))
    check(name, "\n".join(shown))


def _steady(text: str, folder: Path) -> str:
    """Replace what differs from run to run by its kind."""
    text = text.replace(str(folder), "FOLDER").replace(__version__, "VERSION")
    text = re.sub(r"pw_[0-9a-f]{12}_[\w-]+", "TOKEN", text)
    text = re.sub(r"\b[0-9a-f]{12}\b", "TOKEN-ID", text)
    text = re.sub(r"\d{4}-\d\d-\d\d( \d\d:\d\d:\d\d)?", "DATE", text)
    return re.sub(r"\b1\d{9}\.\d+", "TIME", text)
