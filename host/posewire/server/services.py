"""What all connections of a host share. Passed in, never imported as a global."""

from collections import Counter
from dataclasses import dataclass, field

from posewire.rooms.directory import RoomDirectory
from posewire.server.authenticator import ConnectionAuthenticator
from posewire.server.board_reports import BoardReports
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
    registry: ConnectionRegistry = field(default_factory=ConnectionRegistry)
    reports: BoardReports = field(default_factory=BoardReports)
    rooms: RoomDirectory = field(init=False)
    counters: Counter[str] = field(default_factory=Counter)
    """Totals since start: messages and frames by kind, drops and errors by code."""

    def __post_init__(self) -> None:
        self.rooms = RoomDirectory(self.settings.rooms)
