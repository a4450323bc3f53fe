"""The tables of the host's store: a line for each part that keeps something."""

from posewire.server import memory
from posewire.server.push import reminders
from posewire.store import Domain

DOMAINS: tuple[Domain, ...] = (reminders.TABLES, memory.TABLES)
