"""The configuration read again while the host runs: settings that need a restart are named and wait for it."""

import asyncio
from collections.abc import Callable
from pathlib import Path

from posewire.errors import ConfigError
from posewire.file_stamp import FileStamp
from posewire.log import EventLog
from posewire.server.authenticator import ConnectionAuthenticator
from posewire.server.configuration.live_settings import merge
from posewire.server.services import Services
from posewire.server.settings import Settings, check_exposure


class ConfigReload:
    """Reads the settings again with ``load``, and gives a running host those that may change."""

    def __init__(self, services: Services, load: Callable[[], Settings], path: Path | None) -> None:
        self._services = services
        self._load = load
        self._stamp = FileStamp(*([path] if path is not None else []))
        self._log = EventLog()

    async def reload(self) -> str:
        """Read and apply the settings; return the changes, in words. Peers stay, but those that ``[auth]`` now refuses.

        Raises:
            ConfigError: the new configuration is not valid; the whole old one stays in force.
        """
        # The same change is not to be found again by `reload_if_changed`.
        await asyncio.to_thread(self._stamp.changed)
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
        self._services.turns.sounds.change_settings(merged.turns)
        self._services.counters["config_reloads"] += 1
        self._log.info("config_reloaded", changed=", ".join(live) or "nothing")
        if later:
            self._log.warning("config_needs_restart", settings=", ".join(later))
        told = f"changed: {', '.join(live) or 'nothing'}"
        return f"{told}; after a restart: {', '.join(later)}" if later else told

    async def reload_if_changed(self) -> None:
        """Reload when the file has changed since the last call or reload."""
        if not await asyncio.to_thread(self._stamp.changed):
            return
        try:
            await self.reload()
        except ConfigError:
            return  # it is logged; the file's next change is tried again
