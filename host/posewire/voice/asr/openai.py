"""Any recogniser behind an OpenAI-compatible ``/audio/transcriptions``: a cloud's, or a whisper server of one's own."""

import json
from dataclasses import dataclass

import aiohttp
import numpy as np
from numpy.typing import NDArray

from posewire.errors import ProviderError
from posewire.voice.asr.base import Channel
from posewire.voice.asr.buffered import WholeUtterance, as_wav
from posewire.voice.protocols.openai_http import Endpoint, OpenAiServer, complaint_of
from posewire.voice.providers import ProviderContext


@dataclass(frozen=True)
class TranscriptionOptions(Endpoint):
    """Section ``[voice.providers.asr.openai]``."""

    model: str = "whisper-1"
    language: str = ""
    """ISO 639-1 code; empty: the server finds out."""

    prompt: str = ""
    """Words to expect: names, jargon."""


def make(context: ProviderContext) -> "OpenAiTranscription":
    """Make the provider from its options."""
    return OpenAiTranscription(context.options(TranscriptionOptions))


class OpenAiTranscription:
    """A ``SpeechRecognizer``.

    Raises:
        ConfigError: the key is not where the options say.
    """

    def __init__(self, options: TranscriptionOptions) -> None:
        self._server = OpenAiServer(options)
        wanted = {"model": options.model, "language": options.language, "prompt": options.prompt}
        self._fields = {"response_format": "json"} | {name: value for name, value in wanted.items() if value}
        self.name = f"{options.model} at {options.base_url}"

    def prepare(self) -> None:
        """Nothing takes long to start."""

    def utterance(self, _: Channel) -> WholeUtterance:
        """Begin an utterance."""
        return WholeUtterance(self._recognise)

    async def close(self) -> None:
        """Close the connections."""
        await self._server.close()

    async def _recognise(self, pcm: NDArray[np.int16]) -> str:
        speech = as_wav(pcm)

        def form() -> aiohttp.FormData:
            data = aiohttp.FormData(self._fields)
            data.add_field("file", speech, filename="speech.wav", content_type="audio/wav")
            return data

        async with self._server.post("/audio/transcriptions", form=form) as response:
            body = await response.read()
        try:
            data = json.loads(body)
            text = data["text"]
        except (ValueError, KeyError, TypeError):
            raise ProviderError(f"{self.name} sent no transcript: {body[:100]!r}") from None
        if (complaint := complaint_of(data)) or not isinstance(text, str):
            raise ProviderError(f"{self.name} failed: {complaint}")
        return text
