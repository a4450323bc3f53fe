"""The check of the board on a serial port, for ``posewire doctor PORT``."""

import json
import re
from collections.abc import Callable
from typing import NamedTuple

from posewire.boards.board_file import load_board
from posewire.boards.folders import board_folder, board_names
from posewire.errors import InstallError, ProvisioningError
from posewire.install.compact.tracebacks import in_source_names
from posewire.install.deploy import read_state
from posewire.install.interpreter import OLDEST, chip_of
from posewire.install.provision_command import open_line
from posewire.install.repl import BoardRepl, open_repl
from posewire.provision.improv import State
from posewire.provision.improv_client import BoardMemory, ImprovClient

_IMPROV_SECONDS = 3.0
# Less than this, and the next message or connection may be the one that does not fit.
_LEAST_HEAP, _LEAST_CHIP = 6_000, 10_000
# How the last line of a traceback begins.
_ERROR = re.compile(r"\w*(Error|Exception|Interrupt|Exit)\b")
_STATES = {
    State.STOPPED: "its provisioning is off",
    State.READY: "it has no network: posewire provision",
    State.PROVISIONING: "it is joining a network",
    State.PROVISIONED: "it has its network",
}


class Finding(NamedTuple):
    """One finding: its name, its verdict, and the value found or the remedy."""

    name: str
    fine: bool
    text: str


def check_port(port: str, tell: Callable[[Finding], None]) -> bool:
    """Check a port; True when all is fine. Firmware that answers is not disturbed; otherwise the REPL is used."""
    all_fine = True

    def note(name: str, fine: bool, text: str) -> None:
        nonlocal all_fine
        all_fine &= fine
        tell(Finding(name, fine, text))

    try:
        with open_line(port) as line:
            client = ImprovClient(line)
            state = client.connect(_IMPROV_SECONDS)
            info = client.info()
            memory = client.memory()
    except ProvisioningError:
        note("firmware", True, "does not answer; the REPL is used instead, which interrupts the running program")
    except InstallError as error:
        note("port", False, str(error))
        return False
    else:
        note("firmware", True, f"{info.firmware} {info.version} runs on {info.name} ({info.hardware})")
        note("network", state == State.PROVISIONED, _STATES[state])
        if memory is not None:
            _check_memory(memory, note)
        return all_fine
    try:
        with open_repl(port) as repl:
            _check_repl(repl, note)
            repl.reset()
    except InstallError as error:
        note("repl", False, str(error))
    return all_fine


def _check_memory(memory: BoardMemory, note: Callable[[str, bool, str], None]) -> None:
    chip = ""
    if memory.chip_free >= 0:
        chip = f"; of the chip {memory.chip_free} bytes, {memory.chip_largest} of them in one piece"
    enough = memory.heap_free >= _LEAST_HEAP and not 0 <= memory.chip_free < _LEAST_CHIP
    note("memory", enough, f"{memory.heap_free} of {memory.heap_size} bytes of heap free{chip}")
    note("profile", not memory.left_out, memory.profile + (f"; left out: {memory.left_out}" if memory.left_out else ""))


def _check_repl(repl: BoardRepl, note: Callable[[str, bool, str], None]) -> None:
    state = read_state(repl)
    interpreter = state.interpreter
    new_enough = interpreter.version[:2] >= OLDEST
    advice = "" if new_enough else f"; the firmware needs {OLDEST[0]}.{OLDEST[1]}: posewire flash"
    note("micropython", new_enough, interpreter.describe() + advice)
    there = bool(state.firmware) and "main.py" in state.files
    note("files", there, f"posewire {state.firmware}" if there else "no firmware: posewire deploy --board NAME")
    profile = ""
    if "board.json" not in state.files:
        note("board", False, f"it has no definition: posewire deploy --board {_guess(interpreter.machine)}")
    else:
        try:
            board = json.loads(repl.read("board.json"))["board"]
            name, profile = board["name"], str(board.get("profile", "full"))
            note("board", True, str(name))
        except (ValueError, KeyError, TypeError):
            note("board", False, "board.json is damaged: posewire deploy --board NAME")
    if state.free >= 0:
        note("flash", state.free > 64 * 1024, f"{state.free // 1024} KB free")
    if "crash.txt" in state.files or there:
        crash = repl.run("try: print(open('crash.txt').read())\nexcept OSError: pass").strip()
        if crash:
            note("crash", False, _last_of(crash, profile))


def _last_of(crash: str, profile: str) -> str:
    """The error that stopped a board, and its place."""
    lines = crash.splitlines()
    cause = next((number for number, line in enumerate(lines) if number and _ERROR.match(line)), len(lines) - 1)
    where = lines[cause - 1].strip() if cause and "File " in lines[cause - 1] else ""
    return lines[cause] + (f" ({in_source_names(where, profile)})" if where else "")


def _guess(machine: str) -> str:
    chip = chip_of(machine)
    names = [name for name in board_names() if name != "sim" and load_board(board_folder(name)).board.chip == chip]
    return f"NAME (for its chip: {', '.join(names)})" if names else "NAME"
