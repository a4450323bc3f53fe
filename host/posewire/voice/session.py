"""The voice of one connection: listening, turns, interruption."""

import asyncio
import itertools
import logging
import time
from collections import deque
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from posewire.voice.asr.base import Channel, SpeechRecognizer, Utterance
from posewire.voice.commands.intents import normal_text
from posewire.voice.conversation import Conversation
from posewire.voice.llm.history import History
from posewire.voice.output import VoiceOut
from posewire.voice.settings import VoiceSettings
from posewire.voice.turn import Kit, Turn, TurnState
from posewire.voice.vad.base import SAMPLE_RATE, VAD_FRAME, VadEngine
from posewire.voice.vad.endpoint import Endpointer, frames_of
from posewire.wire.messages import ListenMode

_log = logging.getLogger(__name__)

_MAX_QUEUED = 10 * SAMPLE_RATE
_BREATH = 8
"""Frames between two looks of the event loop at others' business, when much audio comes at once."""


@dataclass
class SessionMemory:
    """What a session has learned, for the one that goes on with it: what was said, and how its microphone sounds."""

    history: History | None = None
    """None: nothing was said to a language model."""

    channel: Channel = field(default_factory=Channel)


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
        conversation: Conversation,
        memory: SessionMemory | None = None,
    ) -> None:
        self.memory = memory or SessionMemory()
        self.dropped = 0
        """Samples dropped because the event loop did not keep up."""

        self._settings = settings
        self._vad = vad
        self._recognizer = recognizer
        self._out = out
        self._new_turn: Callable[[], Turn] = lambda: Turn(kit, out, conversation)
        self._wake_words = frozenset(map(normal_text, settings.wake_words))
        self._greetings = itertools.cycle(settings.greetings or ("",))
        self._inbox = _Inbox()
        self._listening: asyncio.Task[None] | None = None
        self._mode: ListenMode = "auto"
        self._turn: Turn | None = None
        self._turn_task: asyncio.Task[None] | None = None
        self._greets = False
        """The turn is a greeting that the listening which belongs to its wake word must not stop."""

        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def state(self) -> SessionState:
        """What the session is doing; in realtime mode it listens while it speaks, and says ``SPEAKING``."""
        if self._turn is not None and self._turn_task is not None and not self._turn_task.done():
            return SessionState(self._turn.state.value) if self._turn.state != TurnState.DONE else SessionState.IDLE
        return SessionState.LISTENING if self.listens else SessionState.IDLE

    @property
    def listens(self) -> bool:
        """Whether it wants to be fed."""
        return self._listening is not None and not self._listening.done()

    def start(self, mode: ListenMode) -> None:
        """Begin to listen. A turn that still runs is cancelled.

        But not a greeting: a device woken by a word sends the word as text and listens at once. Listening once more
        stops that too.
        """
        self._stop_listening()
        if self._greets:
            self._greets = False
        else:
            self._cancel_turn()
        self._mode = mode
        self._inbox = _Inbox()
        self._listening = self._spawn(self._listen(mode, self._inbox))

    def feed(self, pcm: NDArray[np.int16]) -> None:
        """Take 16 kHz mono samples; returns at once.

        Ignored while not listening; when 10 s wait to be looked at, the oldest are dropped.
        """
        if self.listens:
            self.dropped += self._inbox.put(pcm)

    def stop(self) -> None:
        """End the utterance: everything fed so far belongs to it."""
        if self.listens:
            self._inbox.end()

    def text(self, text: str) -> None:
        """Answer a typed text or a wake word. In realtime mode the microphone stays open meanwhile."""
        text = text.strip()
        if self._mode != "realtime":
            self._stop_listening()
        self._cancel_turn()
        if text:
            turn = self._new_turn()
            if normal_text(text) in self._wake_words:
                self._begin(turn, turn.greet(text, next(self._greetings)))
                self._greets = True
            else:
                self._begin(turn, turn.read(text))

    def announce(self, text: str, emotion: str = "neutral") -> asyncio.Task[None]:
        """Say something that the user did not ask for; what runs is cancelled, so look at ``state`` before.

        The task returned ends when the device was told that it is over; it is cancelled when it was interrupted.
        """
        if self._mode != "realtime":
            self._stop_listening()
        self._cancel_turn()
        turn = self._new_turn()
        self._begin(turn, turn.announce(text, emotion))
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
        partial = ""
        left: NDArray[np.int16] = np.empty(0, np.int16)
        realtime = mode == "realtime"
        patience = settings.idle_goodbye_s * SAMPLE_RATE if mode != "manual" else 0
        silent = 0
        try:
            while (pcm := await inbox.get()) is not None:
                frames, left = frames_of(left, pcm)
                for number, frame in enumerate(frames):
                    step = endpointer.push(frame)
                    if step.started:
                        utterance = self._recognizer.utterance(self.memory.channel)
                        partial = ""
                        self._speech_started()
                    silent = 0 if utterance is not None or self._speaks() else silent + VAD_FRAME
                    if patience and silent >= patience:
                        self._begin(turn := self._new_turn(), turn.announce(settings.farewell, "sleepy", goodbye=True))
                        return
                    if utterance is not None:
                        for part in step.audio:
                            utterance.feed(part)
                        if (now := utterance.partial) != partial:
                            self._out.hearing(partial := now)
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
        if self.state == SessionState.SPEAKING and not self._greets:
            self._cancel_turn()

    def _speaks(self) -> bool:
        return self._turn_task is not None and not self._turn_task.done()

    def _heard(self, utterance: Utterance, endpointer: Endpointer, endpoint_ms: float, quiet: bool) -> None:
        self._cancel_turn()
        turn = self._new_turn()
        self._begin(turn, turn.hear(utterance, endpoint_ms, endpointer.speech_frames, quiet), utterance)

    # --- turns

    def _begin(self, turn: Turn, work: Coroutine[Any, Any, None], utterance: Utterance | None = None) -> None:
        self._cancel_turn()
        self._turn = turn
        self._turn_task = self._spawn(self._run(turn, work))
        # A task that is cancelled before its first step never gets to its own cleaning up: so it is done here.
        self._turn_task.add_done_callback(lambda _: work.close())
        if utterance is not None:
            self._turn_task.add_done_callback(lambda _: utterance.cancel())

    async def _run(self, turn: Turn, work: Coroutine[Any, Any, None]) -> None:
        interrupted = True
        try:
            try:
                await work
            except Exception:
                _log.exception("a turn failed")
                await turn.fail()
            interrupted = False
        finally:
            if self._turn is turn:
                self._greets = False
            self._out.turn(turn.finish(interrupted))

    def _cancel_turn(self, always_tell: bool = False) -> None:
        task, self._turn_task = self._turn_task, None
        turn, self._turn = self._turn, None
        self._greets = False
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
