"""Show the output of a board, also after it restarts or is plugged in again.

With --repl you get its REPL instead (Ctrl-] ends it); Ctrl-C then interrupts the running program.
"""

import argparse
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple, TextIO

from posewire.errors import InstallError
from posewire.install.compact.tracebacks import in_source_names
from posewire.install.repl import port_problem
from posewire.install.serial_ports import choose_port, missing_extra
from posewire.terminal import Style, show, show_json, show_part

_BAUD = 115200
_READ_SECONDS = 0.2
_RETRY_SECONDS = 0.5
_LINE_MAX = 4096

# Packets of the provisioning protocol are for programs.
_IMPROV = b"IMPROV"
_LEVEL = re.compile(r" *(\d+\.\d{3}) ([DIWE]) ")
_NAMES: Mapping[str, str] = {"D": "debug", "I": "info", "W": "warning", "E": "error"}
_LEVELS = "DIWE"
_STYLES: Mapping[str, Style] = {"D": "dim", "W": "yellow", "E": "red"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``posewire monitor``."""
    parser.add_argument("--port", help="serial port (default: the only one)")
    parser.add_argument("--repl", action="store_true", help="open the board's REPL")
    parser.add_argument(
        "--level", choices=("debug", "info", "warning", "error"), default="debug", help="least level to show"
    )
    parser.add_argument("--save", type=Path, help="append the output to a file as well")
    parser.add_argument("--for", dest="seconds", type=float, help="end after this number of seconds")
    parser.add_argument("--json", action="store_true", help="print one JSON object a line of the board")
    parser.add_argument("--dry-run", action="store_true", help="print the port, and end")


def run(args: argparse.Namespace) -> int:
    """Monitor until interrupted."""
    port = choose_port(args.port)
    if args.repl and args.json:
        raise InstallError("--repl is for people: it has no --json")
    if args.dry_run and args.json:
        show_json({"port": port, "what": "repl" if args.repl else "log"})
        return 0
    if args.dry_run:
        show(f"{'REPL' if args.repl else 'log'} of the board on {port}")
        return 0
    if args.repl:
        if find_spec("mpremote") is None:
            raise missing_extra("mpremote")
        return subprocess.call([sys.executable, "-m", "mpremote", "connect", port, "resume", "repl"])  # noqa: S603
    deadline = None if args.seconds is None else time.monotonic() + args.seconds
    least = _LEVELS.index(args.level[0].upper())
    save = args.save.open("a", encoding="utf-8") if args.save else None
    try:
        screen = Objects(least, save) if args.json else Screen(least, sys.stdout, save)
        for piece in pieces(port, lambda: deadline is not None and time.monotonic() >= deadline):
            screen.show(piece)
    finally:
        if save is not None:
            save.close()
    return 0


class Piece(NamedTuple):
    """A line of the board, or a part of one: whether it ``begins`` the line, and whether it ``ends`` it."""

    text: str
    begins: bool = True
    ends: bool = True


def pieces(port: str, over: Callable[[], bool]) -> Iterator[Piece]:
    """Yield the board's lines until ``over()``, a line that does not end when a pause follows its beginning.

    A port that has gone away is waited for.

    Raises:
        InstallError: the port cannot be opened at the start.
    """
    link = _open(port)
    pending, begins = b"", True
    try:
        while not over():
            try:
                data = link.read(max(1, link.in_waiting))
            except (OSError, TypeError):
                link.close()
                if not begins:
                    yield Piece("", begins)
                yield Piece(f"-- {port} is gone; waiting for it --")
                link = _reopen(port, over)
                if link is None:
                    return
                yield Piece(f"-- {port} is back --")
                pending, begins = b"", True
                continue
            *whole, pending = (pending + data).split(b"\n")
            for line in whole:
                if not (begins and line.startswith(_IMPROV)):
                    yield Piece(line.rstrip(b"\r").decode("utf-8", "replace"), begins)
                begins = True
            if begins and len(pending) <= _LINE_MAX and pending.startswith(_IMPROV[: len(pending)]):
                continue
            if pending and (not data or len(pending) > _LINE_MAX):
                yield Piece(pending.decode("utf-8", "replace"), begins, ends=False)
                pending, begins = b"", False
        if pending and not (begins and pending.startswith(_IMPROV)):
            yield Piece(pending.decode("utf-8", "replace"), begins)
    finally:
        if link is not None:
            link.close()


class Screen:
    """Prints lines, coloured by their level on a terminal; log lines below the least level are left out."""

    def __init__(self, least: int, out: TextIO, save: TextIO | None = None) -> None:
        self._least = least
        self._outs = (out,) if save is None else (out, save)
        self._hidden = False
        self._style: Style | None = None

    def show(self, piece: Piece) -> None:
        """Print a line, or a part of one."""
        if piece.begins:
            found = _LEVEL.match(piece.text)
            self._hidden = found is not None and _LEVELS.index(found[2]) < self._least
            self._style = _STYLES.get(found[2]) if found else None
        if not self._hidden:
            for out in self._outs:
                if piece.ends:
                    show(in_source_names(piece.text), style=self._style, out=out)
                else:
                    show_part(piece.text, style=self._style, out=out)


class Objects:
    """Prints whole lines as JSON objects: ``time`` in seconds since the board's start and ``level``, where it says."""

    def __init__(self, least: int, save: TextIO | None = None) -> None:
        self._least = least
        self._save = None if save is None else Screen(least, save)
        self._line = ""

    def show(self, piece: Piece) -> None:
        """Print a line when its end has come."""
        if self._save is not None:
            self._save.show(piece)
        self._line = piece.text if piece.begins else self._line + piece.text
        if not piece.ends:
            return
        found = _LEVEL.match(self._line)
        if found is None:
            show_json({"text": in_source_names(self._line)})
        elif _LEVELS.index(found[2]) >= self._least:
            rest = in_source_names(self._line[found.end() :])
            show_json({"time": float(found[1]), "level": _NAMES[found[2]], "text": rest})


def _open(port: str) -> Any:
    try:
        import serial
    except ImportError:
        raise missing_extra("pyserial") from None
    try:
        # Lines that reset the board on some are left alone.
        link = serial.Serial(None, _BAUD, timeout=_READ_SECONDS)
        link.dtr = link.rts = False
        link.port = port
        link.open()
    except (OSError, ValueError) as error:
        raise InstallError(port_problem(port, error)) from error
    return link


def _reopen(port: str, over: Callable[[], bool]) -> Any:
    while not over():
        try:
            return _open(port)
        except InstallError:
            time.sleep(_RETRY_SECONDS)
    return None
