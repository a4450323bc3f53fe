"""Waiting for a simulated board's first connection, and plain words where it does not come.

A board has no room for them: it says the status or the number of an error. Here the same address is asked once more,
as a program on the desktop would ask it.
"""

import asyncio
import ssl
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from posewire.client.transports.websocket import open_websocket
from posewire.errors import HostUnreachableError, PosewireError, SimulatorError, UnauthorizedError
from posewire.host_problems import UNTRUSTED, remedy
from posewire.sim.board import SimBoard
from posewire.sim.firmware_reports import line_level

_ASK_SECONDS = 5.0
_PAIRING_SECONDS = 600.0
"""So long a code can be confirmed."""

_REFUSED = " pairing: this host has refused"
_NO_PAIRING = (" pairing: the host gives neither a token nor a code", _REFUSED)
_NO_MEMORY = "no memory left for a connection"


def wait_connected(
    board: SimBoard, token: str, ca: Path | None, limit: float, patient: bool, tell: Callable[[str], None]
) -> None:
    """Wait until the board has a session. ``patient``: for a host that comes up late, to the end of ``limit`` seconds.

    ``ca``: the certificate (DER) by which the board knows its host.

    Raises:
        HostUnreachableError: no host is there, or it does not let the board in.
        SimulatorError: the board cannot connect for another reason, or has ended.
    """
    ends = time.monotonic() + limit
    _wait(board, lambda: board.connected or _warning(board) or _code(board), ends)
    if board.connected:
        return
    problem = asyncio.run(_ask(board, token, ca))
    if isinstance(problem, UnauthorizedError) and not token:
        # Perhaps the host offers to pair the board: it asks for a code after a refusal.
        _wait(board, lambda: board.connected or _code(board) or _no_pairing(board), ends)
        if _code(board):
            problem, ends = None, ends if patient else time.monotonic() + _PAIRING_SECONDS
            tell("confirm the code on the host's page, or by the command in the host's log")
            tell(f"waiting for that, {_PAIRING_SECONDS / 60:.0f} minutes for each code; Ctrl-C ends it")
            if not _wait(board, lambda: board.connected or (not patient and _refused(board)), ends):
                raise SimulatorError("nobody has confirmed the code in time: start the board again for a new one")
            if not board.connected:
                raise HostUnreachableError("this host has refused to pair the board", "refused")
    if problem is not None and not patient:
        raise problem
    if problem is not None:
        tell(f"{in_plain_words(problem)}; the board goes on trying")
    if _wait(board, lambda: board.connected, ends):
        return
    if problem is not None:
        raise problem
    raise SimulatorError(f"no connection to {board.url} within {limit:g} s{_last_warning(board)}")


def in_plain_words(error: PosewireError) -> str:
    """Return an error with what helps against it."""
    advice = remedy(error)
    return f"{error}: {advice}" if advice else str(error)


def _wait(board: SimBoard, condition: Callable[[], Any], ends: float) -> bool:
    """Wait for a condition of a board that runs; False when the time is over."""
    try:
        board.wait(condition, max(0.0, ends - time.monotonic()))
    except SimulatorError:
        if not board.running:
            raise
        return False
    return True


async def _ask(board: SimBoard, token: str, ca: Path | None) -> HostUnreachableError | None:
    """Return what a desktop program hears at the board's address; None where it is let in, or the board says more."""
    headers = {"Device-Id": board.device_id, "Protocol-Version": "3"}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    tls = _trust(ca) if board.url.startswith("wss:") else None
    try:
        way = await open_websocket(board.url, headers, _ASK_SECONDS, tls=tls)
    except HostUnreachableError as error:
        # With a certificate of its own the board says what is wrong with the host's.
        return None if ca is not None and error.code == UNTRUSTED else error
    await way.close()
    return None


def _trust(ca: Path | None) -> ssl.SSLContext:
    """Return a context that trusts whom the board trusts: nobody else gets its token from here."""
    if ca is None:
        return ssl._create_unverified_context()  # noqa: S323 - nor does the board look at the certificate then
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=ca.read_bytes())
    return context


def _code(board: SimBoard) -> str:
    return str(next(iter(board.values("pairing")[-1:]), ""))


def _refused(board: SimBoard) -> bool:
    return any(_REFUSED in line for line in board.log)


def _no_pairing(board: SimBoard) -> bool:
    return any(words in line for line in board.log for words in _NO_PAIRING)


def _warning(board: SimBoard) -> bool:
    return any(line_level(line) in ("W", "E") and " connection: " in line for line in board.log)


def _last_warning(board: SimBoard) -> str:
    crashes = [line for line in board.log if " app: crashed: " in line]
    if "boot: the application cannot be imported" in board.log or crashes:
        why = crashes[-1].partition(" app: crashed: ")[2] if crashes else board.log[-1]
        return f"; the firmware does not start: {why.strip()}"
    lines = [line for line in board.log if line_level(line) in ("W", "E")]
    # Why there is no connection rather than what was tried in between.
    lines = [line for line in lines if " connection: " in line] or lines
    if not lines:
        return ""
    advice = ". --chip esp32s3-psram has more" if _NO_MEMORY in lines[-1] else ""
    return f"; the board says: {lines[-1].split(None, 2)[2]}{advice}"
