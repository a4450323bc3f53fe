"""Write the settings of a host, with a token of its own where the network may reach it, and say what comes next.

examples:
  posewire init                      asks what it needs
  posewire init ~/posewire --network --yes
"""

import argparse
import contextlib
import os
import secrets
import shlex
import socket
import sys
from pathlib import Path

from posewire.errors import ConfigError
from posewire.own_command import own_command
from posewire.terminal import is_live, show, show_json, show_part, show_qr

_SETTINGS = """\
# The settings of a Posewire host: docs/configuration.md has all of them.

[server]
host = "{host}"
port = {port}

[store]
path = "{folder}/posewire.db"
{auth}"""
_ANSWERS = {"": True, "y": True, "yes": True, "n": False, "no": False}
_AUTH = """
[auth]
token_file = "{folder}/posewire.token"   # who has it may do everything
pairing = true                    # boards show a code, which is confirmed on the page
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``posewire init``."""
    parser.add_argument(
        "folder", nargs="?", type=Path, default=Path(), help="folder to write to (default: the current one)"
    )
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--network", action="store_true", help="let boards and other machines reach the host")
    where.add_argument("--local", action="store_true", help="let only this machine reach the host")
    parser.add_argument("--port", type=int, default=8000, metavar="N", help="port to listen on (default 8000)")
    parser.add_argument("--yes", action="store_true", help="ask nothing, and do as --network unless --local is given")
    parser.add_argument(
        "--qr",
        action=argparse.BooleanOptionalAction,
        help="show the page's address as a QR code (default: on a terminal, where a phone can reach it)",
    )
    parser.add_argument("--json", action="store_true", help="print the names of the files as JSON")


def run(args: argparse.Namespace) -> int:
    """Write the settings and, for a network, the token file."""
    folder: Path = args.folder.expanduser().absolute()
    settings, token = folder / "posewire.toml", folder / "posewire.token"
    if not 0 <= args.port <= 65535:
        raise ConfigError(f"--port must be from 0 to 65535, not {args.port}")
    for file in (settings, token):
        if file.exists():
            raise ConfigError(f"{file} exists already: move it away, or choose another folder")
    if any(char in str(folder) for char in '"\\\n'):
        raise ConfigError(f"the path {folder} has a character that a settings file cannot hold")
    network = args.network or (
        not args.local and (args.yes or _ask("Shall boards and other machines reach this host?"))
    )
    auth = _AUTH.format(folder=folder) if network else ""
    address = "0.0.0.0" if network else "127.0.0.1"  # noqa: S104 - asked for
    text = _SETTINGS.format(host=address, port=args.port, folder=folder, auth=auth)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if network:
            # Hexadecimal: nothing that a command would take for an option, or a shell for its own.
            _write_secret(token, secrets.token_hex(24))
        settings.write_text(text)
    except OSError as error:
        # Neither was there before: an empty file of a token would look like one.
        for file in (settings, token):
            with contextlib.suppress(OSError):
                file.unlink(missing_ok=True)
        raise ConfigError(f"cannot write to {folder}: {error.strerror}") from None
    if args.json:
        show_json({"settings": str(settings), "token_file": str(token) if network else None})
        return 0
    page = f"http://{_own_address() if network else '127.0.0.1'}:{args.port}/"
    show(f"wrote {settings}" + (f" and {token}" if network else ""), style="green")
    show()
    show(f"  {own_command('serve', config=settings)}")
    show(f"      starts it; its page is {page}")
    show(f"  {own_command('service', 'install', config=settings)}")
    show("      lets it run whenever this machine runs")
    if network:
        show(f"  {shlex.join(['cat', str(token)])}")
        show("      shows the token: the page asks for it, boards are paired by a code")
        show(f"  {own_command('tokens', 'issue', 'NAME', config=settings)}")
        show("      makes another token, for one person or program; --scope says what it may do")
    if args.qr or (args.qr is None and network and is_live(sys.stdout)):
        show_qr(page)
    return 0


def _own_address() -> str:
    # Imported here: it belongs to the server, which takes a while to load.
    from posewire.server.transport.addresses import own_addresses

    return next(iter(own_addresses()), socket.gethostname())


def _ask(question: str) -> bool:
    if not sys.stdin.isatty():
        raise ConfigError("there is no terminal to ask on: give --network or --local")
    while True:
        show_part(f"{question} [Y/n] ")
        answer = sys.stdin.readline()
        if not answer:  # Ctrl-D
            show()
            raise ConfigError("there was no answer: nothing is written")
        if (word := answer.strip().lower()) in _ANSWERS:
            return _ANSWERS[word]


def _write_secret(file: Path, text: str) -> None:
    # Nobody else reads it, from its first moment on.
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
        out.write(text + "\n")
