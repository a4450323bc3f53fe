"""A session with the host: hello, tools, the room, and what every message comes to. voice_session.py adds the voice."""

import gc
import json
import time

from micropython import const

from posewire_fw import frames, log
from posewire_fw.frames import FrameReader
from posewire_fw.unload import unload_modules

# The states of a board that has no voice; users (and the LED) see the same.
OFFLINE = "offline"  # no connection, or no hello yet
IDLE = "idle"

_HELLO_MS = const(10000)

# A server that has not spoken MCP by then may know the older iot messages.
_IOT_MS = const(5000)
# A host that sends nonsense without end is told so no more often than this.
_REFUSAL_MS = const(1000)
# The kind of pose packet that subscribers send.
_CONTROL = const(7)
# A host that resumes a session has said before long which room that is in.
_WELCOME_MS = const(2000)
# The close code of whoever leaves in order.
_GOING_AWAY = const(1001)
_INTERNAL_ERROR = const(-32603)


class Session:
    """Reacts to the host's messages and time. Owns no I/O: link, uplink and tools are passed in."""

    _mic = None

    def __init__(self, config, board, version, link, uplink, tools, events, reboot):
        self._config = config
        self._board = board
        self._version = version
        self._link = link
        self._uplink = uplink
        self._tools = tools
        self._events = events
        self._reboot = reboot
        # Whether memory is short; the steps of the start say it.
        self.small = False
        self._reader = FrameReader()
        self.state = OFFLINE
        self.session_id = None
        self.member_id = None
        # Why the board is in no room although it should be, None for no reason; and when it joins again: so long after
        # room_since, 0 for not at all.
        self.room_problem = None
        self._room_since = 0
        self._room_wait = 0
        self.joining = False
        self.receiver = None
        self._since = time.ticks_ms()
        self._iot_due = False
        self._iot = None
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
        """The state as users see it."""
        return self.state

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
        self._send({"type": "event", "name": name, "data": data or {}})
        return True

    def leave(self):
        """Say goodbye and close: the board is about to be reset or switched off."""
        if self.state != OFFLINE:
            self._send({"type": "goodbye"})
        self._link.close(_GOING_AWAY)

    # connection

    def opened(self):
        """The WebSocket is open: introduce the board."""
        self._use_protocol(self._config["protocol"])
        self._waiting_hello = True
        self._since = time.ticks_ms()
        self._clear_up()
        from posewire_fw.greeting import hello, offers_opus

        self._send(
            hello(
                self._config,
                self._board.name,
                self._version,
                self._wants_pose(),
                self.session_id,
                self._link.longest(),
                offers_opus(self._mic),
            )
        )
        unload_modules("greeting")

    def lost(self):
        """The connection is gone."""
        was_online = self.state != OFFLINE
        self._uplink.pose_open = False
        self._uplink.reset_pose()
        if self.receiver is not None:
            self.receiver.forget()
        self._waiting_hello = False
        self._iot = None
        self._iot_due = False
        self.member_id = None
        self.joining = False
        self.join_in(0)
        self._enter(OFFLINE)
        if was_online:
            self._events.emit("disconnected")

    def _enter(self, state):
        self._since = time.ticks_ms()
        if state == self.state:
            return
        log.debug("session", "%s -> %s", self.state, state)
        before = self.public_state()
        self.state = state
        self.transitions += 1
        if self.public_state() != before:
            self._events.emit("state", self.public_state())

    def tick(self):
        """Do what is due by now; call it every 10 ms or so. Allocates nothing while nothing happens."""
        age = time.ticks_diff(time.ticks_ms(), self._since)
        if self._waiting_hello and age > _HELLO_MS:
            self._waiting_hello = False
            log.error("session", "the host did not say hello")
            self._link.close()
        if self._iot_due and age > _IOT_MS and self.public_state() == IDLE:
            self._iot_due = False
            self._iot_things().announce()
        elif self._iot is not None:
            self._iot.send_next()
        if self._room_wait and time.ticks_diff(time.ticks_ms(), self._room_since) > self._room_wait:
            self._join()

    # the button: without a voice there is nothing to begin

    def press(self):
        pass

    def release(self):
        pass

    def _use_protocol(self, protocol):
        self._protocol = protocol
        self._uplink.set_protocol(protocol)

    def _wants_pose(self):
        wants = self._uplink.publishes or self.receiver is not None
        return self._protocol == 3 and wants and bool(self._config["pose"]["room"])

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
            if not reader.member_id:  # another member's voice: this board subscribes to none
                self.received_audio += 1
                self._on_audio(message)
        elif reader.kind == frames.POSE:
            self._on_pose(message)
        elif reader.kind == frames.JSON:
            self._on_json(memoryview(message)[reader.start : count])

    def _on_audio(self, message):
        """A frame of the host's voice."""

    def _on_pose(self, message):
        reader = self._reader
        self.received_pose += 1
        start = reader.start
        end = start + reader.length
        if self.receiver is not None and reader.member_id and end > start and message[start] >> 2 & 7 != _CONTROL:
            self.receiver.receive(reader.member_id, message, start, end)
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
        self._send({"type": "error", "code": code, "message": text})

    def _on_hello(self, message):
        self._clear_up()
        from posewire_fw import greeting

        protocol, self.session_id, self.host_features, resumed = greeting.read_hello(message, self._protocol)
        if protocol != self._protocol:
            # A host that knows the older framing only says so.
            self._use_protocol(protocol)
        if not greeting.agree_uplink(message, self._mic):
            # Opus was offered, and there is no room for it after all: once more, without.
            self._link.close()
        self._greeted(message)
        self._waiting_hello = False
        log.info("session", "hello from the host, session %s%s", self.session_id, " (resumed)" if resumed else "")
        self._iot_due = True
        self._begin()
        self._events.emit("connected", self.session_id)
        if self.host_features.get("pose") and self._wants_pose():
            if resumed:
                # A welcome follows, unless the place is lost.
                self.join_in(_WELCOME_MS)
            else:
                self._join()
        unload_modules("greeting")

    def _clear_up(self):
        """Collect before something is loaded, where memory is short.

        What was left behind must not add up with it: a heap that is full for a moment grows, by what the network needs.
        """
        if self.small:
            gc.collect()

    def _join(self):
        self._room("join")

    def _room(self, name, *args):
        """Load what has to do with the room: it seldom happens."""
        self._clear_up()
        from posewire_fw import room

        try:
            getattr(room, name)(self, self._uplink, self._config["pose"], *args)
        finally:
            unload_modules("room", "greeting")

    def join_in(self, milliseconds):
        """Join the room then, unless it is there before; 0 for never in this connection."""
        self._room_since = time.ticks_ms()
        self._room_wait = milliseconds

    def _greeted(self, message):
        """The host's hello, before anything follows from it."""

    def _begin(self):
        self._enter(IDLE)

    def _on_alert(self, message):
        self._events.emit("alert", message.get("message", ""))

    def _on_mcp(self, message):
        self._iot_due = False
        payload = message["payload"]
        reply = None
        try:
            reply = self._tools.handle_rpc(payload)
            if reply is not None:
                self._send({"type": "mcp", "payload": reply})
        except (ValueError, MemoryError) as exc:
            # It does not fit: the host should not have to wait for it in vain.
            number = payload.get("id") if reply is None else reply["id"]
            reply = None
            gc.collect()
            log.error("session", "no answer to the host: %s: %s", type(exc).__name__, exc)
            error = {"code": _INTERNAL_ERROR, "message": "the board has no room for the answer: %s" % exc}
            self._send({"type": "mcp", "payload": {"jsonrpc": "2.0", "id": number, "error": error}})

    def _on_iot(self, message):
        self._iot_due = False
        self._iot_things().obey(message.get("commands", ()))

    def _iot_things(self):
        if self._iot is None:
            from posewire_fw.iot import Iot

            self._tools.keep_own()
            self._iot = Iot(self._tools, self._send)
        return self._iot

    def _on_room(self, message):
        self._room("on_room", message)

    def _on_system(self, message):
        if message.get("command") == "reboot":
            self._reboot()

    def _on_goodbye(self, message):
        log.info("session", "the host says goodbye: %s", message.get("reason", ""))
        self._link.close()

    def _on_error(self, message):
        self._room("on_error", message)
