"""``telemetry``: how a board of this project fares."""

from typing import TYPE_CHECKING

from posewire.wire.messages import Message

if TYPE_CHECKING:
    from posewire.server.connection.handler import ConnectionHandler


def handle_telemetry(conn: "ConnectionHandler", message: Message) -> None:
    """Keep it for whoever asks; a crash that the board tells of, and a start, go to the log."""
    report = conn.services.reports.record(conn.device_id, message)
    if report.started:
        conn.log.info("board_started", **report.values)
    if report.crash:
        conn.services.counters["board_crashes"] += 1
        conn.log.warning("board_crashed", what=report.crash)
