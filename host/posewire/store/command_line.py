"""The store's file, opened by a command while the host may be running."""

import argparse
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from posewire.errors import ConfigError
from posewire.store.settings import default_path
from posewire.store.store import MEMORY, Domain, Store


def add_store_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options that say which store is meant."""
    parser.add_argument("--config", type=Path, metavar="FILE", help="the host's configuration: its [store] is used")
    parser.add_argument("--store", metavar="FILE", help="the store's file (default: as the host)")


@contextmanager
def opened_store(args: argparse.Namespace, domains: Sequence[Domain], create: bool = False) -> Iterator[Store]:
    """Open the store that the options name; ``create``: make it where it is not there yet.

    Raises:
        ConfigError: the configuration makes no sense or keeps nothing on disk, or there is no such file.
        StoreError: the file cannot be opened.
    """
    path = args.store or (_configured(args.config) if args.config else default_path())
    if path == MEMORY:
        raise ConfigError("this host keeps its store in memory: name a file with --store, or in [store] path")
    if not create and not Path(path).exists():
        # A mistyped name would otherwise become an empty store in which nothing is wrong.
        raise ConfigError(f"there is no store {path}: a host makes it when it first starts; or name it with --store")
    store = Store(path, domains)
    try:
        yield store
    finally:
        store.close()


def _configured(config: Path) -> str:
    # Imported here: reading the whole configuration imports the voice engines' settings.
    from posewire.server.settings import load_settings

    return load_settings(config).store.path
