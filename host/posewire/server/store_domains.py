"""The tables of the host's store: a line for each part that keeps something."""

from posewire.identity.tables import AUDIT, IDENTITY
from posewire.server import kept_sessions, memory, speakers
from posewire.server.push import reminders
from posewire.store import Domain

DOMAINS: tuple[Domain, ...] = (
    IDENTITY,
    AUDIT,
    reminders.TABLES,
    memory.TABLES,
    speakers.TABLES,
    kept_sessions.TABLES,
)
