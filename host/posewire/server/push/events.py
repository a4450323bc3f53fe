"""Events that devices report, and the rules that the settings have for them."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from posewire.errors import WireError
from posewire.server.connection.peer import Peer
from posewire.server.connection.registry import ConnectionRegistry
from posewire.server.push.announcer import Announcement, Announcer
from posewire.server.push.settings import EventSettings, PushSettings
from posewire.server.state.happenings import Happenings

MAX_NAME = 64
_LEFT_OUT = "left_out"
"""A board's own event: a part of it does not run, and why."""

_MAX_VALUE = 100
_MAX_TOLD = 20


class DeviceEvents:
    """Applies the rules to events."""

    def __init__(
        self,
        settings: PushSettings,
        registry: ConnectionRegistry,
        announcer: Announcer,
        counters: Counter[str],
        happenings: Happenings,
    ) -> None:
        self._settings = settings
        self._registry = registry
        self._announcer = announcer
        self._counters = counters
        self._happenings = happenings

    def handle(self, peer: Peer, name: str, data: Mapping[str, Any], now: float) -> None:
        """Apply the rule for an event of a device. ``now``: seconds of any steady clock.

        Raises:
            WireError: the name is empty or too long.
        """
        if not 0 < len(name) <= MAX_NAME:
            raise WireError(f"an event's name must have 1 to {MAX_NAME} characters")
        told = {key[:_MAX_VALUE]: _short(value) for key, value in list(data.items())[:_MAX_TOLD]}
        self._happenings.tell(peer.device_id, "event", "reported", name=name, data=told)
        if name == _LEFT_OUT:
            peer.log.warning("left_out", part=told.get("part", ""), why=told.get("reason", ""))
        rule = self._settings.events.get(name)
        if rule is None:
            self._counters["events_ignored"] += 1
            peer.log.info("event", name=name, rule="none")
            return
        last = peer.events.get(name)
        if last is not None and now - last < rule.pause:
            self._counters["events_dropped"] += 1
            return
        peer.events[name] = now
        self._counters["events"] += 1
        peer.log.info("event", name=name)
        values = _Values({**{key: _short(value) for key, value in data.items()}, "device": peer.device_id})
        if rule.ask:
            self._ask(peer, rule.ask.format_map(values))
        else:
            self._say(peer, rule, rule.say.format_map(values))

    def _ask(self, peer: Peer, text: str) -> None:
        voice = peer.voice.get_or_create()
        if voice is None or voice.busy:
            self._counters["events_dropped"] += 1
        else:
            voice.text(text)

    def _say(self, peer: Peer, rule: EventSettings, text: str) -> None:
        targets = list(rule.to) or [peer.device_id]
        if "all" in targets:
            targets = [other.device_id for other in self._registry if other.voice.speaks]
        for target in targets:
            try:
                self._announcer.announce(target, Announcement(text, rule.urgent, source=f"event of {peer.device_id}"))
            except WireError as exc:
                peer.log.warning("event_lost", to=target, why=str(exc))


class _Values(dict[str, str]):
    def __missing__(self, key: str) -> str:
        return ""


def _short(value: object) -> str:
    return str(value)[:_MAX_VALUE] if isinstance(value, str | int | float | bool) else ""
