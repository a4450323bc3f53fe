"""A session with the host: what the board says and does, and when. All transitions are in one table."""

import json
import time

from micropython import const

from posewire_fw import frames, log, messages
from posewire_fw.frames import FrameReader
from posewire_fw.link import MESSAGE_MAX
from posewire_fw.tools import INTERNAL_ERROR, rpc_error
from posewire_fw.websocket import GOING_AWAY

# States. PUBLIC says what users (and the LED) see of them.
OFFLINE = "offline"  # no connection, or no hello yet
IDLE = "idle"
WATCHING = "watching"  # the microphone is on, and the board itself waits for a voice; nothing is sent
ARMED = "armed"  # the button is down, the microphone on, the mode of listening not decided yet
LISTENING = "listening"  # auto: the host finds the end of speech
HOLDING = "holding"  # manual: until the button is released
OPEN = "open"  # realtime: the microphone stays open, the host decides what is meant for it
FINISHING = "finishing"  # the last audio frames go out, then listen stop
WAITING = "waiting"  # for the reply
SPEAKING = "speaking"
OPEN_SPEAKING = "open_speaking"  # realtime: the host speaks, the microphone is open
DRAINING = "draining"  # the reply is complete, its end is still being played
HUSHED = "hushed"  # a reply was interrupted, the button is still down

PUBLIC = {
    WATCHING: "idle",
    ARMED: "listening",
    HOLDING: "listening",
    OPEN: "listening",
    FINISHING: "listening",
    WAITING: "thinking",
    OPEN_SPEAKING: "speaking",
    DRAINING: "speaking",
    HUSHED: "listening",
}

