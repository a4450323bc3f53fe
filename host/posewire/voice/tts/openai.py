"""Any voice behind an OpenAI-compatible ``/audio/speech``, heard while it is being made."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from posewire.errors import ProviderError
from posewire.voice.protocols.openai_http import Endpoint, OpenAiServer
from posewire.voice.providers import ProviderContext
from posewire.voice.tts.base import Speech

_MAX_HEADER = 4096
_NO_SAMPLES = ("audio/mpeg", "audio/ogg", "audio/flac", "audio/aac", "application/json", "text/html")


@dataclass(frozen=True)
class SpeechOptions(Endpoint):
    """Section ``[voice.providers.tts.openai]``."""

    model: str = "tts-1"
    voice: str = "alloy"
    format: Literal["pcm", "wav"] = "pcm"
    """The form of sound that the server can stream."""

    rate: int = 24_000
    """Samples per second of ``pcm``; a ``wav`` says it itself."""

    speed: float = 1.0


def make(context: ProviderContext) -> "OpenAiSpeech":
    """Make the provider from its options."""
    return OpenAiSpeech(context.options(SpeechOptions))


class OpenAiSpeech:
    """A ``SpeechSynthesizer``.

    Raises:
        ConfigError: the key is not where the options say.
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
        """Speak one sentence, in the pieces in which the server sends it.

        Raises:
            ProviderError: the server cannot be reached, refused, broke off, or sent something else than samples.
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
                        start, rate = wav_start(rest)
                        if not start:
                            continue
                        rest = rest[start:]
                    begun = True
                whole = len(rest) & ~1
                if whole:
                    yield Speech(np.frombuffer(rest[:whole], "<i2").astype(np.int16), rate)
                    rest = rest[whole:]

    async def close(self) -> None:
        """Close the connections."""
        await self._server.close()


def wav_start(data: bytes) -> tuple[int, int]:
    """Return where the samples of a WAV file begin, and their rate; (0, 0) while its header is not complete.

    Raises:
        ProviderError: not mono 16-bit, or a header without end.
    """
    position, rate = 12, 0
    while position + 8 <= len(data):
        kind, size = data[position : position + 4], int.from_bytes(data[position + 4 : position + 8], "little")
        body = position + 8
        if kind == b"data" and rate:
            return body, rate
        if kind == b"fmt ":
            if len(data) < body + 16:
                return 0, 0
            if data[body : body + 4] != b"\x01\x00\x01\x00" or data[body + 14 : body + 16] != b"\x10\x00":
                raise ProviderError("the voice's server sends a WAV that is not mono with 16 bits")
            rate = int.from_bytes(data[body + 4 : body + 8], "little")
        position = body + size + size % 2
    if len(data) > _MAX_HEADER or position > _MAX_HEADER:
        raise ProviderError("the voice's server sends a WAV without samples")
    return 0, 0
