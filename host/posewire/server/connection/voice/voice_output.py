"""The output of a voice session, as messages and audio frames of a connection."""

import math
import time
from collections.abc import Callable

from posewire.log import EventLog
from posewire.server.connection.voice.downlink import AudioDownlink
from posewire.voice.emotions import EMOJI
from posewire.voice.output import HeardSound, TurnReport
from posewire.voice.phrase import Sound
from posewire.wire.messages import Message


class ConnectionVoiceOut:
    """The ``VoiceOut`` of one connection."""

    def __init__(
        self,
        send: Callable[[Message], None],
        downlink: AudioDownlink,
        log: EventLog,
        conversation_over: Callable[[], None],
        turn_over: Callable[[TurnReport], None],
        keep_heard: Callable[[], HeardSound | None] = lambda: None,
    ) -> None:
        self._device = send
        self._last_sent = -math.inf
        self._emotion = "neutral"
        self._waiting_shown = False
        """The device shows that it has to wait, in place of the reply's emotion."""

        self._downlink = downlink
        self._log = log
        self._conversation_over = conversation_over
        self._turn_over = turn_over
        self.keep_heard = keep_heard

    def hearing(self, text: str) -> None:
        """Log the words that an engine recognises before the end of the speech."""
        self._log.debug("hearing", text=text)

    def heard(self, text: str) -> None:
        """Send the device the text that was recognised."""
        self._log.info("heard", text=text)
        self._send({"type": "stt", "text": text})

    def emotion(self, name: str) -> None:
        """Send the device the face that it is to show."""
        self._emotion, self._waiting_shown = name, False
        self._send({"type": "llm", "emotion": name, "text": EMOJI.get(name, EMOJI["neutral"])})

    def still_working(self, silence: float) -> None:
        """Show the device a thinking face, unless it was sent something lately; stock devices take that any time."""
        if time.monotonic() - max(self._last_sent, self._downlink.last_sent) >= silence:
            emotion = self._emotion
            self.emotion("thinking")
            self._emotion, self._waiting_shown = emotion, True

    def reply_started(self) -> None:
        """Tell the device that audio will follow (``tts start``)."""
        self._send({"type": "tts", "state": "start"})

    def sentence(self, text: str) -> None:
        """Send the text of the audio that follows."""
        self._log.info("says", text=text)
        if self._waiting_shown:
            self.emotion(self._emotion)
        self._send({"type": "tts", "state": "sentence_start", "text": text})

    async def play(self, sound: Sound) -> None:
        """Queue 16 kHz mono samples, or a phrase, for the device; waits while the downlink is full."""
        await self._downlink.play(sound)

    async def reply_ended(self) -> None:
        """Wait until all audio has been sent, then tell the device that the reply is over."""
        await self._downlink.finish()
        self._send({"type": "tts", "state": "stop"})

    def reply_cancelled(self) -> None:
        """Drop what has not been sent and tell the device at once."""
        self._downlink.cancel()
        self._send({"type": "tts", "state": "stop"})

    def speech_started(self) -> None:
        """Log the onset of speech."""
        self._log.debug("speech_started")

    def turn(self, report: TurnReport) -> None:
        """Log how the turn ended and how long each stage took; over the budget it is a warning."""
        times = {f"{stage}_ms": round(took, 1) for stage, took in report.stages.items()}
        log = self._log.warning if report.over_budget else self._log.info
        log("turn", outcome=report.outcome, slow=report.over_budget, **times)
        self._emotion, self._waiting_shown = "neutral", False
        self._turn_over(report)

    def goodbye(self) -> None:
        """End the conversation: some devices listen again after every reply, unless their connection is closed."""
        self._log.info("conversation_over")
        self._conversation_over()

    def _send(self, message: Message) -> None:
        self._last_sent = time.monotonic()
        self._device(message)
