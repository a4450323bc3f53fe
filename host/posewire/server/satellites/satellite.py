"""One device as a Wyoming satellite: its TCP port, and who is connected there."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from posewire import __version__
from posewire.log import EventLog
from posewire.server.satellites.link import MAX_LINE, SatelliteLink
from posewire.server.satellites.settings import SatelliteSettings
from posewire.server.satellites.turns import SatelliteTurns
from posewire.task_scope import TaskScope
from posewire.voice.protocols.wyoming import Event

_LINKS = 4
"""Connections to one satellite: Home Assistant has one, and opens another for a moment to ask what it is."""

_NOT_HERE = Event("error", {"text": "the board is not connected", "code": "not-connected"})


class Satellite:
    """``listen`` opens the port. ``name``: returns what people call the device."""

    def __init__(self, device_id: str, name: Callable[[], str], settings: SatelliteSettings, log: EventLog) -> None:
        self.device_id = device_id
        self.port = 0
        self._name = name
        self._settings = settings
        self._log = log.bind(satellite=device_id)
        self._server: asyncio.Server | None = None
        self._links: set[SatelliteLink] = set()
        self._running: SatelliteLink | None = None
        """Where a pipeline waits for the device: the newest connection that has said so."""

        self._turns: SatelliteTurns | None = None
        self._tasks = TaskScope()

    async def listen(self, port: int) -> None:
        """Open the port.

        Raises:
            OSError: somebody else has it, or the address is not this machine's.
        """
        self._server = await asyncio.start_server(self._connected, self._settings.address, port, limit=MAX_LINE)
        self.port = self._server.sockets[0].getsockname()[1]

    @property
    def taken(self) -> bool:
        """Whether Home Assistant has the device's turns, or would have them if it were here."""
        return self._running is not None

    def board_came(self, turns: SatelliteTurns) -> None:
        """Take the turns of a connection of the device."""
        self._turns = turns
        if self._running is not None:
            turns.pipeline.connect(self._running)

    def board_left(self, turns: SatelliteTurns) -> None:
        """Let go of the turns of a connection that has closed, unless a newer one has come."""
        if self._turns is turns:
            self._turns = None

    async def close(self) -> None:
        """Close the port and all connections."""
        if self._server is not None:
            self._server.close()
        for link in list(self._links):
            link.close()
        await self._tasks.close()

    # --- a connection

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        address = str(writer.get_extra_info("peername", ("",))[0])
        if not self._settings.admits(address) or len(self._links) >= _LINKS:
            self._log.warning("satellite_refused", peer=address, connections=len(self._links))
            writer.transport.abort()
            return
        link = SatelliteLink(reader, writer)
        self._links.add(link)
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            async for event in link.events():
                await self._take(link, event, address)
        except ValueError as error:
            self._log.warning("satellite_garbage", peer=address, why=str(error))
        finally:
            self._links.discard(link)
            link.close()
            if link is self._running:
                self._pause("it is gone")

    async def _take(self, link: SatelliteLink, event: Event, address: str) -> None:
        match event.type:
            case "describe":
                link.send(Event("info", {"satellite": self._description()}))
            case "run-satellite":
                older, self._running = self._running, link
                link.keep_alive()
                if older is not None and older is not link:
                    older.close()
                self._log.info("satellite_taken", peer=address)
                if self._turns is not None:
                    self._turns.pipeline.connect(link)
            case "pause-satellite" if link is self._running:
                self._pause("it said so")
            case _ if link is self._running:
                if self._turns is not None:
                    await self._turns.pipeline.take(event)
                elif event.type == "audio-start":
                    link.send(_NOT_HERE)

    def _pause(self, why: str) -> None:
        self._running = None
        self._log.info("satellite_free", why=why)
        if self._turns is not None:
            self._turns.pipeline.disconnect()

    def _description(self) -> Mapping[str, Any]:
        return {
            "name": self._name(),
            "attribution": {"name": "Posewire", "url": ""},
            "installed": True,
            "description": f"A board behind Posewire: {self.device_id}",
            "version": __version__,
            "has_vad": False,
            "supports_trigger": False,
        }
