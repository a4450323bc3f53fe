"""The beginning and the end of utterances, from the detector's probabilities."""

from collections import deque
from dataclasses import dataclass

from posewire.sound.pcm import Pcm

FRAME_MS = 32
_START_FRAMES = 3
_PRE_ROLL = 12
_CONTINUE = 0.35
_TAIL = 8
"""Frames of silence after speech that the recogniser hears; longer silence only when speech follows it."""


@dataclass(frozen=True)
class FrameResult:
    """The effect of one frame on the utterance."""

    started: bool = False
    audio: tuple[Pcm, ...] = ()
    """Frames that belong to the utterance, oldest first."""

    ended: bool = False


class Endpointer:
    """Cuts utterances out of a stream of frames (512 samples, 32 ms).

    Speech starts with 3 frames in a row at ``threshold`` or above, and brings the 12 frames before it along; it goes on
    while frames reach 0.35, and ends after ``end_silence_ms`` without one (None: never) or after ``max_s``.
    """

    def __init__(self, threshold: float, end_silence_ms: int | None, max_s: float) -> None:
        self._threshold = threshold
        self._end = None if end_silence_ms is None else max(1, round(end_silence_ms / FRAME_MS))
        self._max = round(max_s * 1000 / FRAME_MS)
        self._before: deque[Pcm] = deque(maxlen=_PRE_ROLL + _START_FRAMES)
        self._held: list[Pcm] = []
        self._rising = 0
        self._silent = 0
        self._length = 0
        self.speaking = False
        self.speech_frames = 0
        """Frames of speech in this utterance, or in the last one."""

    @property
    def silence_ms(self) -> int:
        """Time since the last frame of speech, within an utterance."""
        return self._silent * FRAME_MS

    def push(self, frame: Pcm, probability: float) -> FrameResult:
        """Process a frame of ``VAD_FRAME`` samples, speech with this probability."""
        if not self.speaking:
            return self._wait(frame, probability)
        self._length += 1
        if probability >= _CONTINUE:
            audio = (*self._held, frame)
            self._held.clear()
            self._silent = 0
            self.speech_frames += 1
        else:
            self._silent += 1
            audio = (frame,) if self._silent <= _TAIL else ()
            if not audio:
                self._held.append(frame)
        over = self._length >= self._max or (self._end is not None and self._silent >= self._end)
        if over:
            self._reset()
        return FrameResult(audio=audio, ended=over)

    def _wait(self, frame: Pcm, probability: float) -> FrameResult:
        self._before.append(frame)
        self._rising = self._rising + 1 if probability >= self._threshold else 0
        if self._rising < _START_FRAMES:
            return FrameResult()
        audio = tuple(self._before)
        self._before.clear()
        self.speaking = True
        self.speech_frames = _START_FRAMES
        self._length = len(audio)
        self._silent = 0
        return FrameResult(started=True, audio=audio)

    def _reset(self) -> None:
        self.speaking = False
        self._rising = 0
        self._held.clear()
        self._before.clear()
