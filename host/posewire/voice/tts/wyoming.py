"""Voices behind the Wyoming protocol (piper and others), played while they are made."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from posewire.errors import ProviderError
from posewire.voice.protocols.wyoming import Event, WyomingServer
from posewire.voice.providers import ProviderContext
from posewire.voice.tts.base import Speech


@dataclass(frozen=True)
class WyomingTtsOptions(WyomingServer):
    """Section ``[voice.providers.tts.wyoming]``."""

    voice: str = ""
    """Name of the voice on the server; empty: its default."""

    speaker: str = ""
    """Wyoming's name for one of several people in a voice; empty: the first."""

    language: str = ""


def make(context: ProviderContext) -> "WyomingSynthesizer":
    """Make the provider from its options."""
    return WyomingSynthesizer(context.options(WyomingTtsOptions))


class WyomingSynthesizer:
    """A ``SpeechSynthesizer``; a connection for each sentence."""

    def __init__(self, options: WyomingTtsOptions) -> None:
        self._options = options
        self.name = f"{options.voice or 'wyoming'} at {options.uri}"

    async def speak(self, text: str) -> AsyncIterator[Speech]:
        """Yield the audio of one sentence, in the pieces in which the server sends it.

        Raises:
            ProviderError: the server cannot be reached, failed, broke off, or sends no mono 16-bit samples.
        """
        options = self._options
        voice = {"name": options.voice, "speaker": options.speaker, "language": options.language}
        voice = {name: value for name, value in voice.items() if value}
        request: dict[str, Any] = {"text": text} | ({"voice": voice} if voice else {})
        async with options.connect() as server:
            await server.write(Event("synthesize", request))
            rest = b""
            while (event := await server.read()).type != "audio-stop":
                if event.type != "audio-chunk":
                    continue
                rate, width, channels = (event.data.get(name) for name in ("rate", "width", "channels"))
                if (width, channels) != (2, 1) or not isinstance(rate, int):
                    raise ProviderError(f"{options.uri} must send mono 16-bit samples")
                rest += event.payload
                whole = len(rest) & ~1
                if whole:
                    yield Speech(np.frombuffer(rest[:whole], "<i2").astype(np.int16), rate)
                    rest = rest[whole:]

    async def close(self) -> None:
        """Do nothing: no connection is open between sentences."""
