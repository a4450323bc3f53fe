"""Identification beside recognition: each utterance's voice is compared with those of the enrolled people."""

import asyncio
import logging
from typing import Protocol

import numpy as np

from posewire.errors import PosewireError
from posewire.sound.pcm import SAMPLE_RATE, Pcm
from posewire.voice.asr.base import AcousticProfile, SpeechRecognizer, Transcript, Utterance

_LONGEST = 15 * SAMPLE_RATE

_log = logging.getLogger(__name__)


class VoiceIdentifier(Protocol):
    """Names the enrolled person whose voice an utterance is."""

    async def identify(self, device: str, pcm: Pcm) -> str:
        """Return the name of the enrolled person who spoke an utterance on a device; empty for anybody else.

        Raises:
            PosewireError: no answer is possible now.
        """
        ...


class IdentifyingRecognizer:
    """A ``SpeechRecognizer`` of one voice session around the shared one, which also identifies the voice."""

    def __init__(self, recognizer: SpeechRecognizer, identifier: VoiceIdentifier, device: str) -> None:
        self.name = recognizer.name
        self.person = ""
        """Name of the enrolled person who spoke last; empty: anybody else."""

        self._recognizer = recognizer
        self._identifier = identifier
        self._device = device

    def prepare(self) -> None:
        """Prepare the shared recogniser."""
        self._recognizer.prepare()

    def utterance(self, acoustics: AcousticProfile) -> "_IdentifiedUtterance":
        """Begin an utterance; call it on the event loop."""
        return _IdentifiedUtterance(self, self._recognizer.utterance(acoustics))

    async def identify(self, pcm: Pcm) -> None:
        """Set ``person`` from the voice in an utterance; empty when that fails."""
        try:
            self.person = await self._identifier.identify(self._device, pcm)
        except PosewireError as exc:
            self.person = ""
            _log.warning("%s: the voice was not identified: %s", self._device, exc)

    async def close(self) -> None:
        """Do nothing: the owner of the shared recogniser closes it."""


class _IdentifiedUtterance:
    """An ``Utterance`` that keeps its samples until its end, and no longer."""

    def __init__(self, owner: IdentifyingRecognizer, utterance: Utterance) -> None:
        self._owner = owner
        self._utterance = utterance
        self._heard: list[Pcm] = []
        self._size = 0

    @property
    def partial(self) -> str:
        return self._utterance.partial

    def feed(self, pcm: Pcm) -> None:
        self._utterance.feed(pcm)
        if self._size < _LONGEST:
            self._heard.append(pcm)
            self._size += len(pcm)

    async def finish(self) -> Transcript:
        pcm = np.concatenate(self._heard) if self._heard else np.empty(0, np.int16)
        self._heard.clear()
        transcript, _ = await asyncio.gather(self._utterance.finish(), self._owner.identify(pcm))
        return transcript

    def cancel(self) -> None:
        self._heard.clear()
        self._utterance.cancel()
