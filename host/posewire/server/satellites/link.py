"""One connection from Home Assistant (or another Wyoming client): events both ways, bounded."""

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator

from posewire.task_scope import TaskScope
from posewire.voice.protocols.wyoming import Event, encode_event, read_event

MAX_LINE = 16 * 1024
"""Bytes of an event's line."""

MAX_BODY = 256 * 1024
"""Bytes of an event's data, and of its payload."""

_MAX_AUDIO = 320_000
"""Bytes of audio that wait for a client that reads slowly: ten seconds; the oldest are dropped."""

_MAX_EVENTS = 100
"""Events other than audio that wait; a client that reads none of them is cut."""

_PING_EVERY = 2.0
"""Home Assistant gives a satellite up that has sent nothing for 5 s."""

_SILENCE = 30.0
"""Seconds after which a client that has sent nothing is gone; Home Assistant sends a ping every 2 s."""


class SatelliteLink:
    """Reads with ``events``; ``send`` and ``send_audio`` never wait."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.dropped = 0
        """Chunks of audio that were dropped."""

        self._reader = reader
        self._writer = writer
        self._waiting: deque[tuple[bytes, bool]] = deque()
        self._audio = 0
        self._something = asyncio.Event()
        self._tasks = TaskScope()
        self._tasks.spawn(self._write())
        self._pinging = False

    async def events(self) -> AsyncIterator[Event]:
        """Yield what the client sends; pings are answered here. Ends when the client is gone, or silent for long.

        Raises:
            ValueError: it does not speak Wyoming.
        """
        while True:
            try:
                async with asyncio.timeout(_SILENCE):
                    event = await read_event(self._reader, MAX_BODY)
            except (OSError, TimeoutError, asyncio.IncompleteReadError):
                return
            if event.type == "ping":
                text = event.data.get("text")
                self.send(Event("pong", {"text": text} if isinstance(text, str) else {}))
            elif event.type != "pong":
                yield event

    def keep_alive(self) -> None:
        """Send pings from now on: while a reply plays, nothing is read here, and nothing is answered."""
        if not self._pinging:
            self._pinging = True
            self._tasks.spawn(self._ping())

    def send(self, event: Event) -> None:
        """Queue an event."""
        if len(self._waiting) >= _MAX_EVENTS and sum(not audio for _, audio in self._waiting) >= _MAX_EVENTS:
            self.close()
            return
        self._put(encode_event(event), audio=False)

    def send_audio(self, event: Event) -> None:
        """Queue a chunk of audio; the oldest one makes room for it where too much waits."""
        data = encode_event(event)
        while self._audio + len(data) > _MAX_AUDIO:
            oldest = next(entry for entry in self._waiting if entry[1])
            self._waiting.remove(oldest)
            self._audio -= len(oldest[0])
            self.dropped += 1
        self._audio += len(data)
        self._put(data, audio=True)

    def close(self) -> None:
        """End the connection; ``events`` ends, too."""
        self._tasks.cancel()
        self._writer.transport.abort()

    def _put(self, data: bytes, audio: bool) -> None:
        self._waiting.append((data, audio))
        self._something.set()

    async def _write(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                while self._waiting:
                    data, audio = self._waiting.popleft()
                    self._audio -= len(data) if audio else 0
                    self._writer.write(data)
                    await self._writer.drain()
                self._something.clear()
                await self._something.wait()

    async def _ping(self) -> None:
        while True:
            await asyncio.sleep(_PING_EVERY)
            self.send(Event("ping"))