# One transition a line: state, event, next state, and what is done on the way, in order. An event that is not here
# changes nothing. It is text because a dict of tuples takes several times the memory.
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
waiting press hushed send_abort mic_start
speaking tts_stop draining speaker_finish
speaking timeout draining speaker_finish
speaking press hushed speaker_silence send_abort mic_start
draining drained idle
draining timeout idle speaker_silence
draining tts_start speaking speaker_begin
draining press hushed speaker_silence send_abort mic_start
hushed release idle mic_drop
hushed release_open idle mic_drop
hushed hold holding send_manual
open say open
open tts_start open_speaking speaker_begin
open tts_turn speaking mic_drop speaker_begin
open press idle mic_drop send_stop send_abort
open_speaking tts_stop open speaker_finish
open_speaking timeout open speaker_finish
open_speaking press idle speaker_silence mic_drop send_stop send_abort
"""

# How long a state may last before "timeout". Audio that arrives starts the time of a state of speaking anew.
TIMEOUTS = {
    LISTENING: 30000,
    HOLDING: 60000,
    FINISHING: 3000,
    WAITING: 15000,
    SPEAKING: 15000,
    OPEN_SPEAKING: 15000,
    DRAINING: 15000,
}

# Microphone frames go to the host in these states only; in WATCHING, ARMED and HUSHED they wait in the ring.
_SENDING = (LISTENING, HOLDING, FINISHING, OPEN, OPEN_SPEAKING)

HOLD_MS = const(300)
_HELLO_MS = const(10000)
# After an abort the host may still be sending what it had under way: until its tts stop comes (or this time passes)
# it is not listened to.
_DEAF_MS = const(1000)
# A server that has not spoken MCP by then may know the older iot messages.
_IOT_MS = const(5000)
# What was heard just before the voice was noticed goes along: so many frames.
_BEFORE_VOICE = const(5)
# A host that sends nonsense without end is told so no more often than this.
_REFUSAL_MS = const(1000)
# The kind of pose packet that subscribers send.
_CONTROL = const(7)


def transition(state, event):
    """What the table says: [next state, action …], None for nothing."""
    start = TABLE.find("\n%s %s " % (state, event))
    if start < 0:
        return None
    return TABLE[start + 1 : TABLE.find("\n", start + 1)].split(" ")[2:]


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
        self.receiver = None
        self._since = time.ticks_ms()
        self._limit = 0
        self._pressed = 0
        self._deaf = False
        self._deaf_since = 0
        self._iot_due = False
        self._things = []
        self._waiting_hello = False
        self._protocol = config["protocol"]
        self._refused = None
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
            "alert": self._on_alert,
            "goodbye": self._on_goodbye,
            "error": self._on_error,
        }

    # what user code may call

    def public_state(self):
        if self.state == OPEN and self._config["listen"]["start"] == "host":
            return IDLE  # nobody has been spoken to yet
        return PUBLIC.get(self.state, self.state)

    def handle(self, kind, fn):
        """Call fn(message) for each text message of a type that the session itself does not know."""
        self._handlers[kind] = fn

    def send(self, message):
        """Send a text message; where there is no connection it is lost. Raises ValueError for one that is too long."""
        self._send(message)

    def report(self, name, data=None):
        """Tell the host that something happened; what is done about it, its settings say. True when it was sent."""
        if self.state == OFFLINE:
            return False
        self._send(messages.device_event(name, data))
        return True

    def say(self, text):
        """Text input, or a wake word, instead of speech. True when it was sent (the board must be idle)."""
        if transition(self.state, "say") is None:
            return False
        self._send(messages.listen_detect(text))
        self.event("say")
        return True

    def leave(self):
        """Say goodbye and close: the board is about to be reset or switched off."""
        if self.state != OFFLINE:
            self._send(messages.goodbye())
        self._link.close(GOING_AWAY)

    # connection

    def opened(self):
        """The WebSocket is open: introduce the board."""
        self._use_protocol(self._config["protocol"])
        self._waiting_hello = True
        self._since = time.ticks_ms()
        self._send(
            messages.hello(
                self._config, self._board.name, self._version, self._wants_pose(), self.session_id, MESSAGE_MAX
            )
        )

    def lost(self):
        """The connection is gone."""
        was_online = self.state != OFFLINE
        self._mic_drop()
        self._speaker_silence()
        self._uplink.audio_open = False
        self._uplink.pose_open = False
        self._uplink.reset_pose()
        if self.receiver is not None:
            self.receiver.forget()
        self._waiting_hello = False
        self._deaf = False
        self._things = []
        self.room_slot = None
        self._enter(OFFLINE)
        if was_online:
            self._events.emit("disconnected")

    def _use_protocol(self, protocol):
        self._protocol = protocol
        self._uplink.set_protocol(protocol)

    def _wants_pose(self):
        wants = self._uplink.publishes or self.receiver is not None
        return self._protocol == 3 and wants and bool(self._config["pose"]["room"])

    # the table

    def event(self, name):
        """Something happened: do what the table says."""
        found = transition(self.state, name)
        if found is None:
            return
        for action in found[1:]:
            getattr(self, "_" + action)()
        self._enter(found[0])
        # A press that ended something is not followed by listening: that is how to make the board deaf.
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
            if self._speaker is None or not self._speaker.active():
                self.event("drained")
        elif self.state == WATCHING:
            self._watch()
        elif self.state == ARMED or self.state == HUSHED:
            if time.ticks_diff(now, self._pressed) > HOLD_MS:
                self.event("hold")
        if self._waiting_hello and age > _HELLO_MS:
            self._waiting_hello = False
            log.error("session", "the host did not say hello")
            self._link.close()
        if self._deaf and time.ticks_diff(now, self._deaf_since) > _DEAF_MS:
            self._deaf = False
        if self._iot_due and age > _IOT_MS and self.public_state() == IDLE:
            self._begin_iot()
        elif self._things:
            self._send_thing()

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
        if self._realtime() and self.state in (ARMED, HUSHED):
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
        if not reader.read(message, count, self._protocol):
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
        if self.state == SPEAKING or self.state == OPEN_SPEAKING:
            self._since = time.ticks_ms()
        self._speaker.push(message, reader.start, reader.length)

    def _on_pose(self, message):
        reader = self._reader
        self.received_pose += 1
        start = reader.start
        end = start + reader.length
        if self.receiver is not None and reader.slot and end > start and message[start] >> 2 & 7 != _CONTROL:
            self.receiver.take(reader.slot, message, start, end)
        else:
            # A subscriber's control packet, for one of this board's streams.
            self._uplink.control_pose(message, start, end)

    def on_text(self, message, count):
        """A text message: message[:count] until this returns."""
        self._on_json(memoryview(message)[:count])

    def _on_json(self, data):
        self.received_text += 1
        try:
            message = json.loads(bytes(data))
            kind = message["type"]
        except (ValueError, TypeError, KeyError, IndexError, MemoryError):
            log.warning("session", "a message is not a JSON object with a type, or too large")
            self._refuse("bad_json", "not a JSON object with a type")
            return
        handler = self._handlers.get(kind) if isinstance(kind, str) else None
        if handler is None:
            return
        try:
            handler(message)
        except Exception as exc:
            # Whatever the host got wrong, it costs this message and nothing more.
            log.exception("session", "a bad %s message" % kind, exc)
            if kind != "error":
                self._refuse("bad_message", "%s: %s" % (kind, exc))

    def _refuse(self, code, text):
        """Tell the host that its message was no good."""
        self.bad_messages += 1
        now = time.ticks_ms()
        if self.state == OFFLINE or (self._refused is not None and time.ticks_diff(now, self._refused) < _REFUSAL_MS):
            return
        self._refused = now
        self._send(messages.error(code, text))

    def _on_hello(self, message):
        if message.get("transport", "websocket") != "websocket":
            raise ValueError("the host chose another transport")
        version = message.get("version")
        if version in (1, 2, 3) and version < self._protocol:
            # A host that knows the older framing only says so.
            self._use_protocol(version)
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
                self._send(self._room_join())

    def _room_join(self):
        pose = self._config["pose"]
        subscribe = []
        if self.receiver is not None:
            subscribe.append({"kind": "pose", "device": pose["from"]} if pose["from"] else "pose")
        return messages.room_join(pose["room"], ["pose"] if self._uplink.publishes else [], subscribe)

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
            # Where microphone and speaker share a port, an open microphone must give way.
            self.event("tts_turn" if self.state == OPEN and self._board.half_duplex else "tts_start")
        elif state == "stop":
            self.event("tts_stop")
        elif state == "sentence_start":
            self._events.emit("sentence", message.get("text", ""))

    def _on_llm(self, message):
        self._events.emit("emotion", message.get("emotion", "neutral"))

    def _on_alert(self, message):
        self._events.emit("alert", message.get("message", ""))

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
        from posewire_fw import iot

        self._iot_due = False
        for command in message.get("commands", ()):
            iot.handle_command(self._tools, command)
        self._send(messages.iot_states(iot.states(self._tools)))

    def _begin_iot(self):
        from posewire_fw import iot

        self._iot_due = False
        self._things = iot.descriptors(self._tools)
        if not self._things:
            self._send(messages.iot_states([]))

    def _send_thing(self):
        # One at a time: all at once would not fit into the link's queue.
        self._send(messages.iot_descriptors([self._things.pop(0)]))
        if not self._things:
            from posewire_fw import iot

            self._send(messages.iot_states(iot.states(self._tools)))

    def _on_room(self, message):
        event = message.get("event")
        if event == "welcome":
            self.room_slot = message.get("slot")
            log.info("session", "in room %s as member %s", message.get("room"), self.room_slot)
            self._uplink.reset_pose()
            self._uplink.pose_open = True
        elif event == "left" and self.receiver is not None:
            self.receiver.forget(message.get("slot"))

    def _on_system(self, message):
        if message.get("command") == "reboot":
            self._reboot()

    def _on_goodbye(self, message):
        log.info("session", "the host says goodbye: %s", message.get("reason", ""))
        self._link.close()

    def _on_error(self, message):
        log.warning("session", "the host refuses: %s: %s", message.get("code"), message.get("message"))
