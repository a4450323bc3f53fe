"""What all connections of a host share. Passed in, never imported as a global."""

from collections import Counter
from dataclasses import dataclass, field

from posewire.rooms.directory import RoomDirectory
from posewire.server.authenticator import ConnectionAuthenticator
from posewire.server.board_reports import BoardReports
from posewire.server.caches import Caches
from posewire.server.host_tools import HostTools
from posewire.server.push.service import Push
from posewire.server.registry import ConnectionRegistry
from posewire.server.settings import Settings
from posewire.store import Store
from posewire.update.service import UpdateService
from posewire.voice.assistant import Assistant


@dataclass
class Services:
    """The shared services of one host process."""

    settings: Settings
    assistant: Assistant | None
    store: Store
    authenticator: ConnectionAuthenticator
    updates: UpdateService
    registry: ConnectionRegistry
    push: Push
    tools: HostTools
    rooms: RoomDirectory = field(init=False)
    reports: BoardReports = field(default_factory=BoardReports)
    caches: Caches = field(default_factory=Caches)
    counters: Counter[str] = field(default_factory=Counter)
    """Totals since start: messages and frames by kind, drops and errors by code."""

    def __post_init__(self) -> None:
        self.rooms = RoomDirectory(self.settings.rooms)
