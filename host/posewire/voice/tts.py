"""What a speech synthesizer is, and which one is taken."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from posewire.errors import ProviderError
from posewire.voice.settings import VoiceSettings


@dataclass(frozen=True)
class Speech:
    """Synthesized audio: mono int16 samples at ``rate`` Hz."""

    samples: NDArray[np.int16]
    rate: int


class SpeechSynthesizer(Protocol):
    """One engine; shared by all sessions."""

    name: str

    async def synthesize(self, text: str) -> Speech:
        """Speak one sentence. Cancelling stops the engine.

        Raises:
            ProviderError: the engine failed.
        """
        ...

    async def close(self) -> None:
        """Stop what still runs."""
        ...


def find_synthesizer(settings: VoiceSettings) -> SpeechSynthesizer | None:
    """Make the engine that the settings name. ``auto``: the first that is there, None when there is none.

    Raises:
        ProviderError: the engine named is not there; the message says what to install.
    """
    # Imported here, so that an engine that is not used costs nothing.
    from posewire.voice.tts_espeak import EspeakProgram
    from posewire.voice.tts_espeak_lib import EspeakLibrary
    from posewire.voice.tts_flite import FliteProgram

    engines: dict[str, Callable[[str, float], SpeechSynthesizer]] = {
        "flite": FliteProgram,
        "espeak-ng": EspeakProgram,
        "espeak-lib": EspeakLibrary,
    }
    if settings.tts == "none":
        return None
    if settings.tts != "auto":
        return engines[settings.tts](settings.tts_voice, settings.tts_rate)
    for make in engines.values():
        try:
            return make(settings.tts_voice, settings.tts_rate)
        except ProviderError:
            continue
    return None
