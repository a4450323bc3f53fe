"""Recognisers behind the Wyoming protocol (faster-whisper, vosk, whisper.cpp, …): they hear while it is spoken."""

import asyncio
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from posewire.voice.asr.base import Channel, Transcript
from posewire.voice.protocols.wyoming import Event, WyomingConnection, WyomingServer
from posewire.voice.providers import ProviderContext
from posewire.voice.vad.base import SAMPLE_RATE

_FORMAT = {"rate": SAMPLE_RATE, "width": 2, "channels": 1}
_MAX_PIECES = 2000
"""Pieces that wait for the server: a minute of frames; what comes then is not heard."""


@dataclass(frozen=True)
class WyomingAsrOptions(WyomingServer):
    """Section ``[voice.providers.asr.wyoming]``."""

    model: str = ""
    language: str = ""


def make(context: ProviderContext) -> "WyomingRecognizer":
    """Make the provider from its options."""
    return WyomingRecognizer(context.options(WyomingAsrOptions))


class WyomingRecognizer:
    """A ``SpeechRecognizer``; a connection for each utterance."""

    def __init__(self, options: WyomingAsrOptions) -> None:
        self._options = options
        self.name = f"{options.model or 'wyoming'} at {options.uri}"

    def prepare(self) -> None:
        """Nothing takes long to start."""

    def utterance(self, _: Channel) -> "WyomingUtterance":
        """Begin an utterance."""
        return WyomingUtterance(self._options)

    async def close(self) -> None:
        """Nothing is open between utterances."""


class WyomingUtterance:
    """One utterance, sent while it is spoken; an ``Utterance``."""

    def __init__(self, options: WyomingAsrOptions) -> None:
        self.partial = ""
        """What a streaming server has made of it so far."""

        self._options = options
        self._audio: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._work = asyncio.create_task(self._recognise())
        # A failure is raised by finish(); after a cancel nobody asks for it.
        self._work.add_done_callback(lambda task: task.cancelled() or task.exception())

    def feed(self, pcm: NDArray[np.int16]) -> None:
        """Take 16 kHz mono samples; returns at once."""
        if self._audio.qsize() < _MAX_PIECES:
            self._audio.put_nowait(pcm.astype("<i2", copy=False).tobytes())

    async def finish(self) -> Transcript:
        """Wait for the transcript.

        Raises:
            ProviderError: the server failed.
        """
        self._audio.put_nowait(None)
        text = " ".join((await self._work).split())
        return Transcript(text, accepted=bool(text))

    def cancel(self) -> None:
        """Break off."""
        self._work.cancel()

    async def _recognise(self) -> str:
        wanted: dict[str, Any] = {"name": self._options.model, "language": self._options.language}
        async with self._options.connect() as server:
            await server.write(Event("transcribe", {name: value for name, value in wanted.items() if value}))
            hearing = asyncio.create_task(self._hear(server))
            try:
                await server.write(Event("audio-start", _FORMAT))
                while (piece := await self._audio.get()) is not None:
                    await server.write(Event("audio-chunk", _FORMAT, piece))
                await server.write(Event("audio-stop"))
                return await hearing
            finally:
                hearing.cancel()
                await asyncio.gather(hearing, return_exceptions=True)

    async def _hear(self, server: WyomingConnection) -> str:
        while (event := await server.read()).type != "transcript":
            if event.type == "transcript-chunk":
                self.partial += str(event.data.get("text", ""))
        return str(event.data.get("text", ""))
