"""The store's file, opened by a command while the host may be running."""

import argparse
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from posewire.config import read_table, read_toml
from posewire.errors import ConfigError
from posewire.store.settings import StoreSettings, default_path
from posewire.store.store import MEMORY, Domain, Store


def store_of(args: argparse.Namespace) -> str:
    """Return the store that the options name, or the user's own."""
    return args.store or (_configured(args.config) if args.config else default_path())


def add_store_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options that name the store."""
    parser.add_argument("--config", type=Path, metavar="FILE", help="the host's configuration, for its [store]")
    parser.add_argument("--store", metavar="FILE", help="the store's file (default: the host's)")


@contextmanager
def opened_store(args: argparse.Namespace, domains: Sequence[Domain], create: bool = False) -> Iterator[Store]:
    """Open the store that the options name; ``create``: make a missing one.

    Raises:
        ConfigError: the configuration is not valid or keeps nothing on disk, or the file does not exist.
        StoreError: the file cannot be opened.
    """
    path = store_of(args)
    if path == MEMORY:
        raise ConfigError("this host keeps its store in memory: name a file with --store, or in [store] path")
    if not create and not Path(path).exists():
        # A mistyped name would otherwise become an empty store in which nothing is wrong.
        raise ConfigError(
            f"there is no store {path}: start a host once, or name its file with --store, or its settings with --config"
        )
    store = Store(path, domains)
    try:
        yield store
    finally:
        store.close()


def _configured(config: Path) -> str:
    settings = read_table(StoreSettings, read_toml(config).get("store", {}), "store")
    return settings.path or default_path()
