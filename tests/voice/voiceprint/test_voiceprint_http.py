"""Voiceprints from a server, over real HTTP."""

from collections.abc import AsyncIterator

import numpy as np
import pytest

from posewire.bench.standins import HttpStandIn
from posewire.errors import ProviderError
from posewire.sound.pcm import SAMPLE_RATE
from posewire.sound.wav import wav_bytes
from posewire.voice.voiceprint.http import HttpVoiceprint, HttpVoiceprintOptions
from support.recordings import silence


async def test_a_server_of_ones_own_makes_the_vectors() -> None:
    replies = [b'{"embedding": [3, 4]}', b'{"embedding": "x"}', b'{"embedding": [[1]]}', b"no", b'{"embedding": [NaN]}']

    async def body(text: bytes) -> AsyncIterator[bytes]:
        yield text

    async with HttpStandIn(
        lambda request: (200, "application/json", body(replies[len(server.requests) - 1]))
    ) as server:
        engine = HttpVoiceprint(HttpVoiceprintOptions(server.base_url))
        vector = await engine.embed(silence(1))
        assert vector is not None
        assert server.requests[0].body == wav_bytes(silence(1), SAMPLE_RATE)
        assert engine.score(vector, np.array([6, 8], np.float32)) == pytest.approx(1)
        assert engine.score(vector, np.array([-4, 3], np.float32)) == pytest.approx(0)
        for _ in replies[1:]:
            with pytest.raises(ProviderError, match="voiceprint server"):
                await engine.embed(silence(1))
        await engine.close()
    away = HttpVoiceprint(HttpVoiceprintOptions("http://127.0.0.1:9/"))
    with pytest.raises(ProviderError, match="cannot be reached"):
        await away.embed(silence(1))
    await away.close()
