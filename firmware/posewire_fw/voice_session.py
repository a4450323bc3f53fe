"""A session of a board that hears or speaks: turns of listening and speaking. All transitions are in one table."""

import time

from micropython import const

from posewire_fw import log
from posewire_fw.session import IDLE, Session

# States besides those of every session. PUBLIC says what users (and the LED) see of them.
_WATCHING = const("watching")  # the microphone is on, and the board itself waits for a voice; nothing is sent
_ARMED = const("armed")  # the button is down, the microphone on, the mode of listening not decided yet
_LISTENING = const("listening")  # auto: the host finds the end of speech
_HOLDING = const("holding")  # manual: until the button is released
_OPEN = const("open")  # realtime: the microphone stays open, the host decides what is meant for it
_FINISHING = const("finishing")  # the last audio frames go out, then listen stop
_WAITING = const("waiting")  # for the reply
_SPEAKING = const("speaking")
_OPEN_SPEAKING = const("open_speaking")  # realtime: the host speaks, the microphone is open
_DRAINING = const("draining")  # the reply is complete, its end is still being played
_INTERRUPTED = const("interrupted")  # a reply was interrupted, the button is still down
_FAULT = const("fault")  # microphone or speaker did not do what was asked; for a while, to be seen

PUBLIC = {
    _WATCHING: "idle",
    _ARMED: "listening",
    _HOLDING: "listening",
    _OPEN: "listening",
    _FINISHING: "listening",
    _WAITING: "thinking",
    _OPEN_SPEAKING: "speaking",
    _DRAINING: "speaking",
    _INTERRUPTED: "listening",
    _FAULT: "trouble",
}

# One transition a line: state, event, next state, and what is done on the way, in order. An event that is not here
# changes nothing. Where an action fails, those after it are not done, and the next state is fault. It is text because a
# dict of tuples takes several times the memory.
TABLE = """
offline hello idle
idle press armed mic_start
idle say waiting
idle tts_start speaking speaker_begin
idle watch watching mic_start
idle open open mic_start send_realtime
watching press armed
watching voice listening send_auto
watching voice_open open send_realtime
watching say waiting mic_drop
watching tts_start speaking mic_drop speaker_begin
armed release listening send_auto
armed release_open open send_realtime
armed hold holding send_manual
armed tts_start speaking mic_drop speaker_begin
listening press finishing mic_finish
listening stt waiting mic_drop
listening tts_start speaking mic_drop speaker_begin
listening timeout finishing mic_finish
holding release finishing mic_finish
holding timeout finishing mic_finish
finishing flushed waiting send_stop
finishing stt waiting mic_drop
finishing tts_start speaking mic_drop speaker_begin
finishing timeout waiting mic_drop send_stop
waiting stt waiting
waiting tts_start speaking speaker_begin
waiting tts_stop idle
waiting timeout idle
waiting press interrupted send_abort mic_start
speaking tts_stop draining speaker_finish
speaking timeout draining speaker_finish
speaking press interrupted speaker_silence send_abort mic_start
draining drained idle
draining timeout idle speaker_silence
draining tts_start speaking speaker_begin
draining press interrupted speaker_silence send_abort mic_start
interrupted release idle mic_drop
interrupted release_open idle mic_drop
interrupted hold holding send_manual
open say open
open tts_start open_speaking speaker_begin
open tts_turn speaking mic_drop speaker_begin
open press idle mic_drop send_stop send_abort
open_speaking tts_stop open speaker_finish
open_speaking timeout open speaker_finish
open_speaking press idle speaker_silence mic_drop send_stop send_abort
listening failed fault mic_drop
holding failed fault mic_drop
finishing failed fault mic_drop
waiting failed fault
watching mic_lost fault mic_drop
armed mic_lost fault mic_drop
listening mic_lost fault mic_drop send_stop
holding mic_lost fault mic_drop send_stop
interrupted mic_lost fault mic_drop
open mic_lost fault mic_drop send_stop
open_speaking mic_lost speaking mic_drop send_stop
speaking speaker_lost fault speaker_silence send_abort
draining speaker_lost fault speaker_silence
open_speaking speaker_lost open speaker_silence send_abort
fault press armed mic_start
fault say waiting
fault tts_start speaking speaker_begin
fault timeout idle
"""

