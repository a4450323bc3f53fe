"""Home Assistant's side of a satellite, spoken by its own package ``wyoming``."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import numpy as np
from wyoming.audio import AudioChunk, AudioStart, AudioStop
from wyoming.client import AsyncTcpClient
from wyoming.event import Event, Eventable
from wyoming.info import Describe, Info, Satellite
from wyoming.ping import Ping, Pong
from wyoming.pipeline import RunPipeline
from wyoming.satellite import RunSatellite
from wyoming.snd import Played

from posewire.sound.pcm import Pcm

RATE = 22050
"""Samples per second of the speech that Home Assistant sends."""


class HomeAssistant:
    """One connection to a satellite. ``events`` has what came, without pings; audio is in ``heard``."""

    def __init__(self, client: AsyncTcpClient) -> None:
        self.client = client
        self.events: list[Event] = []
        self.heard = bytearray()
        self.gone = asyncio.Event()
        self._changed = asyncio.Event()

    async def read(self) -> None:
        while (event := await self.client.read_event()) is not None:
            if Ping.is_type(event.type):
                await self.send(Pong(text=Ping.from_event(event).text))
            elif AudioChunk.is_type(event.type):
                chunk = AudioChunk.from_event(event)
                assert (chunk.rate, chunk.width, chunk.channels) == (16000, 2, 1)
                self.heard += chunk.audio
            else:
                self.events.append(event)
            self._changed.set()
        self.gone.set()

    async def send(self, event: Eventable) -> None:
        await self.client.write_event(event.event())

    async def until(self, kind: str, times: int = 1) -> Event:
        """Wait for an event of a type (the ``times``-th); return it."""
        async with asyncio.timeout(60):
            while len(found := [event for event in self.events if event.type == kind]) < times:
                self._changed.clear()
                await self._changed.wait()
        return found[times - 1]

    async def until_heard(self, seconds: float) -> None:
        """Wait until so much audio has come."""
        async with asyncio.timeout(60):
            while len(self.heard) < seconds * 32000:
                self._changed.clear()
                await self._changed.wait()

    async def describe(self) -> Satellite:
        """Ask the satellite what it is."""
        await self.send(Describe())
        satellite = Info.from_event(await self.until("info")).satellite
        assert satellite is not None
        return satellite

    async def until_run(self, times: int = 1) -> RunPipeline:
        """Wait until the satellite wants a pipeline to run."""
        return RunPipeline.from_event(await self.until("run-pipeline", times))

    async def until_played(self, times: int = 1) -> None:
        """Wait until the satellite has played a reply."""
        assert Played.is_type((await self.until("played", times)).type)

    async def say(self, seconds: float, rate: int = RATE, channels: int = 1) -> None:
        """Send a tone, as fast as it can be made, in the chunks of Home Assistant."""
        await self.send(AudioStart(rate=rate, width=2, channels=channels, timestamp=0))
        sound = np.repeat(tone(seconds, rate), channels).astype("<i2").tobytes()
        for start in range(0, len(sound), 2048):
            await self.send(AudioChunk(rate=rate, width=2, channels=channels, audio=sound[start : start + 2048]))
        await self.send(AudioStop(timestamp=0))

    async def run_satellite(self) -> None:
        """Say that pipelines can run, and wait until that has arrived."""
        await self.send(RunSatellite())
        await self.describe()


def tone(seconds: float, rate: int) -> Pcm:
    """Return a tone."""
    times = np.arange(round(seconds * rate)) / rate
    return np.round(12000 * np.sin(2 * np.pi * 440 * times)).astype(np.int16)


@asynccontextmanager
async def home_assistant(port: int) -> AsyncIterator[HomeAssistant]:
    """Connect to a satellite of this machine."""
    client = AsyncTcpClient("127.0.0.1", port)
    await client.connect()
    side = HomeAssistant(client)
    reading = asyncio.create_task(side.read())
    try:
        yield side
    finally:
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
        await client.disconnect()
