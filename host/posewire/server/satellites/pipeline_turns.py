"""The turns of a device that Home Assistant's pipeline has: what it says about one becomes what the device is told."""

import asyncio
import time
from collections.abc import Callable

from posewire.log import EventLog
from posewire.server.satellites.link import SatelliteLink
from posewire.server.satellites.reply import SatelliteReply
from posewire.server.satellites.timers import SatelliteTimers, beeps
from posewire.server.satellites.turn_clock import TurnClock
from posewire.sound.pcm import SAMPLE_RATE, Pcm
from posewire.task_scope import TaskScope
from posewire.voice.output import HeardSound, Outcome, TurnReport, VoiceOut
from posewire.voice.protocols.wyoming import Event
from posewire.voice.session import SIGN_EVERY, VoiceSession, VoiceState
from posewire.wire.json_shape import as_text
from posewire.wire.messages import ListenMode

_FORMAT = {"rate": SAMPLE_RATE, "width": 2, "channels": 1}
_RUN = {"start_stage": "asr", "end_stage": "tts", "restart_on_end": False}
_NOTHING_HEARD = "stt-no-text-recognized"
"""Home Assistant's code for an utterance in which it heard no words."""

_ANSWER_WITHIN = 60.0
"""Seconds that a turn waits for Home Assistant to go on."""

_LONGEST_LISTENING = 60.0
"""Seconds after which an utterance is over, if neither the user nor Home Assistant has ended it."""

_PAUSES: dict[Outcome, float] = {"answered": 0.0, "nothing heard": 1.0}
_LONG_PAUSE = 10.0
"""Seconds before an open microphone is listened to again, by the outcome of the turn before."""

_TEXT_MAX = 1000

_OWED_FOR = 15.0
"""Seconds within which the answer to a turn that was interrupted may still come: Home Assistant goes on with it."""

_ANSWERS = frozenset({"transcript", "synthesize", "audio-start", "audio-chunk", "audio-stop", "error"})
_LAST = frozenset({"audio-stop", "error"})
"""Events that are the answer to a turn, and those with which it ends."""


