"""Recognisers behind an OpenAI-compatible ``/audio/transcriptions``: a cloud, or a whisper server of your own."""

from dataclasses import dataclass

import aiohttp

from posewire.errors import ProviderError
from posewire.sound.pcm import SAMPLE_RATE, Pcm
from posewire.sound.wav import wav_bytes
from posewire.voice.asr.base import AcousticProfile
from posewire.voice.asr.buffered import BufferedUtterance
from posewire.voice.protocols.openai_http import OpenAiOptions, OpenAiServer, error_message
from posewire.voice.providers import ProviderContext
from posewire.wire.json_text import parse_json


@dataclass(frozen=True)
class TranscriptionOptions(OpenAiOptions):
    """Section ``[voice.providers.asr.openai]``."""

    model: str = "whisper-1"
    language: str = ""
    """ISO 639-1 code; empty: the server detects it."""

    prompt: str = ""
    """Words to expect: names, jargon."""


def make(context: ProviderContext) -> "OpenAiTranscription":
    """Make the provider from its options."""
    return OpenAiTranscription(context.options(TranscriptionOptions))


class OpenAiTranscription:
    """A ``SpeechRecognizer``.

    Raises:
        ConfigError: the key cannot be read.
    """

    def __init__(self, options: TranscriptionOptions) -> None:
        self._server = OpenAiServer(options)
        options_sent = {"model": options.model, "language": options.language, "prompt": options.prompt}
        self._fields = {"response_format": "json"} | {name: value for name, value in options_sent.items() if value}
        self.name = f"{options.model} at {options.base_url}"

    def prepare(self) -> None:
        """Do nothing: the first request opens the connection."""

    def utterance(self, _: AcousticProfile) -> BufferedUtterance:
        """Begin an utterance."""
        return BufferedUtterance(self._recognise)

    async def close(self) -> None:
        """Close the connections."""
        await self._server.close()

    async def _recognise(self, pcm: Pcm) -> str:
        speech = wav_bytes(pcm, SAMPLE_RATE)

        def form() -> aiohttp.FormData:
            data = aiohttp.FormData(self._fields)
            data.add_field("file", speech, filename="speech.wav", content_type="audio/wav")
            return data

        async with self._server.post("/audio/transcriptions", form=form) as response:
            body = await response.read()
        try:
            data = parse_json(body)
        except ValueError:
            data = None
        if isinstance(data, dict):
            if complaint := error_message(data):
                raise ProviderError(f"{self.name} failed: {complaint}")
            if isinstance(text := data.get("text"), str):
                return text
        raise ProviderError(f"{self.name} sent no transcript: {body[:100]!r}")
