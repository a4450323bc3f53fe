"""Voiceprints from your own server: it gets a WAV file and answers with a vector."""

from dataclasses import dataclass
from typing import Annotated

import numpy as np

from posewire.config import begins_with, check_rules, more_than, read_secret
from posewire.errors import ProviderError
from posewire.http_client import HttpClient, HttpError
from posewire.sound.pcm import SAMPLE_RATE, Pcm
from posewire.sound.wav import wav_bytes
from posewire.voice.providers import ProviderContext
from posewire.voice.voiceprint.base import Vector
from posewire.wire.json_text import parse_json

_LEAST = SAMPLE_RATE * 6 // 10
_LONGEST = 15 * SAMPLE_RATE
_MAX_DIMENSIONS = 4096


@dataclass(frozen=True)
class HttpVoiceprintOptions:
    """Section ``[voice.providers.voiceprint.http]``.

    Raises:
        ConfigError: ``url`` is not a valid address.
    """

    url: Annotated[str, begins_with("http://", "https://")]
    """Address for a ``POST`` of ``audio/wav`` (16 kHz, mono, 16 bits); it answers ``{"embedding": [numbers]}``."""

    threshold: float = 0.6
    """Least cosine of two vectors of one voice; it depends on the server's model."""

    timeout_s: Annotated[float, more_than(0, "seconds")] = 5.0
    token_env: str = ""
    token_file: str = ""

    def __post_init__(self) -> None:
        check_rules(self)


def make(context: ProviderContext) -> "HttpVoiceprint":
    """Make the provider from its options."""
    return HttpVoiceprint(context.options(HttpVoiceprintOptions))


class HttpVoiceprint:
    """A ``VoiceprintEngine``.

    Raises:
        ConfigError: the token cannot be read.
    """

    name = "http"

    def __init__(self, options: HttpVoiceprintOptions) -> None:
        token = read_secret("[voice.providers.voiceprint.http]", options.token_file, options.token_env, needed=True)
        self.threshold = options.threshold
        self._url = options.url
        self._client = HttpClient(options.timeout_s, token)

    async def embed(self, pcm: Pcm) -> Vector | None:
        """Ask the server for a vector; return None for less than 0.6 s.

        Raises:
            ProviderError: the server does not answer, or not with a vector.
        """
        if len(pcm) < _LEAST:
            return None
        try:
            speech, kind = wav_bytes(pcm[:_LONGEST], SAMPLE_RATE), {"Content-Type": "audio/wav"}
            async with self._client.request("POST", self._url, repeatable=True, data=speech, headers=kind) as response:
                if not response.ok:
                    raise ProviderError(f"the voiceprint server answers {response.status}")
                body = await response.read()
            with np.errstate(over="ignore"):  # too large a number becomes an infinite one, which is refused below
                vector = np.asarray(parse_json(body)["embedding"], dtype=np.float32)
        except HttpError as error:
            raise ProviderError(f"the voiceprint server {error}") from None
        except (ValueError, TypeError, KeyError):
            raise ProviderError("the voiceprint server's answer has no embedding") from None
        if vector.ndim != 1 or not 0 < len(vector) <= _MAX_DIMENSIONS or not np.isfinite(vector).all():
            raise ProviderError("the voiceprint server's embedding is not a vector")
        return vector

    def score(self, one: Vector, other: Vector) -> float:
        """Return the cosine between the vectors."""
        length = float(np.linalg.norm(one) * np.linalg.norm(other))
        return float(one @ other) / length if length else 0.0

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()
