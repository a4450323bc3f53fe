"""A session with the host: what the board says and does, and when. All transitions are in one table."""

import json
import time

from micropython import const

from posewire_fw import frames, log, messages
from posewire_fw.frames import FrameReader
from posewire_fw.tools import INTERNAL_ERROR, rpc_error

# States. PUBLIC says what users (and the LED) see of them.
OFFLINE = "offline"  # no connection, or no hello yet
IDLE = "idle"
ARMED = "armed"  # the button is down, the microphone on, the mode of listening not decided yet
LISTENING = "listening"  # auto: the host finds the end of speech
HOLDING = "holding"  # manual: until the button is released
OPEN = "open"  # realtime: the microphone stays open
FINISHING = "finishing"  # the last audio frames go out, then listen stop
WAITING = "waiting"  # for the reply
SPEAKING = "speaking"
OPEN_SPEAKING = "open_speaking"  # realtime: the host speaks, the microphone is open
DRAINING = "draining"  # the reply is complete, its end is still being played
HUSHED = "hushed"  # a reply was interrupted, the button is still down

PUBLIC = {
    ARMED: "listening",
    HOLDING: "listening",
    OPEN: "listening",
    FINISHING: "listening",
    WAITING: "thinking",
    OPEN_SPEAKING: "speaking",
    DRAINING: "speaking",
    HUSHED: "listening",
}

# (state, event): (next state, what is done on the way, in order). An event that is not here changes nothing.
TABLE = {
    (OFFLINE, "hello"): (IDLE, ()),
    (IDLE, "press"): (ARMED, ("mic_start",)),
    (IDLE, "say"): (WAITING, ()),
    (IDLE, "tts_start"): (SPEAKING, ("speaker_begin",)),
    (ARMED, "release"): (LISTENING, ("send_auto",)),
    (ARMED, "release_open"): (OPEN, ("send_realtime",)),
    (ARMED, "hold"): (HOLDING, ("send_manual",)),
    (LISTENING, "press"): (FINISHING, ("mic_finish",)),
    (LISTENING, "stt"): (WAITING, ("mic_drop",)),
    (LISTENING, "tts_start"): (SPEAKING, ("mic_drop", "speaker_begin")),
    (LISTENING, "timeout"): (FINISHING, ("mic_finish",)),
    (HOLDING, "release"): (FINISHING, ("mic_finish",)),
    (HOLDING, "timeout"): (FINISHING, ("mic_finish",)),
    (FINISHING, "flushed"): (WAITING, ("send_stop",)),
    (FINISHING, "stt"): (WAITING, ("mic_drop",)),
    (FINISHING, "tts_start"): (SPEAKING, ("mic_drop", "speaker_begin")),
    (FINISHING, "timeout"): (WAITING, ("mic_drop", "send_stop")),
    (WAITING, "stt"): (WAITING, ()),
    (WAITING, "tts_start"): (SPEAKING, ("speaker_begin",)),
    (WAITING, "tts_stop"): (IDLE, ()),
    (WAITING, "timeout"): (IDLE, ()),
    (WAITING, "press"): (HUSHED, ("send_abort", "mic_start")),
    (SPEAKING, "audio"): (SPEAKING, ()),
    (SPEAKING, "tts_stop"): (DRAINING, ("speaker_finish",)),
    (SPEAKING, "timeout"): (DRAINING, ("speaker_finish",)),
    (SPEAKING, "press"): (HUSHED, ("speaker_silence", "send_abort", "mic_start")),
    (DRAINING, "drained"): (IDLE, ()),
    (DRAINING, "timeout"): (IDLE, ("speaker_silence",)),
    (DRAINING, "tts_start"): (SPEAKING, ("speaker_begin",)),
    (DRAINING, "press"): (HUSHED, ("speaker_silence", "send_abort", "mic_start")),
    (HUSHED, "release"): (IDLE, ("mic_drop",)),
    (HUSHED, "release_open"): (IDLE, ("mic_drop",)),
    (HUSHED, "hold"): (HOLDING, ("send_manual",)),
    (OPEN, "tts_start"): (OPEN_SPEAKING, ("speaker_begin",)),
    (OPEN, "press"): (IDLE, ("mic_drop", "send_stop", "send_abort")),
    (OPEN_SPEAKING, "tts_stop"): (OPEN, ("speaker_finish",)),
    (OPEN_SPEAKING, "press"): (IDLE, ("speaker_silence", "mic_drop", "send_stop", "send_abort")),
}

