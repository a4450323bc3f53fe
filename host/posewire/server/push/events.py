"""Events that devices report, and what the settings say is done about them."""

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from posewire.errors import WireError
from posewire.server.connection.registry import ConnectionRegistry
from posewire.server.push.announcer import Announcement, Announcer
from posewire.server.push.settings import EventSettings, PushSettings

if TYPE_CHECKING:
    from posewire.server.connection.handler import ConnectionHandler

MAX_NAME = 64
_MAX_VALUE = 100


class DeviceEvents:
    """Part of the host's services."""

    def __init__(
        self, settings: PushSettings, registry: ConnectionRegistry, announcer: Announcer, counters: Counter[str]
    ) -> None:
        self._settings = settings
        self._registry = registry
        self._announcer = announcer
        self._counters = counters

    def take(self, conn: "ConnectionHandler", name: str, data: Mapping[str, Any], now: float) -> None:
        """Take an event of a device. ``now``: seconds of any steady clock.

        Raises:
            WireError: no name, or a long one.
        """
        if not 0 < len(name) <= MAX_NAME:
            raise WireError(f"an event's name has 1 to {MAX_NAME} characters")
        rule = self._settings.events.get(name)
        if rule is None:
            self._counters["events_ignored"] += 1
            conn.log.info("event", name=name, rule="none")
            return
        last = conn.events.get(name)
        if last is not None and now - last < rule.pause:
            self._counters["events_dropped"] += 1
            return
        conn.events[name] = now
        self._counters["events"] += 1
        conn.log.info("event", name=name)
        values = _Values({**{key: _short(value) for key, value in data.items()}, "device": conn.device_id})
        if rule.ask:
            self._ask(conn, rule.ask.format_map(values))
        else:
            self._say(conn, rule, rule.say.format_map(values))

    def _ask(self, conn: "ConnectionHandler", text: str) -> None:
        if conn.voice is None or conn.voice.busy:
            self._counters["events_dropped"] += 1
        else:
            conn.voice.text(text)

    def _say(self, conn: "ConnectionHandler", rule: EventSettings, text: str) -> None:
        targets = list(rule.to) or [conn.device_id]
        if "all" in targets:
            targets = [handler.device_id for handler in self._registry if handler.speaks]
        for target in targets:
            try:
                self._announcer.announce(target, Announcement(text, rule.urgent, source=f"event of {conn.device_id}"))
            except WireError as exc:
                conn.log.warning("event_lost", to=target, why=str(exc))


class _Values(dict[str, str]):
    def __missing__(self, key: str) -> str:
        return ""


def _short(value: object) -> str:
    return str(value)[:_MAX_VALUE] if isinstance(value, str | int | float | bool) else ""
