"""A reply of Home Assistant, as it comes: its audio becomes what the device plays."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import numpy as np

from posewire.sound.pcm import SAMPLE_RATE, SPEECH_RATES, Pcm
from posewire.sound.resampling import Resampler
from posewire.task_scope import TaskScope
from posewire.voice.output import VoiceOut
from posewire.voice.protocols.wyoming import Event


class SatelliteReply:
    """The reply that is open, if there is one. Its parts run as tasks of their own, which ``cancel`` ends."""

    def __init__(self, out: VoiceOut) -> None:
        self.open = False
        """Whether the device waits for the end of a reply."""

        self._out = out
        self._channels = 1
        self._resampler: Resampler[np.int16] | None = None
        """None: no audio comes, or none that can be played."""

        self._rest = b""
        self._playing: asyncio.Task[None] | None = None
        self._tasks = TaskScope()

    def begin(self) -> None:
        """Begin the reply, unless it has begun."""
        if not self.open:
            self.open = True
            self._out.reply_started()

    def audio_start(self, event: Event) -> str:
        """Begin the audio of a reply; return why it cannot be played, or an empty text."""
        rate, width, channels = (event.data.get(name) for name in ("rate", "width", "channels"))
        self._resampler, self._rest = None, b""
        if not (isinstance(rate, int) and rate in SPEECH_RATES and width == 2 and channels in (1, 2)):
            return f"audio must have 16 bits and one or two channels: {rate=}, {width=}, {channels=}"
        self._resampler = Resampler(rate, SAMPLE_RATE, np.int16)
        self._channels = int(channels)
        return ""

    async def audio_chunk(self, event: Event) -> bool:
        """Play a chunk, and wait while the device has enough; return whether there was something to play."""
        if self._resampler is None or not self.open:
            return False
        size = 2 * self._channels
        data = self._rest + event.payload
        whole = len(data) - len(data) % size
        self._rest = data[whole:]
        samples = np.frombuffer(data[:whole], "<i2").astype(np.int16)
        if self._channels == 2:
            samples = samples.reshape(-1, 2).mean(axis=1).astype(np.int16)
        if len(samples):
            await self._apart(self._out.play(self._resampler.push(samples)))
        return bool(len(samples))

    async def audio_stop(self) -> bool:
        """Wait until all has been heard; return whether it was, and not cancelled before."""
        resampler, self._resampler = self._resampler, None
        if not self.open:
            return False
        return await self._apart(self._end(resampler.flush() if resampler is not None else None))

    async def play_all(self, sound: Pcm) -> bool:
        """Play a sound as a reply of its own; return whether it was heard."""
        self.begin()
        return await self._apart(self._end(sound))

    async def end(self) -> bool:
        """End the reply with what it has so far; return whether it was not cancelled before."""
        return await self._apart(self._end(None))

    def cancel(self) -> bool:
        """End the reply at once; return whether one was open, and so the device was told."""
        if self._playing is not None:
            self._playing.cancel()
        told, self.open = self.open, False
        if told:
            self._out.reply_cancelled()
        return told

    async def close(self) -> None:
        """Stop, without telling the device."""
        await self._tasks.close()

    async def _end(self, rest: Pcm | None) -> None:
        if rest is not None and len(rest):
            await self._out.play(rest)
        await self._out.reply_ended()
        self.open = False

    async def _apart(self, work: Coroutine[Any, Any, None]) -> bool:
        self._playing = task = self._tasks.spawn(work)
        try:
            await asyncio.wait({task})
        finally:
            task.cancel()
        return not task.cancelled() and task.exception() is None
