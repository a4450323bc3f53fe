"""``telemetry``: a board reports its condition."""

from collections import Counter

from posewire.server.connection.peer import Peer
from posewire.server.state.board_reports import BoardReports
from posewire.wire.messages import Message


def handle_telemetry(reports: BoardReports, counters: Counter[str], peer: Peer, message: Message) -> None:
    """Record the report; a start of the board, or a crash that it reports, is logged."""
    report = reports.record(peer.device_id, message)
    if report.started:
        peer.log.info("board_started", **report.values)
    if report.crash:
        counters["board_crashes"] += 1
        peer.log.warning("board_crashed", what=report.crash)
