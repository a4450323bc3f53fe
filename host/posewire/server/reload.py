"""The configuration read again while the host runs: what can change does, the rest is named and waits for a restart."""

import asyncio
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from posewire.errors import ConfigError
from posewire.log import EventLog
from posewire.server.authenticator import ConnectionAuthenticator
from posewire.server.settings import Settings, check_exposure

if TYPE_CHECKING:
    from posewire.server.services import Services

LIVE = {
    "server": frozenset(
        {"max_connections", "max_per_address", "max_memory_mb", "max_message", "hello_timeout", "resume_window"}
    ),
    "auth": None,
    "flood": None,
    "rooms": None,
    "alerts": None,
}
"""Sections whose settings take effect at once (None: all of them). Limits of a connection count for new connections."""


class ConfigReload:
    """Reads the settings again with ``load`` and gives a running host what may change."""

    def __init__(self, services: "Services", load: Callable[[], Settings], path: Path | None) -> None:
        self._services = services
        self._load = load
        self._path = path
        self._log = EventLog()
        self._stamp = self._stat()

    async def reload(self) -> str:
        """Read and apply. Nobody is disconnected but whom ``[auth]`` no longer lets in. Returns what changed, in words.

        Raises:
            ConfigError: the new configuration makes no sense; the old one stays in force, whole.
        """
        # Whoever asked for this need not be told of the same change again by `look`.
        self._stamp = await asyncio.to_thread(self._stat)
        now = self._services.settings
        try:
            wanted = await asyncio.to_thread(self._load)
            merged, live, later = merge(now, wanted)
            check_exposure(merged)
            authenticator = ConnectionAuthenticator(merged.auth, self._services.identities)
        except ConfigError as error:
            self._log.warning("config_refused", why=str(error))
            self._services.counters["config_refused"] += 1
            raise
        self._services.settings = merged
        self._services.authenticator = authenticator
        if merged.auth != now.auth:
            for handler in self._services.registry:
                handler.check_access()
        self._services.rooms.change_settings(merged.rooms)
        self._services.counters["config_reloads"] += 1
        self._log.info("config_reloaded", changed=", ".join(live) or "nothing")
        if later:
            self._log.warning("config_needs_restart", settings=", ".join(later))
        told = f"changed: {', '.join(live) or 'nothing'}"
        return f"{told}; after a restart: {', '.join(later)}" if later else told

    async def look(self) -> None:
        """Reload when the file has changed since it was last looked at."""
        stamp = await asyncio.to_thread(self._stat)
        if stamp == self._stamp:
            return
        try:
            await self.reload()
        except ConfigError:
            return  # logged; the next change of the file is looked at again

    def _stat(self) -> tuple[int, int] | None:
        if self._path is None:
            return None
        try:
            stat = self._path.stat()
        except OSError:
            return None  # an editor replaces the file: it will be back
        return stat.st_mtime_ns, stat.st_size


def merge(now: Settings, wanted: Settings) -> tuple[Settings, list[str], list[str]]:
    """Return the settings in force from now on, the names of those that changed, and of those that need a restart."""
    live: list[str] = []
    later: list[str] = []
    sections: dict[str, Any] = {}
    for entry in fields(Settings):
        name = entry.name
        old, new = getattr(now, name), getattr(wanted, name)
        if old == new:
            continue
        if name not in LIVE:
            later.append(f"[{name}]")
            continue
        allowed = LIVE[name]
        changes = {}
        for setting in fields(old):
            value = getattr(new, setting.name)
            if value == getattr(old, setting.name):
                continue
            if allowed is None or setting.name in allowed:
                changes[setting.name] = value
                # Texts may be secrets (a token, a webhook's address), and this is logged and sent: numbers are not.
                live.append(f"[{name}] {setting.name}{f' = {value}' if isinstance(value, int | float) else ''}")
            else:
                later.append(f"[{name}] {setting.name}")
        sections[name] = replace(old, **changes)
    return replace(now, **sections), live, later
