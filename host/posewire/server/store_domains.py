"""The tables of the host's store: a line for each part that stores something."""

from posewire.identity.tables import AUDIT, IDENTITY
from posewire.rooms.recording_index import RECORDINGS
from posewire.server.connection import session_store as kept_sessions
from posewire.server.push import reminders
from posewire.server.satellites import service as satellites
from posewire.server.state import conversation_memory as memory
from posewire.server.state import erasures, voiceprints
from posewire.store import Domain

DOMAINS: tuple[Domain, ...] = (
    IDENTITY,
    AUDIT,
    reminders.TABLES,
    memory.TABLES,
    voiceprints.TABLES,
    kept_sessions.TABLES,
    satellites.TABLES,
    erasures.TABLES,
    RECORDINGS,
)
