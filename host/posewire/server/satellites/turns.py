"""The turns of one device that is a satellite: Home Assistant's while it is connected, else the own pipeline's.

Home Assistant runs its pipeline there. What this host itself has to say (timers, announcements) is said by its own
voice, and typed texts have no way to Home Assistant.
"""

import asyncio
from collections.abc import Callable

from posewire.log import EventLog
from posewire.server.satellites.pipeline_turns import PipelineTurns
from posewire.sound.pcm import Pcm
from posewire.voice.output import VoiceOut
from posewire.voice.session import VoiceSession, VoiceState
from posewire.wire.messages import ListenMode


class SatelliteTurns:
    """The ``VoiceTurns`` of a satellite; all methods run on the event loop.

    ``own``: returns the device's session with the host's own pipeline; None where the host has none.
    """

    def __init__(self, out: VoiceOut, own: Callable[[], VoiceSession | None], log: EventLog) -> None:
        self._out = out
        self._own = own
        self.pipeline = PipelineTurns(out, own, self._listen, log)
        """Home Assistant's side."""

    @property
    def available(self) -> bool:
        """Whether somebody takes the turns: Home Assistant, or the own pipeline."""
        return self.pipeline.connected or self._own() is not None

    @property
    def dropped(self) -> int:
        """Samples that were dropped because Home Assistant, or the own session, was too slow for them."""
        own = self._own()
        return self.pipeline.dropped + (own.dropped if own is not None else 0)

    @property
    def state(self) -> VoiceState:
        """The activity."""
        own = self._own()
        return own.state if not self.pipeline.busy and own is not None else self.pipeline.state

    @property
    def listens(self) -> bool:
        """Whether samples that are fed now are listened to."""
        own = self._own()
        return self.pipeline.hears or (own is not None and own.listens)

    @property
    def busy(self) -> bool:
        """Whether a turn runs."""
        own = self._own()
        return self.pipeline.busy or (own is not None and own.busy)

    def start(self, mode: ListenMode) -> None:
        """Begin to listen. What still runs is interrupted."""
        self.pipeline.mode = mode
        own = self._own()
        self.pipeline.interrupt()
        if self.pipeline.connected and own is not None:
            own.give_way()
        self._listen()

    def feed(self, pcm: Pcm) -> None:
        """Queue 16 kHz mono samples for the program that listens."""
        own = self._own()
        if self.pipeline.hears and self.pipeline.connected:
            self.pipeline.feed(pcm)
        elif own is not None and own.listens:
            own.feed(pcm)

    def stop(self) -> None:
        """End the utterance: everything fed so far belongs to it."""
        own = self._own()
        if self.pipeline.hears and self.pipeline.connected:
            self.pipeline.stop()
        elif own is not None:
            own.stop()

    def text(self, text: str, may_be_wake_word: bool = False) -> None:
        """Take a text. The own session answers typed ones, which have no way to Home Assistant.

        A wake word is told to Home Assistant when the device listens.
        """
        own = self._own()
        if may_be_wake_word:
            self.pipeline.woken(text)
        if own is not None:
            own.text(text, may_be_wake_word)
        elif not may_be_wake_word:
            self.pipeline.fail("a typed text needs the host's own voice pipeline")

    def announce(self, text: str, emotion: str = "neutral") -> asyncio.Task[None] | None:
        """Say a text by the host's own voice; None where it has none."""
        own = self._own()
        self.pipeline.interrupt()
        return own.announce(text, emotion) if own is not None else None

    async def until_idle(self) -> None:
        """Wait until no turn runs."""
        while self.busy:
            own = self._own()
            if not self.pipeline.busy and own is not None:
                await own.until_idle()
            else:
                await self.pipeline.until_over()

    def abort(self) -> None:
        """Stop everything now."""
        self.pipeline.mode = "manual"
        own = self._own()
        told = self.pipeline.interrupt()
        if own is not None and own.busy:
            own.abort()
        elif not told:
            self._out.reply_cancelled()

    async def close(self) -> None:
        """Stop everything, and wait until nothing runs; the device is not told, for it is gone."""
        await self.pipeline.close()

    def _listen(self) -> None:
        own = self._own()
        if self.pipeline.connected:
            self.pipeline.run()
        elif own is not None:
            own.start(self.pipeline.mode)
