"""Engines that do as the test has written: probabilities in the samples, transcripts given beforehand."""

import numpy as np

from posewire.sound.pcm import Pcm
from posewire.voice.asr.base import AcousticProfile, Transcript
from posewire.voice.vad.base import VAD_FRAME


def frames_of_probability(*percent: int) -> list[Pcm]:
    """Return frames that ``ScriptedDetector`` finds to be speech with these probabilities."""
    return [np.full(VAD_FRAME, value, np.int16) for value in percent]


def samples_of_probability(*percent: int) -> Pcm:
    """Return the same frames as one piece."""
    return np.concatenate(frames_of_probability(*percent))


class ScriptedDetector:
    """A detector that reads its probabilities from the samples: 100 is 1."""

    def probability(self, frame: Pcm) -> float:
        return float(frame[0]) / 100

    def reset(self) -> None: ...


class ScriptedVad:
    """A ``VadEngine``."""

    name = "scripted"

    def detector(self) -> ScriptedDetector:
        return ScriptedDetector()


class ScriptedUtterance:
    """An ``Utterance`` that keeps its samples; its partial text is their number of frames."""

    def __init__(self, transcript: Transcript) -> None:
        self.heard: list[Pcm] = []
        self.cancelled = False
        self.finished = False
        self._transcript = transcript

    @property
    def partial(self) -> str:
        return f"{sum(map(len, self.heard)) // VAD_FRAME} frames"

    def feed(self, pcm: Pcm) -> None:
        self.heard.append(pcm)

    async def finish(self) -> Transcript:
        self.finished = True
        return self._transcript

    def cancel(self) -> None:
        self.cancelled = True


class ScriptedRecognizer:
    """A ``SpeechRecognizer`` whose utterances all have one transcript."""

    name = "scripted"

    def __init__(self, text: str = "turn on the light", accepted: bool = True) -> None:
        self.transcript = Transcript(text, accepted)
        self.utterances: list[ScriptedUtterance] = []

    def prepare(self) -> None: ...

    def utterance(self, _: AcousticProfile) -> ScriptedUtterance:
        self.utterances.append(ScriptedUtterance(self.transcript))
        return self.utterances[-1]

    async def close(self) -> None: ...
