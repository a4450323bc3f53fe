"""What waits for the upstream server: bounded, because the board goes on while there is no connection."""

import asyncio
import json
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

from posewire.errors import WireError
from posewire.wire.messages import dump_text

_MESSAGES = 100
_AUDIO_MS = 3000


class UpstreamOutbox:
    """Texts and audio packets in their order. Of audio the oldest is dropped and counted, texts are refused.

    ``packet_ms``: milliseconds in an audio packet. ``count``: told ``upstream_audio_dropped`` for each dropped packet.
    """

    def __init__(self, packet_ms: int, count: Callable[[str], None]) -> None:
        self._audio_limit = _AUDIO_MS // packet_ms
        self._count = count
        self._waiting: deque[str | bytes] = deque()
        self._audio = 0
        self._something = asyncio.Event()

    def put_text(self, message: Mapping[str, Any]) -> None:
        """Add a message at the end.

        Raises:
            WireError: ``too_many``: too many messages wait already.
        """
        if len(self._waiting) - self._audio >= _MESSAGES:
            raise WireError("the upstream server is not connected and too many messages wait for it", "too_many")
        self._put(dump_text(message))

    def put_first(self, message: Mapping[str, Any]) -> None:
        """Add a message before all that wait."""
        self._waiting.appendleft(dump_text(message))
        self._something.set()

    def put_audio(self, packet: bytes, flushed: bool = False) -> None:
        """Add a packet at the end, in place of the oldest where too many wait; ``flushed``: the last of a stream."""
        if not flushed and self._audio >= self._audio_limit:
            oldest = next(index for index, waiting in enumerate(self._waiting) if isinstance(waiting, bytes))
            del self._waiting[oldest]
            self._audio -= 1
            self._count("upstream_audio_dropped")
        self._put(packet)

    async def pop(self) -> str | bytes:
        """Remove and return the first; waits until there is one."""
        while not self._waiting:
            self._something.clear()
            await self._something.wait()
        message = self._waiting.popleft()
        self._audio -= isinstance(message, bytes)
        return message

    def clear(self) -> None:
        """Drop all that waits."""
        self._waiting.clear()
        self._audio = 0

    @property
    def has_listen_start(self) -> bool:
        """Whether a message waits that begins an utterance."""
        return any(isinstance(waiting, str) and _is_start(waiting) for waiting in self._waiting)

    def _put(self, message: str | bytes) -> None:
        self._audio += isinstance(message, bytes)
        self._waiting.append(message)
        self._something.set()


def ends_utterance(sent: str | bytes) -> bool:
    """Whether a message ends an utterance: upstream has what it needs for an answer."""
    if isinstance(sent, bytes):
        return False
    message = json.loads(sent)
    return message.get("type") == "listen" and message.get("state") in ("stop", "detect")


def _is_start(text: str) -> bool:
    message = json.loads(text)
    return bool(message.get("type") == "listen" and message.get("state") == "start")
