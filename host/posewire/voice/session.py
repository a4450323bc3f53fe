"""The voice session of one device: listening, turns, interruption."""

import asyncio
import itertools
import logging
from collections.abc import Callable, Coroutine
from contextlib import aclosing
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from posewire.sound.pcm import Pcm
from posewire.task_scope import TaskScope
from posewire.voice.asr.base import AcousticProfile, SpeechRecognizer, Utterance
from posewire.voice.audio_inbox import AudioInbox
from posewire.voice.commands.intents import normal_text
from posewire.voice.conversation import Conversation
from posewire.voice.llm.history import History
from posewire.voice.output import VoiceOut
from posewire.voice.settings import VoiceSettings
from posewire.voice.speech_segmenter import (
    IdleTooLong,
    NothingSaid,
    PartialText,
    SpeechSegmenter,
    SpeechStarted,
    UtteranceEnded,
)
from posewire.voice.turn import Turn, TurnResources, TurnState
from posewire.voice.vad.batches import VadBatches
from posewire.wire.messages import ListenMode

_log = logging.getLogger(__name__)

SIGN_EVERY = 5.0
"""Longest silence towards the device in a turn, in seconds: boards of this project wait for 15 s."""


@dataclass
class VoiceMemory:
    """The part of a voice session that a later one continues with: the dialogue, and the sound of the microphone."""

    history: History | None = None
    """None: nothing was said to a language model."""

    acoustics: AcousticProfile = field(default_factory=AcousticProfile)


class VoiceState(Enum):
    """The activity of a voice session."""

    IDLE = "idle"
    LISTENING = "listening"
    RECOGNISING = "recognising"
    ACTING = "acting"
    SPEAKING = "speaking"


