"""Section ``[store]``: the place of the store."""

import os
from dataclasses import dataclass
from pathlib import Path

STORE_VARIABLE = "POSEWIRE_STORE"


@dataclass(frozen=True)
class StoreSettings:
    """Section ``[store]``. ``path``: the SQLite file; ``:memory:`` or empty keeps everything in memory only."""

    path: str = ""


def default_path() -> str:
    """Return where the command line keeps the store: the variable POSEWIRE_STORE, or the user's data folder."""
    named = os.environ.get(STORE_VARIABLE)
    return named or usual_path()


def usual_path() -> str:
    """Return where the store is unless something says otherwise: in the user's data folder."""
    folder = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return str(Path(folder) / "posewire" / "posewire.db")
