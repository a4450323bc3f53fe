"""What all connections of a host share. Passed in, never imported as a global."""

import heapq
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from posewire.hub import ConnectionHub
from posewire.identity.audit import Audit
from posewire.identity.identities import Identities
from posewire.rooms.directory import RoomDirectory
from posewire.server.authenticator import ConnectionAuthenticator
from posewire.server.connection.registry import ConnectionRegistry
from posewire.server.control import HostControl
from posewire.server.host_tools import HostTools
from posewire.server.monitoring.metrics import Metrics
from posewire.server.monitoring.tracing import Tracing
from posewire.server.push.service import Push
from posewire.server.rate_limit import FailureLimit
from posewire.server.settings import Settings
from posewire.server.state.board_reports import BoardReports
from posewire.server.state.cache_registry import Caches
from posewire.server.state.shared_states import HOST, StateDirectory
from posewire.server.state.voiceprints import Voiceprints
from posewire.store import Store
from posewire.update.service import UpdateService
from posewire.voice.assistant import Assistant

if TYPE_CHECKING:
    from posewire.server.connection.handler import ConnectionHandler
    from posewire.server.messages.message_type import TextType
    from posewire.server.monitoring.health import HealthMonitor


NAMED_ROOMS = 50
"""Rooms that the host's numbers name: all of them, with the longest names, would not fit into a message."""


@dataclass
class Services:
    """The shared services of one host process."""

    settings: Settings
    assistant: Assistant | None
    store: Store
    identities: Identities
    authenticator: ConnectionAuthenticator
    audit: Audit
    text_types: "dict[str, TextType]"
    """Layer 2: what is done with a text message, by its type."""
    updates: UpdateService
    hub: "ConnectionHub[ConnectionHandler]"
    registry: ConnectionRegistry
    push: Push
    tools: HostTools
    voiceprints: Voiceprints | None = None
    """The enrolled people; None where the host makes no voiceprints."""
    states: StateDirectory = field(init=False)
    control: HostControl = field(default_factory=HostControl)
    failures: FailureLimit = field(default_factory=FailureLimit)
    rooms: RoomDirectory = field(init=False)
    reports: BoardReports = field(default_factory=BoardReports)
    caches: Caches = field(default_factory=Caches)
    metrics: Metrics = field(default_factory=Metrics)
    health: "HealthMonitor | None" = None
    draining: bool = False
    tracing: Tracing | None = None
    """None: off."""
    counters: Counter[str] = field(default_factory=Counter)
    """Totals since start: messages and frames by kind, drops and errors by code."""

    def __post_init__(self) -> None:
        self.rooms = RoomDirectory(self.settings.rooms, self.counters)
        if self.settings.tracing.enabled:
            self.tracing = Tracing()
        self.states = StateDirectory(self.hub.dispatcher, self.numbers, self.has_state)

    @property
    def memory_full(self) -> bool:
        """Whether the process uses more memory than it may; no newcomer is let in then."""
        limit = self.settings.server.max_memory_mb
        return bool(limit) and self.metrics.resident > limit * 2**20

    def has_state(self, name: str) -> bool:
        """Tell whether a shared state's owner is here: the host, a room, or a device (also one that may come back)."""
        kind, _, rest = name.partition(":")
        if kind == "room":
            return rest in self.rooms.rooms
        if kind == "device":
            held = any(held.device_id == rest for _, held in self.registry.held())
            return held or self.registry.device(rest) is not None
        return name == HOST

    def numbers(self) -> dict[str, Any]:
        """Return the host's own numbers: connections, rooms (how many, and the largest by name), alerts, totals."""
        sizes = {name: len(room.members) for name, room in self.rooms.rooms.items()}
        return {
            "open": self.registry.open,
            "room_count": len(sizes),
            "rooms": {name: sizes[name] for name in heapq.nlargest(NAMED_ROOMS, sizes, sizes.__getitem__)},
            "alerts": self.health.alerts.active() if self.health is not None else [],
            **self.hub.statistics(),
            "totals": dict(self.counters),
        }
