"""Identification beside recognition."""

import asyncio

from posewire.errors import ProviderError
from posewire.sound.pcm import Pcm
from posewire.voice.asr.base import AcousticProfile
from posewire.voice.voiceprint.identify import IdentifyingRecognizer
from support.recordings import silence
from support.scripted import ScriptedRecognizer


class Ada:
    """A ``VoiceIdentifier`` that knows one person, until it fails."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, int]] = []
        self.broken = False

    async def identify(self, device: str, pcm: Pcm) -> str:
        await asyncio.sleep(0)
        self.heard.append((device, len(pcm)))
        if self.broken:
            raise ProviderError("no engine")
        return "Ada"


async def test_the_person_is_known_when_the_text_is() -> None:
    identifier = Ada()
    recognizer = IdentifyingRecognizer(ScriptedRecognizer("hello"), identifier, "kitchen")
    for broken, person in ((False, "Ada"), (True, "")):
        identifier.broken = broken
        utterance = recognizer.utterance(AcousticProfile())
        for _ in range(20):
            utterance.feed(silence(1))
        assert (await utterance.finish()).text == "hello"
        assert recognizer.person == person
    # Fifteen seconds are enough to know a voice.
    assert identifier.heard == [("kitchen", 15 * 16_000)] * 2


async def test_a_cancelled_utterance_is_not_identified() -> None:
    identifier, scripted = Ada(), ScriptedRecognizer()
    utterance = IdentifyingRecognizer(scripted, identifier, "kitchen").utterance(AcousticProfile())
    utterance.feed(silence(1))
    utterance.cancel()
    assert scripted.utterances[0].cancelled
    assert identifier.heard == []
