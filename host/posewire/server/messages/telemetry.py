"""``telemetry``: a board reports its condition."""

import asyncio
from collections import Counter
from collections.abc import Coroutine
from typing import Any

from posewire.install.compact.tracebacks import in_source_names
from posewire.server.connection.peer import Peer
from posewire.server.state.board_reports import BoardReport, BoardReports
from posewire.wire.messages import Message


def handle_telemetry(
    reports: BoardReports, counters: Counter[str], peer: Peer, message: Message
) -> Coroutine[Any, Any, None] | None:
    """Record the report; a start of the board, or a crash that it reports, is logged."""
    report = reports.record(peer.device_id, message)
    if report.started:
        peer.log.info("board_started", **report.values)
    if not report.crash:
        return None
    counters["board_crashes"] += 1
    return _log_crash(peer, report)


async def _log_crash(peer: Peer, report: BoardReport) -> None:
    """Log the crash in the names of the source, and keep it so: a board with little memory knows short ones only."""
    try:
        # Seconds of work, the first time.
        report.crash = report.last_crash = await asyncio.to_thread(in_source_names, report.crash)
    finally:
        # The board may be gone again before.
        peer.log.warning("board_crashed", what=report.crash)
