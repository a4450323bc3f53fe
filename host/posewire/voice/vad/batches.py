"""The detector for all streams of a host: what they wait for at the same time is computed at once, where an engine can.

A frame of the neural detector takes a third of the time when sixteen are computed together.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from posewire.sound.pcm import Pcm
from posewire.voice.vad.base import BatchVadEngine, VadEngine, VoiceActivityDetector

_EVERY = 0.005
"""Least time between two batches, in seconds: one stream alone never waits, a hundred wait for each other."""

_STREAMS = 32
"""Streams in a batch, at most: more are not faster, and take the event loop for longer."""

_FRAMES_PER_STEP = 8
"""Frames of a stream in a batch, at most, when much of its audio comes at once."""


@dataclass
class _Request:
    detector: VoiceActivityDetector
    frames: Sequence[Pcm]
    found: "asyncio.Future[list[float]]"


class VadBatches:
    """Makes the detecting of streams; shared by all voice sessions. Everything runs on the event loop."""

    def __init__(self, engine: VadEngine) -> None:
        self.engine = engine
        self._in_batches = engine if isinstance(engine, BatchVadEngine) else None
        self._waiting: deque[_Request] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._next = 0.0
        """When the next batch may begin, on the event loop's clock."""

    def stream(self) -> "VadStream":
        """Return a fresh detector for one stream."""
        return VadStream(self, self.engine.detector())

    async def probabilities(self, detector: VoiceActivityDetector, frames: Sequence[Pcm]) -> list[float]:
        """Return the probabilities of frames of a stream, in order."""
        if self._in_batches is None:
            return [detector.probability(frame) for frame in frames]
        loop = asyncio.get_running_loop()
        request = _Request(detector, frames, loop.create_future())
        self._waiting.append(request)
        if self._timer is None:
            self._timer = loop.call_at(self._next, self._compute, self._in_batches)
        return await request.found

    def _compute(self, engine: BatchVadEngine) -> None:
        loop = asyncio.get_running_loop()
        self._next = loop.time() + _EVERY
        requests = [self._waiting.popleft() for _ in range(min(len(self._waiting), _STREAMS))]
        # Those that are left have waited already.
        self._timer = loop.call_later(0, self._compute, engine) if self._waiting else None
        requests = [request for request in requests if not request.found.cancelled()]
        try:
            found = _in_rounds(engine, requests)
        except Exception as exc:
            for request in requests:
                request.found.set_exception(exc)
            return
        for request, probabilities in zip(requests, found, strict=True):
            request.found.set_result(probabilities)


class VadStream:
    """The detecting of one stream."""

    def __init__(self, batches: VadBatches, detector: VoiceActivityDetector) -> None:
        self._batches = batches
        self._detector = detector

    async def probabilities(self, frames: Sequence[Pcm]) -> list[float]:
        """Return the probability of speech of each frame (``VAD_FRAME`` samples): 0 … 1."""
        found: list[float] = []
        for start in range(0, len(frames), _FRAMES_PER_STEP):
            if start:
                await asyncio.sleep(0)
            found += await self._batches.probabilities(self._detector, frames[start : start + _FRAMES_PER_STEP])
        return found


def _in_rounds(engine: BatchVadEngine, requests: Sequence[_Request]) -> list[list[float]]:
    """Compute the first frame of each stream, then the second of those that have one, and so on."""
    found: list[list[float]] = [[] for _ in requests]
    for number in range(max((len(request.frames) for request in requests), default=0)):
        chosen = [at for at, request in enumerate(requests) if number < len(request.frames)]
        probabilities = engine.probabilities(
            [requests[at].detector for at in chosen], [requests[at].frames[number] for at in chosen]
        )
        for at, probability in zip(chosen, probabilities, strict=True):
            found[at].append(probability)
    return found