class PipelineTurns:
    """At most one turn at a time, from the device's speech to the end of the answer; all methods run on the event loop.

    ``own``: returns the device's session with the host's own pipeline, which gives way to what Home Assistant says;
    None where the host has none. ``again``: is called when an open microphone is to be listened to once more.
    """

    def __init__(
        self, out: VoiceOut, own: Callable[[], VoiceSession | None], again: Callable[[], None], log: EventLog
    ) -> None:
        self._out = out
        self._own = own
        self._again = again
        self._log = log
        self._link: SatelliteLink | None = None
        self._reply = SatelliteReply(out)
        self._timers = SatelliteTimers()
        self._clock = TurnClock()
        self._heard: HeardSound | None = None
        self._wake_word = ""
        self._awaiting = False
        """Home Assistant owes the end of an answer."""

        self._ignoring_until = 0.0
        self._tasks = TaskScope()
        self._over = asyncio.Event()
        self.state = VoiceState.IDLE
        self.mode: ListenMode = "auto"
        """How the device listens: whether the user, silence or nobody ends an utterance."""

        self.dropped = 0
        """Samples that were dropped because Home Assistant was too slow for them."""

    @property
    def connected(self) -> bool:
        """Whether Home Assistant takes the next turn."""
        return self._link is not None

    @property
    def hears(self) -> bool:
        """Whether it listens now."""
        return self.state == VoiceState.LISTENING

    @property
    def busy(self) -> bool:
        """Whether a turn runs."""
        return self.state != VoiceState.IDLE

    def run(self) -> None:
        """Let the pipeline listen: the next turn begins."""
        assert self._link is not None
        self.state = VoiceState.LISTENING
        self._clock.restart()
        self._heard = self._out.keep_heard()
        self._awaiting = True
        word, self._wake_word = self._wake_word, ""
        if word:
            self._link.send(Event("detection", {"name": word, "timestamp": 0}))
        self._link.send(Event("run-pipeline", {**_RUN, **({"wake_word_name": word} if word else {})}))
        self._link.send(Event("audio-start", {**_FORMAT, "timestamp": 0}))
        self._clock.alarm("deadline", _LONGEST_LISTENING, self.stop)

    def feed(self, pcm: Pcm) -> None:
        """Send 16 kHz mono samples of the utterance."""
        if self._link is not None:
            if self._heard is not None:
                self._heard.add(pcm)
            before = self._link.dropped
            self._link.send_audio(Event("audio-chunk", _FORMAT, pcm.astype("<i2", copy=False).tobytes()))
            self.dropped += (self._link.dropped - before) * len(pcm)

    def stop(self) -> None:
        """End the utterance: everything fed so far belongs to it."""
        if self.hears and self._link is not None:
            self._link.send(Event("audio-stop"))
            self._utterance_over()

    def woken(self, word: str) -> None:
        """Note the wake word, which Home Assistant is told when it listens next."""
        self._wake_word = word.strip()[:_TEXT_MAX]

    def fail(self, text: str) -> None:
        """End the turn with a word to the device about what went wrong."""
        self._speak()
        self._out.emotion("sad")
        self._out.sentence(text)
        self._tasks.spawn(self._end("failed"))

    def interrupt(self) -> bool:
        """End the turn that runs here; return whether the device was told of a reply that ends."""
        if self.state == VoiceState.IDLE:
            self._clock.silence()
            return False
        if self.hears and self._link is not None:
            self._link.send(Event("audio-stop"))
        if self._awaiting:
            self._awaiting, self._ignoring_until = False, time.monotonic() + _OWED_FOR
        told = self._reply.cancel()
        self._finish("interrupted")
        return told

    async def until_over(self) -> None:
        """Wait for the end of the turn that runs."""
        self._over.clear()
        await self._over.wait()

    async def close(self) -> None:
        """Stop everything, and wait until nothing runs; the device is not told, for it is gone."""
        if self.hears and self._link is not None:
            self._link.send(Event("audio-stop"))
        self._link = None
        self._drop_heard()
        self._clock.silence()
        await self._reply.close()
        await self._tasks.close()

    # --- Home Assistant

    def connect(self, link: SatelliteLink) -> None:
        """Give the next turns to Home Assistant."""
        self._link = link
        self._awaiting, self._ignoring_until = False, 0.0

    def disconnect(self) -> None:
        """Give the next turns to the own pipeline; a turn that Home Assistant owes an answer ends with a word."""
        self._link = None
        self._timers.clear()
        if self.state != VoiceState.IDLE:
            self.fail("Home Assistant is gone")

    async def take(self, event: Event) -> None:
        """Take an event. It returns when the device has, or soon needs, the audio that came with it."""
        if event.type in _LAST:
            self._awaiting = False
        if event.type in _ANSWERS and time.monotonic() < self._ignoring_until:
            # Events do not say to which turn they belong: until a new utterance is over, to the one before.
            self._ignoring_until = 0.0 if event.type in _LAST else self._ignoring_until
            return
        if self.state in (VoiceState.RECOGNISING, VoiceState.ACTING, VoiceState.SPEAKING):
            self._expect_more()
        match event.type:
            case "voice-started":
                self._out.speech_started()
            case "voice-stopped" if self.hears:
                self._utterance_over()
            case "transcript" if self.state != VoiceState.IDLE:
                self._transcript(_text(event))
            case "synthesize" if self.state != VoiceState.IDLE:
                self._synthesize(_text(event))
            case "audio-start":
                self._audio_start(event)
            case "audio-chunk":
                if await self._reply.audio_chunk(event):
                    self._clock.end("tts", "total")
            case "audio-stop":
                if await self._reply.audio_stop():
                    self._played()
            case "error" if self.state != VoiceState.IDLE:
                self._error(as_text(event.data.get("code"))[:_TEXT_MAX], _text(event))
            case "timer-started":
                self._timers.started(event)
            case "timer-cancelled":
                self._timers.over(event)
            case "timer-finished":
                await self._ring(self._timers.over(event))

    # --- the turn

    def _utterance_over(self) -> None:
        self.state = VoiceState.RECOGNISING
        self._ignoring_until = 0.0
        self._clock.begin("asr", "total")
        self._expect_more()
        self._clock.alarm("sign", SIGN_EVERY, self._give_sign)

    def _transcript(self, text: str) -> None:
        if self.hears:
            self._utterance_over()  # the pipeline has no detection of voice, or said nothing about it
        self._clock.end("asr")
        self._clock.begin("llm")
        self.state = VoiceState.ACTING
        if text:
            if self._heard is not None:
                self._heard.end()
            self._out.heard(text)

    def _synthesize(self, text: str) -> None:
        self._clock.end("llm")
        self._clock.begin("tts")
        self._speak()
        if text:
            self._out.sentence(text)

    def _audio_start(self, event: Event) -> None:
        why_not = self._reply.audio_start(event)
        if why_not:
            self._log.warning("satellite_audio", why=why_not)
        self._awaiting = True
        own = self._own()
        if self.hears:
            self.stop()  # an announcement of Home Assistant, into an open microphone
        elif self.state == VoiceState.IDLE:
            self._clock.restart()
            if own is not None:
                own.give_way()
        self._speak()

    def _played(self) -> None:
        if self._link is not None:
            self._link.send(Event("played"))
        self._finish("answered")

    def _error(self, code: str, text: str) -> None:
        if code != _NOTHING_HEARD:
            self._log.warning("satellite_error", code=code, why=text)
            self.fail(text or code or "Home Assistant failed")
        elif self.mode == "realtime":
            self._finish("nothing heard")
        else:
            self._speak()
            self._tasks.spawn(self._end("nothing heard"))
            if self.mode == "auto":
                self._out.goodbye()  # a stock device listens again after each reply

    async def _end(self, outcome: Outcome) -> None:
        if await self._reply.end():
            self._finish(outcome)

    async def _ring(self, name: str) -> None:
        own = self._own()
        if self.busy or (own is not None and own.busy):
            self._log.info("timer_finished", name=name, rung=False)
            return
        self._clock.restart()
        self._speak()
        self._out.sentence(f"Timer {name}".rstrip())
        if await self._reply.play_all(beeps()):
            self._finish("answered")

    def _speak(self) -> None:
        self._reply.begin()
        self.state = VoiceState.SPEAKING
        self._expect_more()

    def _finish(self, outcome: Outcome) -> None:
        self._clock.silence()
        self._drop_heard()
        self.state = VoiceState.IDLE
        self._over.set()
        self._out.turn(TurnReport(outcome, dict(self._clock.stages)))
        if self.mode == "realtime" and outcome != "interrupted":
            self._clock.alarm("again", _PAUSES.get(outcome, _LONG_PAUSE), self._again)

    def _drop_heard(self) -> None:
        """Forget the sound of an utterance that had no words: an open microphone hears the room all day."""
        if self._heard is not None:
            self._heard.drop()
            self._heard = None

    # --- time

    def _expect_more(self) -> None:
        self._clock.alarm("deadline", _ANSWER_WITHIN, lambda: self.fail("Home Assistant does not answer"))

    def _give_sign(self) -> None:
        """Show the device that it still has to wait: one of this project gives up after 15 s of silence."""
        self._out.still_working(SIGN_EVERY)
        self._clock.alarm("sign", SIGN_EVERY, self._give_sign)


def _text(event: Event) -> str:
    return as_text(event.data.get("text")).strip()[:_TEXT_MAX]
