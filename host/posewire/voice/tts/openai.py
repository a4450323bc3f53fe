"""Voices behind an OpenAI-compatible ``/audio/speech``, played while they are made."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from posewire.errors import ProviderError
from posewire.sound.wav import WavHeader, wav_header
from posewire.voice.protocols.openai_http import OpenAiOptions, OpenAiServer
from posewire.voice.providers import ProviderContext
from posewire.voice.tts.base import Speech

_MAX_HEADER = 4096
_NO_SAMPLES = ("audio/mpeg", "audio/ogg", "audio/flac", "audio/aac", "application/json", "text/html")


@dataclass(frozen=True)
class SpeechOptions(OpenAiOptions):
    """Section ``[voice.providers.tts.openai]``."""

    model: str = "tts-1"
    voice: str = "alloy"
    format: Literal["pcm", "wav"] = "pcm"
    """The format that the server can stream."""

    rate: int = 24_000
    """Samples per second of ``pcm``; a ``wav`` has its own rate in the header."""

    speed: float = 1.0


def make(context: ProviderContext) -> "OpenAiSpeech":
    """Make the provider from its options."""
    return OpenAiSpeech(context.options(SpeechOptions))


class OpenAiSpeech:
    """A ``SpeechSynthesizer``.

    Raises:
        ConfigError: the key cannot be read.
    """

    def __init__(self, options: SpeechOptions) -> None:
        self._server = OpenAiServer(options)
        self._options = options
        self._fixed = {
            "model": options.model,
            "voice": options.voice,
            "response_format": options.format,
            "speed": options.speed,
        }
        self.name = f"{options.model} ({options.voice}) at {options.base_url}"

    async def speak(self, text: str) -> AsyncIterator[Speech]:
        """Yield the audio of one sentence, in the pieces in which the server sends it.

        Raises:
            ProviderError: the server cannot be reached, refused, broke off, or sent no samples.
        """
        async with self._server.post("/audio/speech", json={**self._fixed, "input": text}) as response:
            if response.content_type in _NO_SAMPLES:
                raise ProviderError(
                    f"{self.name} sends {response.content_type}: it must know the response_format pcm or wav"
                )
            rate, rest, begun = self._options.rate, b"", False
            while data := await response.piece():
                rest += data
                if not begun:
                    if len(rest) < 4:
                        continue
                    if rest[:4] == b"RIFF":
                        header = _header(rest)
                        if header is None:
                            continue
                        rest, rate = rest[header.start :], header.rate
                    begun = True
                whole = len(rest) & ~1
                if whole:
                    yield Speech(np.frombuffer(rest[:whole], "<i2").astype(np.int16), rate)
                    rest = rest[whole:]

    async def close(self) -> None:
        """Close the connections."""
        await self._server.close()


def _header(data: bytes) -> WavHeader | None:
    try:
        return wav_header(data, _MAX_HEADER)
    except ValueError as exc:
        raise ProviderError(f"the voice's server sends a WAV file that cannot be played: {exc}") from None
