"""The voice of one connection: listening, turns, interruption."""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Coroutine
from enum import Enum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from posewire.voice.asr import SpeechRecognizer, Utterance
from posewire.voice.endpoint import Endpointer, frames_of
from posewire.voice.settings import VoiceSettings
from posewire.voice.tools import DeviceTools
from posewire.voice.turn import Dialogue, Kit, Turn, TurnState, VoiceOut
from posewire.voice.vad import SAMPLE_RATE, VAD_FRAME, VadEngine
from posewire.wire.messages import ListenMode

_log = logging.getLogger(__name__)

_MAX_QUEUED = 10 * SAMPLE_RATE
_BREATH = 8
"""Frames between two looks of the event loop at others' business, when much audio comes at once."""


class SessionState(Enum):
    """What a session is doing."""

    IDLE = "idle"
    LISTENING = "listening"
    RECOGNISING = "recognising"
    ACTING = "acting"
    SPEAKING = "speaking"


class VoiceSession:
    """Made by ``Assistant.session``; all methods on the event loop."""

    def __init__(
        self,
        settings: VoiceSettings,
        vad: VadEngine,
        recognizer: SpeechRecognizer,
        kit: Kit,
        out: VoiceOut,
        tools: DeviceTools,
        device_name: str,
    ) -> None:
        self.dropped = 0
        """Samples dropped because the event loop did not keep up."""

        self._settings = settings
        self._vad = vad
        self._recognizer = recognizer
        self._out = out
        self._new_turn: Callable[[], Turn] = lambda: Turn(kit, out, tools, dialogue, device_name)
        dialogue = Dialogue()
        self._inbox = _Inbox()
        self._listening: asyncio.Task[None] | None = None
        self._mode: ListenMode = "auto"
        self._turn: Turn | None = None
        self._turn_task: asyncio.Task[None] | None = None
        self._turn_is_typed = False
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def state(self) -> SessionState:
        """What the session is doing; in realtime mode it listens while it speaks, and says ``SPEAKING``."""
        if self._turn is not None and self._turn_task is not None and not self._turn_task.done():
            return SessionState(self._turn.state.value) if self._turn.state != TurnState.DONE else SessionState.IDLE
        return SessionState.LISTENING if self._listens() else SessionState.IDLE

    def start(self, mode: ListenMode) -> None:
        """Begin to listen. A spoken turn that still runs is cancelled; the reply to a typed text is not.

        (A device woken by a word sends the word as text and listens at once: its greeting must go on.)
        """
        self._stop_listening()
        if not self._turn_is_typed:
            self._cancel_turn()
        self._mode = mode
        self._inbox = _Inbox()
        self._listening = self._spawn(self._listen(mode, self._inbox))

    def feed(self, pcm: NDArray[np.int16]) -> None:
        """Take 16 kHz mono samples; returns at once.

        Ignored while not listening; when 10 s wait to be looked at, the oldest are dropped.
        """
        if self._listens():
            self.dropped += self._inbox.put(pcm)

    def stop(self) -> None:
        """End the utterance: everything fed so far belongs to it."""
        if self._listens():
            self._inbox.end()

    def text(self, text: str) -> None:
        """Answer a typed text or a wake word. In realtime mode the microphone stays open meanwhile."""
        text = text.strip()
        if self._mode != "realtime":
            self._stop_listening()
        self._cancel_turn()
        if text:
            turn = self._new_turn()
            self._begin(turn, turn.read(text), typed=True)

    def announce(self, text: str, emotion: str = "neutral") -> asyncio.Task[None]:
        """Say something that the user did not ask for; what runs is cancelled, so look at ``state`` before.

        The task returned ends when the device was told that it is over; it is cancelled when it was interrupted.
        """
        if self._mode != "realtime":
            self._stop_listening()
        self._cancel_turn()
        turn = self._new_turn()
        self._begin(turn, turn.announce(text, emotion), typed=True)
        assert self._turn_task is not None
        return self._turn_task

    async def until_idle(self) -> None:
        """Wait until neither a turn runs nor the microphone is open (realtime: until no turn runs)."""
        while self.busy:
            await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)

    @property
    def busy(self) -> bool:
        """Whether a turn runs, or the device listens (an open microphone in realtime mode alone is not busy)."""
        state = self.state
        return state != SessionState.IDLE and not (state == SessionState.LISTENING and self._mode == "realtime")

    def abort(self) -> None:
        """Stop everything now."""
        self._stop_listening()
        self._cancel_turn(always_tell=True)

    async def close(self) -> None:
        """Stop everything and wait until nothing of this session runs any more."""
        self._stop_listening()
        if self._turn_task is not None:
            # The connection is gone: there is nobody to tell.
            self._turn_task.cancel()
        while self._tasks:
            await asyncio.wait(self._tasks)

    # --- listening

    def _listens(self) -> bool:
        return self._listening is not None and not self._listening.done()

    def _stop_listening(self) -> None:
        if self._listening is not None:
            self._listening.cancel()
            self._listening = None

    async def _listen(self, mode: ListenMode, inbox: "_Inbox") -> None:
        """Cut the stream into utterances and start a turn for each; only realtime mode has more than one."""
        settings = self._settings
        endpointer = Endpointer(
            self._vad.detector(),
            settings.vad_threshold,
            None if mode == "manual" else settings.end_silence_ms,
            settings.max_utterance_s,
        )
        utterance: Utterance | None = None
        left: NDArray[np.int16] = np.empty(0, np.int16)
        realtime = mode == "realtime"
        try:
            while (pcm := await inbox.get()) is not None:
                frames, left = frames_of(left, pcm)
                for number, frame in enumerate(frames):
                    step = endpointer.push(frame)
                    if step.started:
                        utterance = self._recognizer.utterance()
                        self._speech_started()
                    if utterance is not None:
                        for part in step.audio:
                            utterance.feed(part)
                        if step.ended:
                            heard, utterance = utterance, None
                            self._heard(heard, endpointer, endpointer.silence_ms, quiet=realtime)
                            if not realtime:
                                return
                    if number % _BREATH == _BREATH - 1:
                        await asyncio.sleep(0)
            if len(left):
                step = endpointer.push(np.pad(left, (0, VAD_FRAME - len(left))))
                if utterance is not None:
                    for part in step.audio:
                        utterance.feed(part)
            if utterance is None:
                turn = self._new_turn()
                self._begin(turn, turn.hear_nothing())
            else:
                heard, utterance = utterance, None
                self._heard(heard, endpointer, inbox.since_end_ms(), quiet=False)
        finally:
            if utterance is not None:
                utterance.cancel()

    def _speech_started(self) -> None:
        self._out.speech_started()
        if self.state == SessionState.SPEAKING and not self._turn_is_typed:
            self._cancel_turn()

    def _heard(self, utterance: Utterance, endpointer: Endpointer, endpoint_ms: float, quiet: bool) -> None:
        self._cancel_turn()
        self._out.stage("endpoint", endpoint_ms)
        turn = self._new_turn()
        self._begin(turn, turn.hear(utterance, endpointer.speech_frames, quiet), utterance=utterance)

    # --- turns

    def _begin(
        self, turn: Turn, work: Coroutine[Any, Any, None], typed: bool = False, utterance: Utterance | None = None
    ) -> None:
        self._cancel_turn()
        self._turn = turn
        self._turn_is_typed = typed
        self._turn_task = self._spawn(self._run(turn, work))
        # A task that is cancelled before its first step never gets to its own cleaning up: so it is done here.
        self._turn_task.add_done_callback(lambda _: work.close())
        if utterance is not None:
            self._turn_task.add_done_callback(lambda _: utterance.cancel())

    async def _run(self, turn: Turn, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except Exception:
            _log.exception("a turn failed")
            await turn.fail()
        finally:
            if self._turn is turn:
                self._turn_is_typed = False

    def _cancel_turn(self, always_tell: bool = False) -> None:
        task, self._turn_task = self._turn_task, None
        turn, self._turn = self._turn, None
        self._turn_is_typed = False
        if task is None or turn is None or task.done():
            return
        task.cancel()
        if turn.reply_open or always_tell:
            self._out.reply_cancelled()

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._forget)
        return task

    def _forget(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("a voice task failed", exc_info=error)


class _Inbox:
    """Audio on its way from the connection to the endpointer: bounded, then an end."""

    def __init__(self) -> None:
        self._chunks: deque[NDArray[np.int16]] = deque()
        self._size = 0
        self._ended = 0.0
        self._wake = asyncio.Event()

    def put(self, pcm: NDArray[np.int16]) -> int:
        """Take samples; returns how many older ones were dropped for them."""
        dropped = 0
        if self._ended:
            return 0
        self._chunks.append(pcm)
        self._size += len(pcm)
        while self._size > _MAX_QUEUED and len(self._chunks) > 1:
            oldest = self._chunks.popleft()
            self._size -= len(oldest)
            dropped += len(oldest)
        self._wake.set()
        return dropped

    def end(self) -> None:
        if not self._ended:
            self._ended = time.monotonic()
            self._wake.set()

    def since_end_ms(self) -> float:
        return (time.monotonic() - self._ended) * 1000

    async def get(self) -> NDArray[np.int16] | None:
        """Return the next chunk, or None after the end."""
        while not self._chunks:
            if self._ended:
                return None
            self._wake.clear()
            await self._wake.wait()
        chunk = self._chunks.popleft()
        self._size -= len(chunk)
        return chunk
