"""The embedded store: one SQLite file for what must survive the process."""

from posewire.store.settings import StoreSettings
from posewire.store.store import MEMORY, Domain, Store

__all__ = ["MEMORY", "Domain", "Store", "StoreSettings"]
