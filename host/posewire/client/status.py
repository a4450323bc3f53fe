"""The state of a connection and its counts, for a person or a monitor."""

from time import monotonic
from typing import Any

from posewire.client.exchange import Exchange
from posewire.client.link.dialer import Dialer
from posewire.client.link.heartbeat import Heartbeat
from posewire.client.link.outgoing import Outgoing
from posewire.client.link.presence import Presence
from posewire.client.link.statistics import ConnectionStatistics
from posewire.client.recovery import RecoveryLog
from posewire.client.room.place import RoomPlace


class ConnectionStatus:
    """Puts together what the parts of a connection know."""

    def __init__(
        self,
        presence: Presence,
        dialer: Dialer,
        exchange: Exchange,
        place: RoomPlace,
        out: Outgoing,
        heartbeat: Heartbeat,
        statistics: ConnectionStatistics,
        recoveries: RecoveryLog,
    ) -> None:
        self._presence = presence
        self._dialer = dialer
        self._exchange = exchange
        self._place = place
        self._out = out
        self._heartbeat = heartbeat
        self._statistics = statistics
        self._recoveries = recoveries

    def status(self) -> dict[str, Any]:
        """Return the state at this moment."""
        clock, counts, room = self._heartbeat.clock, self._statistics, self._place.room
        beat, away, session = self._heartbeat.last_answer, counts.away_since, self._exchange.session
        return {
            "state": self._presence.state.value,
            "url": self._dialer.endpoint.url if self._dialer.endpoint else None,
            "transport": self._transport(),
            "session": self._exchange.agreed.session_id,
            "room": room.name if room is not None and room.closed is None else None,
            "connected_since": counts.connected_since,
            "away_s": None if away is None else monotonic() - away,
            "last_heartbeat_s": None if beat is None else monotonic() - beat,
            "round_trip_ms": clock.round_trip_ms,
            "clock_offset_ms": clock.offset_ms,
            "congested": session is not None and session.congestion.congested,
            "quality": self._quality(),
            "recoveries": self._recoveries.last(10),
            "kept_messages": len(self._out.outbox),
            "queue": self._out.queue.waiting(),
            "close_reason": self._presence.close_reason or None,
        }

    def statistics(self) -> dict[str, Any]:
        """Return what was counted since the connection was first opened."""
        return {
            **self._statistics.as_dict(),
            "round_trip_ms": self._heartbeat.clock.percentiles(),
            "recoveries": dict(self._recoveries.counts),
            "expired": self._out.outbox.expired,
            "dropped": dict(self._out.queue.dropped),
            "endpoints": [endpoint.as_dict() for endpoint in self._dialer.endpoints.all],
        }

    def _quality(self) -> dict[str, Any] | None:
        """Return the lowest quality among the senders of the room; None: there is no sender."""
        senders = [] if self._place.room is None else self._place.room.pose_senders
        return max((sender.quality for sender in senders), key=lambda q: q.level).as_dict() if senders else None

    def _transport(self) -> dict[str, Any] | None:
        """Return the kind of way that is in use and what it has counted; None: the host is away."""
        transport = None if self._exchange.session is None else self._exchange.session.transport
        if transport is None:
            return None
        return {"name": transport.name, **transport.statistics(), **self._exchange.switches.as_dict()}
