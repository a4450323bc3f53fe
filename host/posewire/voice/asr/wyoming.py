"""Recognisers behind the Wyoming protocol (faster-whisper, vosk, whisper.cpp, …): fed while somebody speaks."""

import asyncio
from dataclasses import dataclass
from typing import Any

from posewire.sound.pcm import SAMPLE_RATE, Pcm
from posewire.voice.asr.base import AcousticProfile, Transcript
from posewire.voice.protocols.wyoming import Event, WyomingConnection, WyomingServer
from posewire.voice.providers import ProviderContext
from posewire.wire.json_shape import as_text

_FORMAT = {"rate": SAMPLE_RATE, "width": 2, "channels": 1}
_MAX_CHUNKS = 2000
"""Chunks that wait for the server: a minute of frames; later ones are ignored."""


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
        """Do nothing: each utterance opens its own connection."""

    def utterance(self, _: AcousticProfile) -> "WyomingUtterance":
        """Begin an utterance."""
        return WyomingUtterance(self._options)

    async def close(self) -> None:
        """Do nothing: no connection is open between utterances."""


class WyomingUtterance:
    """One utterance, sent while it is spoken; an ``Utterance``."""

    def __init__(self, options: WyomingAsrOptions) -> None:
        self.partial = ""
        """The words that a streaming server has sent so far."""

        self._options = options
        self._audio: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._task = asyncio.create_task(self._recognise())
        # A failure is raised by finish(); after a cancel nobody asks for it.
        self._task.add_done_callback(lambda task: task.cancelled() or task.exception())

    def feed(self, pcm: Pcm) -> None:
        """Add 16 kHz mono samples; returns at once."""
        if self._audio.qsize() < _MAX_CHUNKS:
            self._audio.put_nowait(pcm.astype("<i2", copy=False).tobytes())

    async def finish(self) -> Transcript:
        """Wait for the transcript.

        Raises:
            ProviderError: the server failed.
        """
        self._audio.put_nowait(None)
        text = " ".join((await self._task).split())
        return Transcript(text, accepted=bool(text))

    def cancel(self) -> None:
        """Close the connection."""
        self._task.cancel()

    async def _recognise(self) -> str:
        request: dict[str, Any] = {"name": self._options.model, "language": self._options.language}
        async with self._options.connect() as server:
            await server.write(Event("transcribe", {name: value for name, value in request.items() if value}))
            reading = asyncio.create_task(self._read_transcript(server))
            try:
                await server.write(Event("audio-start", _FORMAT))
                while (chunk := await self._audio.get()) is not None:
                    await server.write(Event("audio-chunk", _FORMAT, chunk))
                await server.write(Event("audio-stop"))
                return await reading
            finally:
                reading.cancel()
                await asyncio.gather(reading, return_exceptions=True)

    async def _read_transcript(self, server: WyomingConnection) -> str:
        while (event := await server.read()).type != "transcript":
            if event.type == "transcript-chunk":
                self.partial += as_text(event.data.get("text"))
        return as_text(event.data.get("text"))