class VoiceSession:
    """Made by ``Assistant.session``; all methods run on the event loop."""

    def __init__(
        self,
        settings: VoiceSettings,
        vad: VadBatches,
        recognizer: SpeechRecognizer,
        resources: TurnResources,
        out: VoiceOut,
        conversation: Conversation,
        memory: VoiceMemory | None = None,
    ) -> None:
        self.memory = memory or VoiceMemory()
        self.dropped = 0
        """Samples dropped because the event loop did not keep up."""

        self._farewell = settings.farewell
        self._out = out
        self._new_turn: Callable[[], Turn] = lambda: Turn(resources, out, conversation)
        self._wake_words = frozenset(map(normal_text, settings.wake_words))
        self._greetings = itertools.cycle(settings.greetings or ("",))
        self._wake_word_wait = settings.wake_word_wait_ms / 1000
        self._maybe_wake_word = ""
        """A text that is not answered yet, because it may be a wake word that the settings do not name."""

        self._segmenter = SpeechSegmenter(settings, vad, recognizer, self.memory.acoustics)
        self._inbox = AudioInbox()
        self._listening: asyncio.Task[None] | None = None
        self._mode: ListenMode = "auto"
        self._turn: Turn | None = None
        self._turn_task: asyncio.Task[None] | None = None
        self._greeting = False
        """The turn is a greeting, which the listening that belongs to its wake word must not stop."""

        self._tasks = TaskScope(_log_failure)

    @property
    def state(self) -> VoiceState:
        """The session's activity; ``SPEAKING`` in realtime mode, where it listens and speaks at the same time."""
        if self._turn is not None and self._turn_runs():
            return VoiceState(self._turn.state.value) if self._turn.state != TurnState.DONE else VoiceState.IDLE
        return VoiceState.LISTENING if self.listens else VoiceState.IDLE

    @property
    def listens(self) -> bool:
        """Whether samples that are fed now are listened to."""
        return self._listening is not None and not self._listening.done()

    @property
    def busy(self) -> bool:
        """Whether a turn runs or the device listens (an open microphone in realtime mode alone is not busy)."""
        state = self.state
        return state != VoiceState.IDLE and not (state == VoiceState.LISTENING and self._mode == "realtime")

    def start(self, mode: ListenMode) -> None:
        """Begin to listen. A turn that still runs is cancelled.

        A greeting is not: a device woken by a word sends the word as text and listens at once. A second start stops the
        greeting, too.
        """
        self._stop_listening()
        word, self._maybe_wake_word = self._maybe_wake_word, ""
        if word and self._turn is not None and not self._turn.begun:
            self._greet(word)
        if self._greeting:
            self._greeting = False
        else:
            self._cancel_turn()
        self._mode = mode
        self._inbox = AudioInbox()
        self._listening = self._tasks.spawn(self._listen(mode, self._inbox))

    def feed(self, pcm: Pcm) -> None:
        """Queue 16 kHz mono samples; returns at once. Call it only while the session ``listens``.

        When 10 s of samples wait, the oldest are dropped.
        """
        self.dropped += self._inbox.put(pcm)

    def stop(self) -> None:
        """End the utterance: everything fed so far belongs to it."""
        if self.listens:
            self._inbox.end()

    def text(self, text: str, may_be_wake_word: bool = False) -> None:
        """Answer a typed text or a wake word. In realtime mode the microphone stays open meanwhile.

        Devices send their wake word as text and listen at once. With ``may_be_wake_word`` a text is not answered for
        ``wake_word_wait_ms``: if the device listens within that time, the text was a wake word, known or not.
        """
        text = text.strip()
        if self._mode != "realtime":
            self._stop_listening()
        turn = self._new_turn()
        if not text:
            self._begin(turn, turn.hear_nothing())
        elif normal_text(text) in self._wake_words:
            self._greet(text)
        elif may_be_wake_word:
            self._begin(turn, turn.read(text, self._wake_word_wait))
            self._maybe_wake_word = text
        else:
            self._begin(turn, turn.read(text))

    def _greet(self, word: str) -> None:
        turn = self._new_turn()
        self._begin(turn, turn.greet(word, next(self._greetings)))
        self._greeting = True

    def announce(self, text: str, emotion: str = "neutral") -> asyncio.Task[None]:
        """Say a text that the user did not ask for. It cancels a running turn: check ``busy`` before.

        The task returned ends when the device was told that the reply is over; an interruption cancels it.
        """
        if self._mode != "realtime":
            self._stop_listening()
        self._cancel_turn()
        turn = self._new_turn()
        return self._begin(turn, turn.announce(text, emotion))

    async def until_idle(self) -> None:
        """Wait until neither a turn runs nor the microphone is open (realtime: until no turn runs)."""
        while self.busy:
            await self._tasks.wait_any()

    def give_way(self) -> None:
        """Stop everything, for somebody else who listens to the device now; it is told only of a reply that ends."""
        self._stop_listening()
        self._cancel_turn()

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
        await self._tasks.join()

    # --- listening

    def _stop_listening(self) -> None:
        if self._listening is not None:
            self._listening.cancel()
            self._listening = None

    async def _listen(self, mode: ListenMode, inbox: AudioInbox) -> None:
        """Start a turn for each utterance, and one that says so when an engine fails: the device listens to a reply."""
        try:
            await self._start_turns(mode, inbox)
        except Exception:
            _log.exception("listening failed")
            turn = self._new_turn()
            self._begin(turn, turn.fail())

    async def _start_turns(self, mode: ListenMode, inbox: AudioInbox) -> None:
        async with aclosing(self._segmenter.events(mode, inbox, self._turn_runs)) as events:
            async for event in events:
                match event:
                    case SpeechStarted():
                        self._out.speech_started()
                        if self.state == VoiceState.SPEAKING and not self._greeting:
                            self._cancel_turn()
                    case PartialText(text):
                        self._out.hearing(text)
                    case UtteranceEnded(utterance, endpoint_ms, speech_frames, stopped):
                        turn = self._new_turn()
                        quiet = mode == "realtime" and not stopped
                        self._begin(turn, turn.hear(utterance, endpoint_ms, speech_frames, quiet), utterance)
                    case NothingSaid():
                        turn = self._new_turn()
                        self._begin(turn, turn.hear_nothing())
                    case IdleTooLong():
                        turn = self._new_turn()
                        self._begin(turn, turn.announce(self._farewell, "sleepy", goodbye=True))

    # --- turns

    def _turn_runs(self) -> bool:
        return self._turn_task is not None and not self._turn_task.done()

    def _begin(
        self, turn: Turn, work: Coroutine[Any, Any, None], utterance: Utterance | None = None
    ) -> asyncio.Task[None]:
        self._cancel_turn()
        self._maybe_wake_word = ""
        self._turn = turn
        self._turn_task = task = self._tasks.spawn(self._run(turn, work))
        # A task that is cancelled before its first step never runs its own cleaning up: so it is done here.
        task.add_done_callback(lambda _: work.close())
        if utterance is not None:
            task.add_done_callback(lambda _: utterance.cancel())
        return task

    async def _run(self, turn: Turn, work: Coroutine[Any, Any, None]) -> None:
        interrupted = True
        signs = self._tasks.spawn(self._send_signs_of_life())
        try:
            try:
                await work
            except Exception:
                _log.exception("a turn failed")
                await turn.fail()
            interrupted = False
        finally:
            signs.cancel()
            if self._turn is turn:
                self._greeting = False
            if turn.state != TurnState.DONE:
                self._out.turn(turn.finish(interrupted))

    async def _send_signs_of_life(self) -> None:
        while True:
            await asyncio.sleep(SIGN_EVERY)
            self._out.still_working(SIGN_EVERY)

    def _cancel_turn(self, always_tell: bool = False) -> None:
        task, self._turn_task = self._turn_task, None
        turn, self._turn = self._turn, None
        self._greeting = False
        if task is None or turn is None or task.done():
            return
        task.cancel()
        if turn.reply_open or always_tell:
            self._out.reply_cancelled()
        # Not left to the task, which ends later: what comes now would count as that turn's.
        self._out.turn(turn.finish(interrupted=True))


def _log_failure(error: BaseException) -> None:
    _log.error("a voice task failed", exc_info=error)