# How long a state may last before "timeout". Audio that arrives starts the time of SPEAKING anew.
TIMEOUTS = {
    LISTENING: 30000,
    HOLDING: 60000,
    FINISHING: 3000,
    WAITING: 15000,
    SPEAKING: 15000,
    DRAINING: 15000,
}

# Microphone frames go to the host in these states only; in ARMED and HUSHED they wait in the ring.
_SENDING = (LISTENING, HOLDING, FINISHING, OPEN, OPEN_SPEAKING)

HOLD_MS = const(300)
_HELLO_MS = const(10000)
# After an abort the host may still be sending what it had under way: until its tts stop comes (or this time passes)
# it is
# not listened to.
_DEAF_MS = const(1000)
# A server that has not spoken MCP by then may know the older iot messages.
_IOT_MS = const(5000)


class Session:
    """Reacts to the host's messages, the button and time. Owns no I/O: link, mic, speaker and tools are passed in."""

    def __init__(self, config, board, version, link, uplink, mic, ring, speaker, tools, events, reboot):
        self._config = config
        self._board = board
        self._version = version
        self._link = link
        self._uplink = uplink
        self._mic = mic
        self._ring = ring
        self._speaker = speaker
        self._tools = tools
        self._events = events
        self._reboot = reboot
        self._reader = FrameReader()
        self.state = OFFLINE
        self.session_id = None
        self.room_slot = None
        self._since = time.ticks_ms()
        self._limit = 0
        self._pressed = 0
        self._deaf = False
        self._deaf_since = 0
        self._iot_due = False
        self._waiting_hello = False
        self.received_audio = 0
        self.received_pose = 0
        self.received_text = 0
        self.sent_text = 0
        self.transitions = 0
        self.bad_frames = 0
        self.bad_messages = 0
        self.host_features = {}
        self._handlers = {
            "hello": self._on_hello,
            "stt": self._on_stt,
            "tts": self._on_tts,
            "llm": self._on_llm,
            "mcp": self._on_mcp,
            "iot": self._on_iot,
            "room": self._on_room,
            "system": self._on_system,
            "goodbye": self._on_goodbye,
            "error": self._on_error,
        }

    # what user code may call

    def public_state(self):
        return PUBLIC.get(self.state, self.state)

    def handle(self, kind, fn):
        """Call fn(message) for each text message of a type that the session itself does not know."""
        self._handlers[kind] = fn

    def send(self, message):
        """Send a text message; where there is no connection it is lost. Raises ValueError for one that is too long."""
        self._send(message)

    def say(self, text):
        """Text input instead of speech. True when it was sent (the board must be idle)."""
        if self.state != IDLE:
            return False
        self._send(messages.listen_detect(text))
        self.event("say")
        return True

    # connection

    def opened(self):
        """The WebSocket is open: introduce the board."""
        self._uplink.set_protocol(self._config["protocol"])
        self._waiting_hello = True
        self._since = time.ticks_ms()
        self._send(messages.hello(self._config, self._board.name, self._version, self._wants_pose(), self.session_id))

    def lost(self):
        """The connection is gone."""
        was_online = self.state != OFFLINE
        self._mic_drop()
        self._speaker_silence()
        self._uplink.audio_open = False
        self._uplink.pose_open = False
        self._uplink.reset_pose()
        self._waiting_hello = False
        self._deaf = False
        self.room_slot = None
        self._enter(OFFLINE)
        if was_online:
            self._events.emit("disconnected")

    def _wants_pose(self):
        return self._config["protocol"] == 3 and self._uplink.publishes and bool(self._config["pose"]["room"])

    # the table

    def event(self, name):
        """Something happened: do what the table says."""
        entry = TABLE.get((self.state, name))
        if entry is None:
            return
        for action in entry[1]:
            getattr(self, "_" + action)()
        self._enter(entry[0])

    def _enter(self, state):
        self._since = time.ticks_ms()
        if state == self.state:
            return
        log.debug("session", "%s -> %s", self.state, state)
        before = self.public_state()
        self.state = state
        self.transitions += 1
        self._limit = TIMEOUTS.get(state, 0)
        self._uplink.audio_open = state in _SENDING
        if self.public_state() != before:
            self._events.emit("state", self.public_state())

    def tick(self):
        """What time brings; call it every 10 ms or so. Allocates nothing while nothing happens."""
        now = time.ticks_ms()
        age = time.ticks_diff(now, self._since)
        if self._limit and age > self._limit:
            log.warning("session", "time-out while %s", self.state)
            self.event("timeout")
        elif self.state == FINISHING:
            if not self._ring.count:
                self.event("flushed")
        elif self.state == DRAINING:
            if not self._speaker.active():
                self.event("drained")
        elif self.state == ARMED or self.state == HUSHED:
            if time.ticks_diff(now, self._pressed) > HOLD_MS:
                self.event("hold")
        if self._waiting_hello and age > _HELLO_MS:
            self._waiting_hello = False
            log.error("session", "the host did not say hello")
            self._link.close()
        if self._deaf and time.ticks_diff(now, self._deaf_since) > _DEAF_MS:
            self._deaf = False
        if self._iot_due and age > _IOT_MS and self.state == IDLE:
            self._send_iot()

    # the button

    def press(self):
        self._pressed = time.ticks_ms()
        self.event("press")

    def release(self):
        realtime = self._config["listen"]["mode"] == "realtime" and not self._board.half_duplex
        if realtime and self.state in (ARMED, HUSHED):
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

    def _mic_finish(self):
        if self._mic is not None:
            self._mic.finish()

    def _mic_drop(self):
        if self._mic is not None:
            self._mic.stop()
        self._ring.clear()

    def _send_auto(self):
        self._send(messages.listen_start("auto"))

    def _send_manual(self):
        self._send(messages.listen_start("manual"))

    def _send_realtime(self):
        self._send(messages.listen_start("realtime"))

    def _send_stop(self):
        self._send(messages.listen_stop())

    def _send_abort(self):
        self._deaf = True
        self._deaf_since = time.ticks_ms()
        self._send(messages.abort("button"))

    def _speaker_begin(self):
        if self._speaker is not None:
            self._speaker.begin()

    def _speaker_finish(self):
        if self._speaker is not None:
            self._speaker.finish()

    def _speaker_silence(self):
        if self._speaker is not None:
            self._speaker.silence()

    # sending

    def _send(self, message):
        if self.session_id and message["type"] != "hello":
            message["session_id"] = self.session_id
        if self._link.send_text(json.dumps(message)):
            self.sent_text += 1

    # receiving

    def on_binary(self, message, count):
        """A binary message: message[:count] until this returns."""
        reader = self._reader
        if not count:
            return
        if not reader.read(message, count, self._config["protocol"]):
            self.bad_frames += 1
        elif reader.kind == frames.AUDIO:
            self._on_audio(message)
        elif reader.kind == frames.POSE:
            self._on_pose(message)
        elif reader.kind == frames.JSON:
            self._on_json(memoryview(message)[reader.start : count])

    def _on_audio(self, message):
        reader = self._reader
        if reader.slot:
            return  # a room member's voice; this board subscribes to none
        self.received_audio += 1
        if self._speaker is None or self._deaf or not reader.length:
            return
        if self.state == SPEAKING:
            self._since = time.ticks_ms()
        self._speaker.push(message, reader.start, reader.length)

    def _on_pose(self, message):
        reader = self._reader
        self.received_pose += 1
        # This board subscribes to nobody: what comes is a subscriber's control packet, for one of its streams.
        self._uplink.control_pose(message, reader.start, reader.start + reader.length)

    def on_text(self, message, count):
        """A text message: message[:count] until this returns."""
        self._on_json(memoryview(message)[:count])

    def _on_json(self, data):
        self.received_text += 1
        try:
            message = json.loads(bytes(data))
            kind = message["type"]
        except (ValueError, TypeError, KeyError, IndexError, MemoryError):
            self.bad_messages += 1
            log.warning("session", "a message is not a JSON object with a type, or too large")
            return
        handler = self._handlers.get(kind) if isinstance(kind, str) else None
        if handler is None:
            return
        try:
            handler(message)
        except Exception as exc:
            # Whatever the host got wrong, it costs this message and nothing more.
            self.bad_messages += 1
            log.exception("session", "a bad %s message" % kind, exc)

    def _on_hello(self, message):
        if message.get("transport", "websocket") != "websocket":
            raise ValueError("the host chose another transport")
        resumed = bool(message.get("resumed"))
        self.session_id = message.get("session_id")
        params = message.get("audio_params")
        if not isinstance(params, dict):
            params = {}
        features = message.get("features")
        self.host_features = features if isinstance(features, dict) else {}
        pose = bool(self.host_features.get("pose"))
        if self._speaker is not None:
            form = params.get("format", "opus")
            self._speaker.configure(form, params.get("sample_rate", 24000), params.get("frame_duration", 60))
            if not self._speaker.can_play():
                log.error("session", "no sound: the host sends %s, this board plays ima-adpcm and pcm", form)
        self._waiting_hello = False
        log.info("session", "hello from the host, session %s%s", self.session_id, " (resumed)" if resumed else "")
        self._iot_due = True
        self.event("hello")
        self._events.emit("connected", self.session_id)
        if pose and self._wants_pose():
            self._uplink.reset_pose()
            if resumed:
                self._uplink.pose_open = True
            else:
                self._send(messages.room_join(self._config["pose"]["room"]))

    def _on_stt(self, message):
        if self._deaf:
            return
        self._events.emit("stt", message.get("text", ""))
        self.event("stt")

    def _on_tts(self, message):
        state = message.get("state")
        if self._deaf:
            # What was interrupted ends with its tts stop; until then nothing of it counts.
            if state == "stop":
                self._deaf = False
            return
        if state == "start":
            self.event("tts_start")
        elif state == "stop":
            self.event("tts_stop")
        elif state == "sentence_start":
            self._events.emit("sentence", message.get("text", ""))

    def _on_llm(self, message):
        self._events.emit("emotion", message.get("emotion", "neutral"))

    def _on_mcp(self, message):
        self._iot_due = False
        reply = self._tools.handle_rpc(message["payload"])
        if reply is None:
            return
        try:
            self._send(messages.mcp(reply))
        except ValueError as exc:
            # Too long to send: the host should not have to wait for it in vain.
            self._send(messages.mcp(rpc_error(reply["id"], INTERNAL_ERROR, str(exc))))

    def _on_iot(self, message):
        self._iot_due = False
        for command in message.get("commands", ()):
            self._tools.handle_command(command)
        self._send(messages.iot_states(self._tools.states()))

    def _send_iot(self):
        self._iot_due = False
        for descriptor in self._tools.descriptors():
            self._send(messages.iot_descriptors([descriptor]))
        self._send(messages.iot_states(self._tools.states()))

    def _on_room(self, message):
        event = message.get("event")
        if event == "welcome":
            self.room_slot = message.get("slot")
            log.info("session", "in room %s as member %s", message.get("room"), self.room_slot)
            self._uplink.reset_pose()
            self._uplink.pose_open = True

    def _on_system(self, message):
        if message.get("command") == "reboot":
            self._reboot()

    def _on_goodbye(self, message):
        log.info("session", "the host says goodbye: %s", message.get("reason", ""))
        self._link.close()

    def _on_error(self, message):
        log.warning("session", "the host refuses: %s: %s", message.get("code"), message.get("message"))
