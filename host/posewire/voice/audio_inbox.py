"""The queue between a connection and the listener: bounded, and closed when the utterance is over."""

import asyncio
import time
from collections import deque

from posewire.sound.pcm import SAMPLE_RATE, Pcm

_MAX_QUEUED = 10 * SAMPLE_RATE


class AudioInbox:
    """Holds at most ten seconds of samples that the listener has not processed; drops the oldest when it is full."""

    def __init__(self) -> None:
        self._chunks: deque[Pcm] = deque()
        self._size = 0
        self._ended = 0.0
        self._wake = asyncio.Event()

    def put(self, pcm: Pcm) -> int:
        """Add samples; return how many older ones were dropped for them. After the end samples are ignored."""
        dropped = 0
        if self._ended:
            return 0
        self._chunks.append(pcm)
        self._size += len(pcm)
        while self._size > _MAX_QUEUED and len(self._chunks) > 1:
            oldest = self._chunks.popleft()
            self._size -= len(oldest)
            dropped += len(oldest)
        self._wake.set()
        return dropped

    def end(self) -> None:
        """End the stream: everything added so far belongs to the utterance, nothing more does."""
        if not self._ended:
            self._ended = time.monotonic()
            self._wake.set()

    def since_end_ms(self) -> float:
        """Return the milliseconds since ``end``."""
        return (time.monotonic() - self._ended) * 1000

    async def get(self) -> Pcm | None:
        """Return the next samples, or None after the end."""
        while not self._chunks:
            if self._ended:
                return None
            self._wake.clear()
            await self._wake.wait()
        chunk = self._chunks.popleft()
        self._size -= len(chunk)
        return chunk