# How long a state may last before "timeout". Audio that arrives starts the time of a state of speaking anew.
TIMEOUTS = {
    _LISTENING: 30000,
    _HOLDING: 60000,
    _FINISHING: 3000,
    _WAITING: 15000,
    _SPEAKING: 15000,
    _OPEN_SPEAKING: 15000,
    _DRAINING: 15000,
    _FAULT: 3000,
}

# Microphone frames go to the host in these states only; in watching, armed and interrupted they wait in the ring.
_SENDING = (_LISTENING, _HOLDING, _FINISHING, _OPEN, _OPEN_SPEAKING)

HOLD_MS = const(300)
# After an abort the host may still be sending what it had under way: until its tts stop comes (or this time passes)
# it is not listened to.
_IGNORE_MS = const(1000)
# Errors with which the host says that no reply comes, unless it is trying again.
_NO_REPLY = ("upstream", "not_available", "forbidden", "internal")
# What was heard just before the voice was noticed goes along: so many frames.
_BEFORE_VOICE = const(5)


def transition(state, event):
    """The entry of the table: [next state, action …], None for nothing."""
    start = TABLE.find("\n%s %s " % (state, event))
    if start < 0:
        return None
    return TABLE[start + 1 : TABLE.find("\n", start + 1)].split(" ")[2:]


