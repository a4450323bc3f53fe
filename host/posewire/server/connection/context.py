"""The parts of the host that a connection is given."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from posewire.identity.audit import Audit
from posewire.identity.principal import Principal
from posewire.server.bridge.settings import UpstreamSettings
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

    encoding: SpeechEncoding = field(default_factory=SpeechEncoding)
    known_tools: KnownTools = field(default_factory=KnownTools)
