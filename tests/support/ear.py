"""The connection's side of a voice session."""

import asyncio

import numpy as np

from posewire.sound.pcm import Pcm
from posewire.voice.output import HeardSound, TurnReport
from posewire.voice.phrase import Sound, samples_of


class Ear:
    """A ``VoiceOut`` that records the events of a voice session, in order."""

    def __init__(self) -> None:
        self.events: list[str] = []
        self.audio: list[Pcm] = []
        self.stages: dict[str, float] = {}
        self.reports: list[TurnReport] = []
        self.line = asyncio.Event()
        """Set: the downlink takes audio. Cleared: it is full."""
        self.line.set()
        self._changed = asyncio.Event()

    def _note(self, event: str) -> None:
        self.events.append(event)
        self._changed.set()

    def keep_heard(self) -> HeardSound | None:
        return None

    def heard(self, text: str) -> None:
        self._note(f"heard {text}")

    def emotion(self, name: str) -> None:
        self._note(f"emotion {name}")

    def still_working(self, silence: float) -> None:
        self._note("working")

    def reply_started(self) -> None:
        self._note("started")

    def sentence(self, text: str) -> None:
        self._note(f"says {text}")

    async def play(self, sound: Sound) -> None:
        pcm = samples_of(sound)
        assert pcm.dtype == np.int16
        self.audio.append(pcm)
        self._note("audio")
        await self.line.wait()

    async def reply_ended(self) -> None:
        await self.line.wait()
        self._note("ended")

    def reply_cancelled(self) -> None:
        self._note("cancelled")

    def speech_started(self) -> None:
        self._note("speech")

    def hearing(self, text: str) -> None:
        self._note(f"hearing {text}")

    def turn(self, report: TurnReport) -> None:
        self.reports.append(report)
        self.stages = dict(report.stages)
        self._changed.set()

    def goodbye(self) -> None:
        self._note("goodbye")

    async def until_reported(self, times: int = 1) -> TurnReport:
        """Wait until so many turns are over; return the last one's report."""
        async with asyncio.timeout(30):
            while len(self.reports) < times:
                self._changed.clear()
                await self._changed.wait()
        return self.reports[-1]

    def clear(self) -> None:
        self.events.clear()
        self.audio.clear()
        self.stages.clear()

    @property
    def story(self) -> list[str]:
        """The events without the audio."""
        return [event for event in self.events if event != "audio"]

    async def until(self, event: str, times: int = 1) -> None:
        """Wait until events that begin with a text have come so many times."""
        async with asyncio.timeout(30):
            while sum(noted.startswith(event) for noted in self.events) < times:
                self._changed.clear()
                await self._changed.wait()