class VoiceSession(Session):
    """Adds microphone, speaker (None for none) and the button. ring: the frames of the microphone."""

    def __init__(self, config, board, version, link, uplink, tools, events, reboot, mic, ring, speaker):
        self._mic = mic
        self._ring = ring
        self._speaker = speaker
        self._limit = 0
        self._pressed = 0
        # After an abort: what the host still says of the reply that was interrupted.
        self._ignoring_reply = False
        self._ignoring_since = 0
        # What the host has been told of microphone and speaker, in this connection.
        self._told = {}
        super().__init__(config, board, version, link, uplink, tools, events, reboot)
        self._handlers["stt"] = self._on_stt
        self._handlers["tts"] = self._on_tts
        self._handlers["llm"] = self._on_llm

    def public_state(self):
        """The state as users see it."""
        if self.state == _OPEN and self._config["listen"]["start"] == "host":
            return IDLE  # nobody has been spoken to yet
        return PUBLIC.get(self.state, self.state)

    def say(self, text):
        """Text input, or a wake word, instead of speech. True when it was sent (the board must be idle)."""
        if transition(self.state, "say") is None:
            return False
        self._send({"type": "listen", "state": "detect", "text": text})
        self.event("say")
        return True

    def lost(self):
        """The connection is gone."""
        self._mic_drop()
        self._speaker_silence()
        self._ignoring_reply = False
        self._told.clear()
        super().lost()

    # the table

    def event(self, name):
        """Something happened: do what the table says."""
        found = transition(self.state, name)
        if found is None:
            return
        state = found[0]
        for action in found[1:]:
            if getattr(self, "_" + action)() is False:
                state = _FAULT
                break
        self._enter(state)
        # A press that ended something is not followed by listening: that is how to make the board stop listening.
        if self.state == IDLE and name != "press":
            self._rest()

    def _rest(self):
        """Idle: listen in the way that the settings say a turn begins with."""
        start = self._config["listen"]["start"]
        if start == "voice":
            self.event("watch")
        elif start == "host":
            self.event("open")

    def _realtime(self):
        return self._config["listen"]["mode"] == "realtime" and not self._board.half_duplex

    def _begin(self):
        self.event("hello")

    def _enter(self, state):
        self._limit = TIMEOUTS.get(state, 0)
        self._uplink.audio_open = state in _SENDING
        super()._enter(state)

    def tick(self):
        """Do what is due by now; call it every 10 ms or so. Allocates nothing while nothing happens."""
        now = time.ticks_ms()
        age = time.ticks_diff(now, self._since)
        if self._limit and age > self._limit:
            log.warning("session", "time-out while %s", self.state)
            self.event("timeout")
        elif self.state == _FINISHING:
            if not self._ring.count:
                self.event("flushed")
        elif self.state == _DRAINING:
            if self._speaker is None or not self._speaker.active():
                self.event("drained")
        elif self.state == _WATCHING:
            self._watch()
        elif self.state == _ARMED or self.state == _INTERRUPTED:
            if time.ticks_diff(now, self._pressed) > HOLD_MS:
                self.event("hold")
        self._check_ports()
        if self._ignoring_reply and time.ticks_diff(now, self._ignoring_since) > _IGNORE_MS:
            self._ignoring_reply = False
        super().tick()

    def _check_ports(self):
        mic = self._mic
        if mic is not None and mic.problem is not None:
            self._tell("microphone", mic)
            self.event("mic_lost")
        speaker = self._speaker
        if speaker is not None and speaker.problem is not None:
            self._tell("speaker", speaker)
            self.event("speaker_lost")

    def _tell(self, code, part):
        """The host hears of a fault once: a part that fails again for the same reason says nothing new."""
        why = part.problem
        part.problem = None
        if self._told.get(code) != why:
            self._told[code] = why
            self._send({"type": "error", "code": code, "message": why})

    def _watch(self):
        while self._ring.count > _BEFORE_VOICE:
            self._ring.release()
        if self._mic is not None and self._mic.voice:
            self.event("voice_open" if self._realtime() else "voice")

    # the button

    def press(self):
        self._pressed = time.ticks_ms()
        self.event("press")

    def release(self):
        if self._realtime() and self.state in (_ARMED, _INTERRUPTED):
            self.event("release_open")
        else:
            self.event("release")

    # actions of the table

    def _mic_start(self):
        self._ring.clear()
        if self._board.half_duplex and self._speaker is not None:
            self._speaker.silence()
        if self._mic is not None:
            self._mic.start()
            self._mic.voice = False
            if self._mic.problem is not None:
                self._tell("microphone", self._mic)
                return False
        return True

    def _mic_finish(self):
        if self._mic is not None:
            self._mic.finish()

    def _mic_drop(self):
        if self._mic is not None:
            self._mic.stop()
        self._ring.clear()

    def _send_auto(self):
        self._send_start("auto")

    def _send_manual(self):
        self._send_start("manual")

    def _send_realtime(self):
        self._send_start("realtime")

    def _send_start(self, mode):
        self._send({"type": "listen", "state": "start", "mode": mode})

    def _send_stop(self):
        self._send({"type": "listen", "state": "stop"})

    def _send_abort(self):
        self._ignoring_reply = True
        self._ignoring_since = time.ticks_ms()
        self._send({"type": "abort", "reason": "button"})

    def _speaker_begin(self):
        if self._speaker is not None:
            self._speaker.begin()

    def _speaker_finish(self):
        if self._speaker is not None:
            self._speaker.finish()

    def _speaker_silence(self):
        if self._speaker is not None:
            self._speaker.silence()

    def _on_audio(self, message):
        reader = self._reader
        if self._speaker is None or self._ignoring_reply or not reader.length:
            return
        if self.state == _SPEAKING or self.state == _OPEN_SPEAKING:
            self._since = time.ticks_ms()
        self._speaker.push(message, reader.start, reader.length)

    def _greeted(self, message):
        if self._speaker is None:
            return
        params = message.get("audio_params")
        if not isinstance(params, dict):
            params = {}
        form = params.get("format", "opus")
        self._speaker.configure(form, params.get("sample_rate", 24000), params.get("frame_duration", 60))
        if not self._speaker.can_play():
            log.error(
                "session",
                "no sound: the server speaks %s, this board plays ima-adpcm and pcm; a Posewire host as bridge helps",
                form,
            )

    def _on_stt(self, message):
        if self._ignoring_reply:
            return
        self._events.emit("stt", message.get("text", ""))
        self.event("stt")

    def _on_tts(self, message):
        state = message.get("state")
        if self._ignoring_reply:
            # What was interrupted ends with its tts stop; until then nothing of it counts.
            if state == "stop":
                self._ignoring_reply = False
            return
        if state == "start":
            # Where microphone and speaker share a port, an open microphone must give way.
            self.event("tts_turn" if self.state == _OPEN and self._board.half_duplex else "tts_start")
        elif state == "stop":
            self.event("tts_stop")
        elif state == "sentence_start":
            self._events.emit("sentence", message.get("text", ""))

    def _on_mcp(self, message):
        super()._on_mcp(message)
        self._goes_on()

    def _on_error(self, message):
        super()._on_error(message)
        if message.get("code") in _NO_REPLY and message.get("final") is not False:
            self.event("failed")

    def _goes_on(self):
        """The host is still at this turn: the time of waiting begins anew."""
        if self.state in (_WAITING, _SPEAKING, _OPEN_SPEAKING):
            self._since = time.ticks_ms()

    def _on_llm(self, message):
        self._goes_on()
        self._events.emit("emotion", message.get("emotion", "neutral"))
