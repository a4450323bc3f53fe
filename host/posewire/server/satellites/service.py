"""All satellites of a host: which device has which port, now and after a restart."""

import asyncio
import re
import sqlite3
import time
from collections.abc import Callable

from posewire.errors import StoreError
from posewire.log import EventLog
from posewire.server.connection.peer import Peer, is_lasting
from posewire.server.satellites.satellite import Satellite
from posewire.server.satellites.settings import SatelliteSettings
from posewire.server.satellites.turns import SatelliteTurns
from posewire.server.transport.mdns import Announcements
from posewire.store import Domain, Store
from posewire.store.rows import readable
from posewire.task_scope import TaskScope
from posewire.voice.output import VoiceOut

SERVICE = "_wyoming._tcp.local."

MAX_SATELLITES = 200
"""Devices that are satellites; the one that is away and was seen longest ago makes room."""

_TRIES = 50
"""Ports that are tried for a device, beyond those of other devices."""

TABLES = Domain(
    "satellites",
    ("CREATE TABLE satellites (device TEXT PRIMARY KEY, port INTEGER NOT NULL, seen REAL NOT NULL);",),
)


class SatelliteService:
    """Every board of this project, and every device that was paired or has a token, is a satellite from its first hello
    on, until it is revoked."""

    def __init__(
        self,
        settings: SatelliteSettings,
        store: Store,
        output: Callable[[Peer], VoiceOut],
        known: Callable[[], list[str]],
        name_of: Callable[[str], str],
        announcements: Announcements,
    ) -> None:
        self._settings = settings
        self._store = store
        self._output = output
        self._known = known
        self._name_of = name_of
        self._announcements = announcements
        self._satellites: dict[str, Satellite] = {}
        self._turns: dict[Peer, SatelliteTurns] = {}
        self._tasks = TaskScope()
        self._changing = asyncio.Lock()
        self._log = EventLog()

    async def start(self) -> None:
        """Open the ports of all devices that had one; one that cannot be opened now is tried at its next hello."""
        for device, port in await self._store.run(_read):
            try:
                await self._open(device, port)
            except OSError as error:
                self._log.warning("satellite_port", device=device, port=port, why=str(error))

    def ports(self) -> dict[str, int]:
        """Return the port of each device."""
        return {device: satellite.port for device, satellite in self._satellites.items()}

    def taken(self, device: str) -> bool:
        """Tell whether Home Assistant has a device's turns."""
        return device in self._satellites and self._satellites[device].taken

    def greeted(self, peer: Peer) -> None:
        """Share the turns of a device that has said hello (``connection.context.Satellites``)."""
        hello = peer.hello
        if hello is None or (hello.audio is None and not hello.codecs):
            return
        if peer.identity.principal.allows("voice") and is_lasting(peer, self._known()):
            turns = SatelliteTurns(self._output(peer), peer.voice.own_session, peer.log)
            self._turns[peer] = turns
            peer.voice.share(turns)
            self._tasks.spawn(self._admit(peer, turns))

    def closed(self, peer: Peer) -> None:
        """Let go of a device whose connection has closed."""
        turns = self._turns.pop(peer, None)
        satellite = self._satellites.get(peer.device_id)
        if turns is not None and satellite is not None:
            satellite.board_left(turns)

    async def forget(self, device: str) -> None:
        """Close a device's port, and forget it: it was revoked."""
        async with self._changing:
            await self._forget(device)

    async def close(self) -> None:
        """Close all ports."""
        await self._tasks.close()
        for satellite in self._satellites.values():
            await satellite.close()

    # --- inside

    async def _admit(self, peer: Peer, turns: SatelliteTurns) -> None:
        device = peer.device_id
        async with self._changing:
            if device not in self._satellites:
                await self._make_room()
                port = await self._open_any(device)
                if port is None:
                    return
            port = self._satellites[device].port
            # Before the store has it: Home Assistant may be at the port already.
            if peer in self._turns:
                self._satellites[device].board_came(turns)
            try:
                await self._store.run(lambda connection: _write(connection, device, port, time.time()))
            except StoreError as error:
                self._log.warning("satellite_not_kept", device=device, why=str(error))

    async def _make_room(self) -> None:
        if len(self._satellites) < MAX_SATELLITES:
            return
        here = {peer.device_id for peer in self._turns}
        for device, _ in await self._store.run(_read):
            if device not in here:
                await self._forget(device)
                return

    async def _forget(self, device: str) -> None:
        satellite = self._satellites.pop(device, None)
        if satellite is not None:
            await satellite.close()
            await self._announcements.withdraw(SERVICE, _label(device))
        await self._store.run(lambda connection: _delete(connection, device))

    async def _open_any(self, device: str) -> int | None:
        rows = dict(await self._store.run(_read))
        first = self._settings.port
        others = {port for other, port in rows.items() if other != device}
        free = [port for port in range(first, first + MAX_SATELLITES + _TRIES) if port not in others]
        wanted = [rows[device]] if device in rows else []
        for port in ([*wanted, *free] if first else [0])[: _TRIES + 1]:
            try:
                await self._open(device, port)
            except OSError as error:
                self._log.debug("satellite_port", device=device, port=port, why=str(error))
            else:
                return port
        self._log.warning("satellite_port", device=device, why=f"no port from {first} on is free at this address")
        return None

    async def _open(self, device: str, port: int) -> None:
        satellite = Satellite(device, lambda: self._name_of(device) or device, self._settings, self._log)
        await satellite.listen(port if self._settings.port else 0)
        self._satellites[device] = satellite
        self._log.info("satellite", device=device, port=satellite.port)
        self._tasks.spawn(self._announcements.announce(SERVICE, _label(device), self._settings.address, satellite.port))


def _label(device: str) -> str:
    """Return the label under which a satellite is announced: at most 63 letters, digits and hyphens."""
    return re.sub(r"[^A-Za-z0-9]+", "-", device).strip("-")[:63] or "board"


def _read(connection: sqlite3.Connection) -> list[tuple[str, int]]:
    rows = connection.execute("SELECT device, port FROM satellites ORDER BY seen").fetchall()
    return readable(rows, lambda device, port: (str(device), int(port)), "satellite")


def _write(connection: sqlite3.Connection, device: str, port: int, seen: float) -> None:
    connection.execute("INSERT OR REPLACE INTO satellites VALUES (?, ?, ?)", (device, port, seen))


def _delete(connection: sqlite3.Connection, device: str) -> None:
    connection.execute("DELETE FROM satellites WHERE device = ?", (device,))
