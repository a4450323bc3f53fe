"""Listens along: each utterance's voice is compared with the enrolled ones, beside its recognition."""

import asyncio
import logging
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from posewire.errors import PosewireError
from posewire.voice.asr.base import Channel, SpeechRecognizer, Transcript, Utterance

_LONGEST = 15 * 16000

_log = logging.getLogger(__name__)


class Identifier(Protocol):
    """Who is speaking, on one device."""

    async def heard(self, device: str, pcm: NDArray[np.int16]) -> str:
        """Take an utterance; return the speaker's name, empty when it is nobody's that is enrolled.

        Raises:
            PosewireError: it cannot be told now.
        """
        ...


class IdentifyingRecognizer:
    """A ``SpeechRecognizer`` of one session around the shared one; ``speaker`` is whoever spoke last."""

    def __init__(self, recognizer: SpeechRecognizer, identifier: Identifier, device: str) -> None:
        self.name = recognizer.name
        self.speaker = ""
        self._recognizer = recognizer
        self._identifier = identifier
        self._device = device

    def prepare(self) -> None:
        """Prepare the shared one."""
        self._recognizer.prepare()

    def utterance(self, channel: Channel) -> "_Identified":
        """Begin an utterance; on the event loop."""
        return _Identified(self, self._recognizer.utterance(channel))

    async def identify(self, pcm: NDArray[np.int16]) -> None:
        """Find out whose voice it is; what fails leaves nobody."""
        try:
            self.speaker = await self._identifier.heard(self._device, pcm)
        except PosewireError as exc:
            self.speaker = ""
            _log.warning("%s: not told who speaks: %s", self._device, exc)

    async def close(self) -> None:
        """The shared one is closed by its owner."""


class _Identified:
    """An ``Utterance``; its sound is kept until its end and no longer."""

    def __init__(self, owner: IdentifyingRecognizer, utterance: Utterance) -> None:
        self._owner = owner
        self._utterance = utterance
        self._heard: list[NDArray[np.int16]] = []
        self._size = 0

    @property
    def partial(self) -> str:
        return self._utterance.partial

    def feed(self, pcm: NDArray[np.int16]) -> None:
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
