"""Recognition of utterances whose sound is kept elsewhere, too."""

from collections.abc import Callable

from posewire.sound.pcm import Pcm
from posewire.voice.asr.base import AcousticProfile, SpeechRecognizer, Transcript, Utterance
from posewire.voice.output import HeardSound


class KeepingRecognizer:
    """A ``SpeechRecognizer`` of one voice session around the shared one.

    ``keep``: as ``VoiceOut.keep_heard``.
    """

    def __init__(self, recognizer: SpeechRecognizer, keep: Callable[[], HeardSound | None]) -> None:
        self.name = recognizer.name
        self._recognizer = recognizer
        self._keep = keep

    def prepare(self) -> None:
        """Prepare the shared recogniser."""
        self._recognizer.prepare()

    def utterance(self, acoustics: AcousticProfile) -> Utterance:
        """Begin an utterance; call it on the event loop."""
        utterance, sound = self._recognizer.utterance(acoustics), self._keep()
        return utterance if sound is None else _KeptUtterance(utterance, sound)

    async def close(self) -> None:
        """Do nothing: the owner of the shared recogniser closes it."""


class _KeptUtterance:
    """An ``Utterance`` that gives its samples to a ``HeardSound``, too."""

    def __init__(self, utterance: Utterance, sound: HeardSound) -> None:
        self._utterance = utterance
        self._sound = sound

    @property
    def partial(self) -> str:
        return self._utterance.partial

    def feed(self, pcm: Pcm) -> None:
        self._utterance.feed(pcm)
        self._sound.add(pcm)

    async def finish(self) -> Transcript:
        self._sound.end()
        return await self._utterance.finish()

    def cancel(self) -> None:
        self._sound.drop()
        self._utterance.cancel()
