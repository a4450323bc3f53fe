"""The shared services of a host, for host.py, HTTP and plug-ins; other parts get the few things that they use."""

import heapq
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from posewire.hub import ConnectionHub
from posewire.identity.audit import Audit
from posewire.identity.identities import Identities
from posewire.own_command import own_command
from posewire.rooms.directory import RoomDirectory
from posewire.server.authenticator import ConnectionAuthenticator
from posewire.server.configuration.config_file import ConfigFile
from posewire.server.connection.peer import Peer
from posewire.server.connection.registry import ConnectionRegistry
from posewire.server.connection.resumption import SessionResumption
from posewire.server.control import HostControl
from posewire.server.host_tools import HostTools
from posewire.server.jitsi.service import JitsiService
from posewire.server.monitoring.health import HealthMonitor
from posewire.server.monitoring.log_tail import LogTail
from posewire.server.monitoring.metrics import Metrics
from posewire.server.monitoring.tracing import Tracing
from posewire.server.mqtt.service import MqttService
from posewire.server.programs.recordings import Recordings
from posewire.server.programs.sim_boards import SimBoards
from posewire.server.push.service import Push
from posewire.server.rate_limit import FailureLimit
from posewire.server.satellites.service import SatelliteService
from posewire.server.settings import Settings
from posewire.server.state.board_reports import BoardReports
from posewire.server.state.cache_registry import Caches
from posewire.server.state.happenings import Happenings
from posewire.server.state.shared_states import HOST, StateDirectory
from posewire.server.state.turn_log import TurnLog
from posewire.server.state.turn_sounds import TurnSounds
from posewire.server.state.voiceprints import Voiceprints
from posewire.server.webrtc.service import WebRtcService
from posewire.store import Store
from posewire.update.service import UpdateService
from posewire.voice.assistant import Assistant

NAMED_ROOMS = 50
"""Rooms that the host's numbers list by name: all of them would not fit into a message."""


@dataclass
class Services:
    """The shared services of one host process."""

    settings: Settings
    assistant: Assistant | None
    store: Store
    identities: Identities
    authenticator: ConnectionAuthenticator
    audit: Audit
    updates: UpdateService
    hub: ConnectionHub[Peer]
    registry: ConnectionRegistry
    push: Push
    tools: HostTools
    happenings: Happenings
    voiceprints: Voiceprints | None = None
    """The enrolled people; None where the host makes no voiceprints."""
    satellites: SatelliteService | None = None
    """None: no board is a satellite of Home Assistant."""
    mqtt: MqttService | None = None
    """None: no broker is told of the devices."""
    states: StateDirectory = field(init=False)
    resumption: SessionResumption = field(init=False)
    control: HostControl = field(default_factory=HostControl)
    config_file: ConfigFile | None = None
    """None: the host was started without one."""
    failures: FailureLimit = field(default_factory=FailureLimit)
    rooms: RoomDirectory = field(init=False)
    reports: BoardReports = field(default_factory=BoardReports)
    turns: TurnLog = field(init=False)
    log_tail: LogTail = field(default_factory=LogTail)
    sim_boards: SimBoards = field(default_factory=SimBoards)
    recordings: Recordings = field(init=False)
    caches: Caches = field(default_factory=Caches)
    metrics: Metrics = field(default_factory=Metrics)
    health: HealthMonitor | None = None
    draining: bool = False
    webrtc: WebRtcService = field(init=False)
    jitsi: JitsiService | None = None
    """None: the host is in no conference."""
    tracing: Tracing | None = None
    """None: off."""
    counters: Counter[str] = field(default_factory=Counter)
    """Totals since start: messages and frames by kind, drops and errors by code."""

    def __post_init__(self) -> None:
        self.recordings = Recordings(
            self.store, self.identities, self.settings.store.path, self.settings.rooms.recordings
        )
        self.rooms = RoomDirectory(self.settings.rooms, self.counters)
        self.turns = TurnLog(TurnSounds(self.settings.turns))
        self.webrtc = WebRtcService(lambda: self.settings.webrtc, self.counters)
        if self.settings.tracing.enabled:
            self.tracing = Tracing()
        self.states = StateDirectory(self.hub.dispatcher, self.numbers, self.has_state)
        self.resumption = SessionResumption(
            self.registry,
            self.rooms,
            self.states,
            lambda: (self.settings.server.max_connections, self.settings.server.max_per_address),
        )

    def command(self, *words: str) -> str:
        """Return a command that works on this host's store, as a person on its machine types it."""
        return own_command(*words, config=None if self.config_file is None else self.config_file.path)

    @property
    def memory_full(self) -> bool:
        """Whether the process uses more memory than it may; no new connection is admitted then."""
        limit = self.settings.server.max_memory_mb
        return bool(limit) and self.metrics.resident > limit * 2**20

    def has_state(self, name: str) -> bool:
        """Tell whether the owner of a shared state is here: the host, a room, or a device (or one that may resume)."""
        kind, _, rest = name.partition(":")
        if kind == "room":
            return rest in self.rooms.rooms
        if kind == "device":
            return self.registry.device(rest) is not None or self.resumption.is_kept(rest)
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
