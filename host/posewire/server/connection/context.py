"""The parts of the host that a connection is given."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from posewire.identity.audit import Audit
from posewire.identity.principal import Principal
from posewire.server.bridge.settings import UpstreamSettings
from posewire.server.connection.peer import Peer
from posewire.server.connection.registry import ConnectionRegistry
from posewire.server.connection.resumption import SessionResumption
from posewire.server.connection.room_link import RoomAccess
from posewire.server.connection.settings import FloodSettings
from posewire.server.connection.tools.known_tools import KnownTools
from posewire.server.connection.voice_sessions import VoiceSessions
from posewire.server.speech_encoding import SpeechEncoding
from posewire.update.service import UpdateService
from posewire.voice.tools.manager import ToolManager


@dataclass(frozen=True)
class ConnectionSettings:
    """The settings of connections. Times in seconds."""

    flood: FloodSettings
    hello_timeout: float
    resume_window: float


class Satellites(Protocol):
    """The service that gives the turns of devices to others than this host."""

    def greeted(self, peer: Peer) -> None:
        """Share the turns of a device that has said hello, if it is one of those that it is for."""

    def closed(self, peer: Peer) -> None:
        """Let go of a device whose connection has closed."""


@dataclass(frozen=True)
class ConnectionContext:
    """One for all connections of a host; ``server/wiring.py`` makes it."""

    settings: Callable[[], ConnectionSettings]
    """Returns the settings as they are now: they may change while the host runs."""

    check_principal: Callable[[Principal], Principal | None]
    """Returns a principal with the scopes that it has by now; None when it is no longer let in."""

    registry: ConnectionRegistry
    resumption: SessionResumption
    rooms: RoomAccess
    counters: Counter[str]
    audit: Audit
    updates: UpdateService
    tools: ToolManager
    """The host's own tools."""

    upstream: UpstreamSettings
    voices: VoiceSessions | None
    """None: this host is nobody's assistant."""

    satellites: Satellites | None = None
    """None: no board is a satellite of Home Assistant."""

    webrtc: bool = False
    """Whether this host opens data channels."""

    encoding: SpeechEncoding = field(default_factory=SpeechEncoding)
    known_tools: KnownTools = field(default_factory=KnownTools)
