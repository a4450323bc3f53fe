"""From the samples of one ``listen start`` to utterances, reported as events."""

from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass

from posewire.sound.pcm import SAMPLE_RATE, Framer
from posewire.voice.asr.base import AcousticProfile, SpeechRecognizer, Utterance
from posewire.voice.audio_inbox import AudioInbox
from posewire.voice.settings import VoiceSettings
from posewire.voice.vad.base import VAD_FRAME
from posewire.voice.vad.batches import VadBatches
from posewire.voice.vad.endpoint import Endpointer
from posewire.wire.messages import ListenMode


@dataclass(frozen=True)
class SpeechStarted:
    """An utterance has begun."""


@dataclass(frozen=True)
class PartialText:
    """The recogniser's words so far, in an utterance that goes on; they may change."""

    text: str


@dataclass(frozen=True)
class UtteranceEnded:
    """An utterance is complete. Whoever receives it must finish or cancel it."""

    utterance: Utterance
    endpoint_ms: float
    """From the last speech, or from ``listen stop``, until now."""

    speech_frames: int
    """Frames with speech in them."""

    stopped: bool
    """``listen stop`` ended it, not silence."""


@dataclass(frozen=True)
class NothingSaid:
    """The stream was ended without any speech in it."""


@dataclass(frozen=True)
class IdleTooLong:
    """Nobody has spoken for ``idle_goodbye_s``."""


SpeechEvent = SpeechStarted | PartialText | UtteranceEnded | NothingSaid | IdleTooLong


class SpeechSegmenter:
    """Cuts streams of samples into utterances, with the engines of a voice session."""

    def __init__(
        self, settings: VoiceSettings, vad: VadBatches, recognizer: SpeechRecognizer, acoustics: AcousticProfile
    ) -> None:
        self._settings = settings
        self._vad = vad
        self._recognizer = recognizer
        self._acoustics = acoustics

    async def events(
        self, mode: ListenMode, inbox: AudioInbox, replying: Callable[[], bool]
    ) -> AsyncGenerator[SpeechEvent, None]:
        """Yield the events of a stream. Only realtime mode has more than one utterance.

        ``replying`` tells whether a turn runs: that time does not count as silence.
        """
        settings = self._settings
        detector = self._vad.stream()
        endpointer = Endpointer(
            settings.vad_threshold,
            None if mode == "manual" else settings.end_silence_ms,
            settings.max_utterance_s,
        )
        framer = Framer(VAD_FRAME)
        utterance: Utterance | None = None
        partial = ""
        longest_silence = settings.idle_goodbye_s * SAMPLE_RATE if mode != "manual" else 0
        silent = 0
        try:
            while (pcm := await inbox.get()) is not None:
                frames = framer.push(pcm)
                for frame, probability in zip(frames, await detector.probabilities(frames), strict=True):
                    step = endpointer.push(frame, probability)
                    if step.started:
                        utterance, partial = self._recognizer.utterance(self._acoustics), ""
                        yield SpeechStarted()
                    silent = 0 if utterance is not None or replying() else silent + VAD_FRAME
                    if longest_silence and silent >= longest_silence:
                        yield IdleTooLong()
                        return
                    if utterance is not None:
                        for part in step.audio:
                            utterance.feed(part)
                        if (text := utterance.partial) != partial:
                            partial = text
                            yield PartialText(text)
                        if step.ended:
                            ended, utterance = utterance, None
                            yield UtteranceEnded(ended, endpointer.silence_ms, endpointer.speech_frames, False)
                            if mode != "realtime":
                                return
            frames = framer.flush()
            for frame, probability in zip(frames, await detector.probabilities(frames), strict=True):
                step = endpointer.push(frame, probability)
                if utterance is not None:
                    for part in step.audio:
                        utterance.feed(part)
            if utterance is None:
                yield NothingSaid()
            else:
                ended, utterance = utterance, None
                yield UtteranceEnded(ended, inbox.since_end_ms(), endpointer.speech_frames, True)
        finally:
            if utterance is not None:
                utterance.cancel()
