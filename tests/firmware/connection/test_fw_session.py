"""The session's conversation with a host, as a script: what the board says after each thing that happens."""

import json
import time

from posewire_fw import config
from posewire_fw.events import Events
from posewire_fw.mic import Microphone
from posewire_fw.ring import Ring
from posewire_fw.speaker import Speaker
from posewire_fw.tools import Tools, integer
from posewire_fw.uplink import Uplink
from posewire_fw.voice_session import HOLD_MS, TABLE, TIMEOUTS, VoiceSession, transition


class Wire:
    """The link's side towards the session: keeps what is said."""

    def __init__(self):
        self.said = []
        self.closed = False

    def send_text(self, text):
        if len(text) > 4096:
            raise ValueError("too long")
        self.said.append(json.loads(text))
        return True

    def close(self, code=1000):
        self.closed = True

    def longest(self):
        return 4096


class Mic:
    voice = False
    problem = None

    def __init__(self):
        self.on = False
        self.finished = 0
        self.opus = None
        self.make_opus = None

    def start(self):
        self.on = True

    def stop(self):
        self.on = False

    def finish(self):
        self.on = False
        self.finished += 1


class Player:
    """A speaker whose playing ends when the test says so."""

    problem = None

    def __init__(self):
        self.configured = None
        self.speaking = False
        self.finishing = False
        self.silenced = 0
        self.pushed = []

    def configure(self, *args):
        self.configured = args

    def can_play(self):
        return self.configured[0] in ("ima-adpcm", "pcm")

    def active(self):
        return self.speaking

    def begin(self):
        self.speaking = True

    def finish(self):
        self.finishing = True

    def silence(self):
        self.speaking = False
        self.silenced += 1

    def push(self, message, start, length):
        if self.speaking:
            self.pushed.append(bytes(message[start : start + length]))


class Source:
    set_id = 8
    skipped = 0

    def __init__(self):
        self.keys = 0
        self.controls = []

    def set_number(self, number):
        pass

    def control(self, buf, start, end):
        self.controls.append(bytes(buf[start:end]))
        return True

    def key_wanted(self):
        self.keys += 1

    def fill(self, buf, at):
        return 0


class Hardware:
    name = "bench"

    def __init__(self, half_duplex):
        self.half_duplex = half_duplex


class Faulty:
    """Opens I2S ports, or fails to: raises what the test puts into `error`, until that is None."""

    def __init__(self):
        self.error = None
        self.running = 0

    def open(self, rate):
        if self.error is not None:
            raise self.error
        self.running += 1
        return self

    def irq(self, callback):
        pass

    def readinto(self, buf):
        pass

    write = readinto

    def deinit(self):
        self.running -= 1


class Scene:
    """A session with everything around it that a test looks at."""

    def __init__(self, mode="auto", room="studio", protocol=3, start="button", half_duplex=False):
        settings = config.defaults()
        settings["listen"]["mode"] = mode
        settings["listen"]["start"] = start
        settings["pose"]["room"] = room
        settings["protocol"] = protocol
        self.wire = Wire()
        self.mic = Mic()
        self.speaker = Player()
        self.ring = Ring(484 * 4, 484)
        self.uplink = Uplink(None)
        self.uplink.ring = self.ring
        self.source = Source()
        self.uplink.add_source(self.source)
        self.tools = Tools("bench", lambda name, arguments: None)
        self.rebooted = 0
        self.events = Events()
        self.seen = []
        for name in ("state", "stt", "emotion", "connected", "disconnected"):
            self.events.on(name, lambda value, name=name: self.seen.append((name, value)))
        self.session = VoiceSession(
            settings,
            Hardware(half_duplex),
            "0.0",
            self.wire,
            self.uplink,
            self.tools,
            self.events,
            self.reboot,
            self.mic,
            self.ring,
            self.speaker,
        )

    def with_real_microphone(self):
        """Let the session have the firmware's own microphone; returns what opens its port."""
        ports = Faulty()
        self.session._mic = Microphone(ports.open, self.ring, "ima-adpcm", 60, 4)
        return ports

    def with_real_speaker(self):
        ports = Faulty()
        self.session._speaker = Speaker(ports.open, Ring(484 * 12, 484), 70)
        return ports

    def reboot(self):
        self.rebooted += 1

    def host(self, **message):
        data = json.dumps(message).encode()
        self.session.on_text(bytearray(data + b"x" * 10), len(data))

    def audio(self, payload=b"abcdef"):
        data = bytes([0, 0, 0, len(payload)]) + payload
        self.session.on_binary(bytearray(data), len(data))

    def online(self, **more):
        self.session.opened()
        self.host(
            type="hello",
            transport="websocket",
            session_id="s1",
            features={"pose": True},
            audio_params={"format": "ima-adpcm", "sample_rate": 16000, "frame_duration": 60},
            **more,
        )
        return self

    def later(self, milliseconds):
        """Let time pass: what the session remembers of the past moves back."""
        session = self.session
        for name in ("_since", "_pressed", "_ignoring_since", "_room_since"):
            setattr(session, name, time.ticks_add(getattr(session, name), -milliseconds))
        session.tick()

    def tap(self):
        self.session.press()
        self.session.release()

    def said(self):
        """The messages since the last call, without ids: [type, the rest …]."""
        out = []
        for message in self.wire.said:
            message.pop("session_id", None)
            kind = message.pop("type")
            out.append([kind] + [message[name] for name in sorted(message)])
        self.wire.said.clear()
        return out

    def state(self):
        return self.session.public_state()


def test_hello_introduces_the_board():
    scene = Scene()
    scene.session.opened()
    hello = scene.wire.said[0]
    assert hello["type"] == "hello"
    assert hello["version"] == 3
    assert hello["transport"] == "websocket"
    assert hello["features"] == {
        "mcp": True,
        "pose": True,
        "codecs": ["ima-adpcm", "pcm"],
        "telemetry": True,
        "update": True,
    }
    assert hello["audio_params"] == {"format": "ima-adpcm", "sample_rate": 16000, "channels": 1, "frame_duration": 60}
    assert hello["device"] == {"board": "bench", "firmware": "0.0", "max_message": 4096}
    assert "resume" not in hello
    assert scene.state() == "offline"


def test_the_hosts_hello_brings_the_board_online_and_into_its_room():
    scene = Scene().online()
    assert scene.state() == "idle"
    assert scene.speaker.configured == ("ima-adpcm", 16000, 60)
    assert scene.said()[1] == ["room", "join", ["pose"], "studio", []]
    assert not scene.uplink.pose_open
    scene.host(type="room", event="welcome", room="studio", member_id=4, role="member", members=[])
    assert scene.uplink.pose_open
    assert scene.source.keys > 0
    assert ("connected", "s1") in scene.seen


def test_no_pose_where_the_host_the_protocol_or_the_settings_do_not_allow_it():
    for scene in (Scene(room=None), Scene(protocol=1), Scene(protocol=2)):
        scene.session.opened()
        assert scene.wire.said[0]["features"]["pose"] is False
    scene = Scene()
    scene.session.opened()
    scene.said()
    scene.host(type="hello", transport="websocket", session_id="s1", features={})
    assert scene.said() == []
    assert not scene.uplink.pose_open


def test_a_tap_talks_until_the_host_has_heard_the_end():
    scene = Scene().online()
    scene.said()
    scene.session.press()
    assert scene.mic.on  # at once: nothing of what is said first is lost
    assert not scene.uplink.audio_open
    assert scene.said() == []
    scene.session.release()
    assert scene.said() == [["listen", "auto", "start"]]
    assert scene.uplink.audio_open
    scene.host(type="stt", text="hello board")
    assert not scene.mic.on
    assert not scene.uplink.audio_open
    assert scene.state() == "thinking"
    scene.host(type="tts", state="start")
    scene.host(type="llm", emotion="happy", text="x")
    scene.audio()
    assert scene.state() == "speaking"
    scene.host(type="tts", state="stop")
    assert scene.speaker.finishing
    assert scene.state() == "speaking"
    scene.speaker.speaking = False
    scene.session.tick()
    assert scene.state() == "idle"
    assert scene.speaker.pushed == [b"abcdef"]
    assert ("stt", "hello board") in scene.seen
    assert ("emotion", "happy") in scene.seen
    assert [value for name, value in scene.seen if name == "state"] == [
        "idle",
        "listening",
        "thinking",
        "speaking",
        "idle",
    ]


def test_holding_is_push_to_talk_and_stop_goes_out_after_the_last_frame():
    scene = Scene().online()
    scene.said()
    scene.session.press()
    scene.later(HOLD_MS + 1)
    assert scene.said() == [["listen", "manual", "start"]]
    scene.ring.commit(484)
    scene.session.release()
    assert scene.mic.finished == 1
    scene.session.tick()
    assert scene.said() == []  # a frame is still to be sent
    scene.ring.release()
    scene.session.tick()
    assert scene.said() == [["listen", "stop"]]
    assert scene.state() == "thinking"


def test_what_was_in_the_ring_from_before_is_not_sent():
    scene = Scene().online()
    scene.ring.commit(484)
    scene.session.press()
    assert scene.ring.count == 0


def test_a_press_while_the_host_speaks_silences_it_at_once():
    scene = Scene().online()
    scene.host(type="tts", state="start")
    scene.said()
    scene.session.press()
    assert scene.speaker.silenced
    assert scene.said() == [["abort", "button"]]
    scene.audio()  # was under way
    assert scene.speaker.pushed == []
    scene.session.release()
    assert scene.state() == "idle"
    assert not scene.mic.on
    scene.host(type="tts", state="stop")
    scene.host(type="tts", state="stop")  # some servers say it twice
    assert scene.state() == "idle"
    assert scene.said() == []


def test_a_press_that_goes_on_after_the_interruption_listens():
    scene = Scene().online()
    scene.host(type="tts", state="start")
    scene.said()
    scene.session.press()
    scene.later(HOLD_MS + 1)
    assert scene.said() == [["abort", "button"], ["listen", "manual", "start"]]
    assert scene.mic.on
    scene.host(type="tts", state="stop")
    assert scene.state() == "listening"


def test_a_reply_that_was_aborted_before_it_began_is_not_heard():
    scene = Scene().online()
    scene.tap()
    scene.host(type="stt", text="x")
    scene.tap()
    assert scene.state() == "idle"
    scene.host(type="tts", state="start")
    scene.audio()
    assert scene.state() == "idle"
    assert scene.speaker.pushed == []
    scene.host(type="tts", state="stop")
    scene.host(type="tts", state="start")  # the next one counts again
    assert scene.state() == "speaking"


def test_deafness_ends_even_if_the_host_never_says_stop():
    scene = Scene().online()
    scene.host(type="tts", state="start")
    scene.tap()
    scene.later(2000)
    scene.host(type="tts", state="start")
    assert scene.state() == "speaking"


def test_a_second_tap_ends_what_is_being_said():
    scene = Scene().online()
    scene.tap()
    scene.said()
    scene.tap()
    scene.session.tick()
    assert scene.said() == [["listen", "stop"]]
    assert scene.state() == "thinking"


def test_nothing_was_heard():
    scene = Scene().online()
    scene.tap()
    scene.host(type="tts", state="start")
    scene.host(type="tts", state="stop")
    scene.speaker.speaking = False
    scene.session.tick()
    assert scene.state() == "idle"


def test_every_waiting_ends_by_itself():
    scene = Scene().online()
    scene.tap()
    scene.later(TIMEOUTS["listening"] + 1)
    scene.session.tick()
    assert scene.state() == "thinking"
    scene.later(TIMEOUTS["waiting"] + 1)
    assert scene.state() == "idle"
    scene.host(type="tts", state="start")
    scene.later(TIMEOUTS["speaking"] - 100)
    scene.audio()  # still coming
    scene.later(TIMEOUTS["speaking"] - 100)
    assert scene.session.state == "speaking"
    scene.later(200)
    assert scene.session.state == "draining"
    scene.later(TIMEOUTS["draining"] + 1)
    assert scene.state() == "idle"
    # every state that waits for somebody has a way out
    for line in TABLE.strip().split("\n"):
        state, event = line.split(" ")[:2]
        if event == "timeout":
            assert state in TIMEOUTS
    for state in TIMEOUTS:
        assert transition(state, "timeout")


def test_every_line_of_the_table_can_be_carried_out():
    seen = set()
    states = set()
    for line in TABLE.strip().split("\n"):
        state, event, target = line.split(" ")[:3]
        assert (state, event) not in seen, line
        seen.add((state, event))
        states.add(state)
        for action in line.split(" ")[3:]:
            assert hasattr(VoiceSession, "_" + action), line
    for line in TABLE.strip().split("\n"):
        assert line.split(" ")[2] in states, line


def test_realtime_keeps_the_microphone_open():
    scene = Scene(mode="realtime").online()
    scene.said()
    scene.tap()
    assert scene.said() == [["listen", "realtime", "start"]]
    scene.host(type="stt", text="x")
    scene.host(type="tts", state="start")
    assert scene.mic.on
    assert scene.uplink.audio_open
    assert scene.state() == "speaking"
    scene.host(type="tts", state="stop")
    assert scene.state() == "listening"
    scene.tap()
    assert scene.said() == [["listen", "stop"], ["abort", "button"]]
    assert scene.state() == "idle"
    assert not scene.mic.on


def test_realtime_needs_two_ports():
    scene = Scene(mode="realtime", half_duplex=True).online()
    scene.said()
    scene.tap()
    assert scene.said() == [["listen", "auto", "start"]]


def test_a_voice_begins_a_turn_with_what_was_heard_just_before():
    scene = Scene(start="voice").online()
    scene.said()
    assert scene.mic.on
    assert scene.state() == "idle"
    assert not scene.uplink.audio_open
    for _ in range(4):
        scene.ring.commit(484)
    scene.session.tick()
    assert scene.said() == []
    scene.mic.voice = True
    scene.session.tick()
    assert scene.said() == [["listen", "auto", "start"]]
    assert scene.uplink.audio_open
    assert scene.ring.count == 4
    scene.host(type="stt", text="x")
    assert not scene.mic.on
    scene.host(type="tts", state="start")
    scene.host(type="tts", state="stop")
    scene.speaker.speaking = False
    scene.session.tick()
    assert scene.state() == "idle"
    assert scene.mic.on  # watching again
    assert scene.ring.count == 0
    assert not scene.mic.voice


def test_only_the_newest_frames_are_kept_while_nobody_speaks():
    scene = Scene(start="voice").online()
    ring = Ring(484 * 16, 484)
    scene.session._ring = ring
    for _ in range(9):
        ring.back()
        ring.commit(484)
    scene.session.tick()
    assert ring.count == 5
    assert ring.dropped == 0


def test_watching_gives_way_to_the_button_to_text_and_to_the_host():
    scene = Scene(start="voice").online()
    scene.said()
    scene.tap()
    assert scene.said() == [["listen", "auto", "start"]]
    scene = Scene(start="voice").online()
    assert scene.session.say("x")
    assert not scene.mic.on
    scene = Scene(start="voice", half_duplex=True).online()
    scene.host(type="tts", state="start")
    assert not scene.mic.on
    assert scene.state() == "speaking"


def test_a_voice_in_realtime_mode_opens_the_microphone():
    scene = Scene(mode="realtime", start="voice").online()
    scene.said()
    scene.mic.voice = True
    scene.session.tick()
    assert scene.said() == [["listen", "realtime", "start"]]


def test_the_host_decides_what_is_meant_for_it():
    scene = Scene(start="host").online()
    assert ["listen", "realtime", "start"] in scene.said()
    assert scene.mic.on
    assert scene.uplink.audio_open
    assert scene.state() == "idle"  # as far as anybody can see
    scene.host(type="stt", text="somebody else's talk")
    assert scene.state() == "idle"
    scene.host(type="tts", state="start")
    assert scene.state() == "speaking"
    assert scene.mic.on
    scene.host(type="tts", state="stop")
    assert scene.state() == "idle"
    assert scene.said() == []
    assert scene.session.say("a text")
    scene.said()
    # a press makes the board deaf, the next one opens its ears again
    scene.tap()
    assert scene.said() == [["listen", "stop"], ["abort", "button"]]
    assert not scene.mic.on
    scene.session.tick()
    assert not scene.mic.on
    scene.tap()
    assert scene.said() == [["listen", "auto", "start"]]


def test_an_open_microphone_that_shares_its_port_gives_way_to_the_reply():
    scene = Scene(start="host", half_duplex=True).online()
    scene.said()
    scene.host(type="tts", state="start")
    assert not scene.mic.on
    assert scene.speaker.speaking
    scene.host(type="tts", state="stop")
    scene.speaker.speaking = False
    scene.session.tick()
    assert scene.mic.on
    assert scene.said() == [["listen", "realtime", "start"]]


def test_a_reply_in_realtime_that_never_ends_ends():
    scene = Scene(mode="realtime").online()
    scene.tap()
    scene.host(type="tts", state="start")
    scene.later(TIMEOUTS["open_speaking"] + 1)
    assert scene.state() == "listening"


def test_a_host_of_an_older_framing_is_met_there():
    scene = Scene().online(version=1)
    assert scene.uplink._header.protocol == 1
    assert not scene.uplink.pose_open
    scene.host(type="tts", state="start")
    payload = b"just audio"
    scene.session.on_binary(bytearray(payload), len(payload))
    assert scene.speaker.pushed == [payload]
    scene.session.lost()
    scene.session.opened()
    assert scene.uplink._header.protocol == 3  # the next host may know more
    for odd in (7, "2", None, True):
        other = Scene().online(version=odd)
        assert other.uplink._header.protocol == (1 if odd is True else 3)


def test_what_makes_no_sense_is_refused_but_not_for_ever():
    scene = Scene().online()
    scene.said()
    for text in ("{", "[]", '{"type":"mcp"}'):
        data = bytearray(text.encode())
        scene.session.on_text(data, len(data))
    assert [message[:2] for message in scene.said()] == [["error", "bad_json"]]  # one a second
    scene.session._refused = None
    scene.host(type="error", code=[], message={})
    scene.host(type="error")
    assert scene.said() == []  # an error is never answered
    scene.host(type="mcp")
    assert [message[:2] for message in scene.said()] == [["error", "bad_message"]]
    assert scene.session.bad_messages == 4


def test_leaving_says_goodbye():
    scene = Scene().online()
    scene.said()
    scene.session.leave()
    assert scene.said() == [["goodbye"]]
    assert scene.wire.closed


def test_an_alert_is_told():
    scene = Scene()
    seen = []
    scene.events.on("alert", seen.append)
    scene.online()
    scene.host(type="alert", status="low", message="battery", emotion="sad")
    assert seen == ["battery"]


def test_text_instead_of_speech():
    scene = Scene().online()
    scene.said()
    assert scene.session.say("turn on the light")
    assert scene.said() == [["listen", "detect", "turn on the light"]]
    assert scene.state() == "thinking"
    assert not scene.session.say("again")


def test_losing_the_connection_stops_everything_and_the_next_hello_resumes():
    scene = Scene().online()
    scene.session.press()
    scene.session.lost()
    assert not scene.mic.on
    assert scene.state() == "offline"
    assert ("disconnected", None) in scene.seen
    scene.session.release()
    scene.session.press()  # nobody is there
    assert not scene.mic.on
    scene.said()
    scene.session.opened()
    assert scene.wire.said[0]["resume"] == "s1"
    scene.said()
    scene.host(type="hello", transport="websocket", session_id="s1", features={"pose": True}, resumed=True)
    scene.host(type="room", event="welcome", room="studio", member_id=2, role="member", members=[])
    scene.later(10000)
    assert asked(scene) == []  # the room was kept
    assert scene.uplink.pose_open


def test_a_host_that_does_not_say_hello_is_left():
    scene = Scene()
    scene.session.opened()
    scene.later(10001)
    assert scene.wire.closed


def test_a_hello_of_another_transport_is_none():
    scene = Scene()
    scene.session.opened()
    scene.host(type="hello", transport="udp", session_id="s1")
    assert scene.state() == "offline"
    scene.later(10001)
    assert scene.wire.closed


def test_a_hello_with_odd_extras_is_one():
    scene = Scene()
    scene.session.opened()
    scene.host(type="hello", features=7, audio_params=[])
    assert scene.state() == "idle"
    assert scene.speaker.configured == ("opus", 24000, 60)


def test_nonsense_costs_one_message():
    scene = Scene().online()
    texts = ("{", "[]", "7", "nonsense", '{"type":7}', '{"no":"type"}', '{"type":"tts"}', '{"type":"mcp"}')
    for text in texts + ('{"type":"mcp","payload":[1]}', '{"type":["tts"]}'):
        data = bytearray(text.encode())
        scene.session.on_text(data, len(data))
    scene.host(type="nothing we know", x=1)
    scene.host(type="iot", commands=7)
    for data in (b"\x00", b"\x00\x00\x00\x09abc", b"\x10\x00\x00\x00", b"\x63\x00\x00\x01x", b""):
        scene.session.on_binary(bytearray(data), len(data))
    assert scene.state() == "idle"
    assert scene.session.bad_frames == 2
    scene.tap()
    assert scene.state() == "listening"


def test_a_json_message_may_come_as_a_binary_frame():
    scene = Scene().online()
    body = b'{"type":"tts","state":"start"}'
    data = bytes([1, 0, 0, len(body)]) + body
    scene.session.on_binary(bytearray(data), len(data))
    assert scene.state() == "speaking"


def test_another_members_voice_is_not_played():
    scene = Scene().online()
    scene.host(type="tts", state="start")
    data = bytes([0, 3, 0, 2]) + b"xy"
    scene.session.on_binary(bytearray(data), len(data))
    assert scene.speaker.pushed == []


def test_a_control_packet_reaches_the_source():
    scene = Scene().online()
    packet = bytes(range(9))
    data = bytes([16, 2, 0, len(packet)]) + packet
    scene.session.on_binary(bytearray(data + b"older"), len(data))
    assert scene.source.controls == [packet]


def test_tools_are_called_and_answered():
    scene = Scene().online()
    done = []
    scene.tools.tool("self.led.set", "x", {"red": integer(0, 255)}, lambda red: done.append(red))
    scene.said()
    scene.host(
        type="mcp",
        payload={
            "jsonrpc": "2.0",
            "id": 3,
            "method": "tools/call",
            "params": {"name": "self.led.set", "arguments": {"red": 9}},
        },
    )
    assert done == [9]
    assert scene.said()[0][1]["id"] == 3
    scene.host(type="mcp", payload={"jsonrpc": "2.0", "method": "notifications/initialized"})
    assert scene.said() == []


def test_a_result_too_long_to_send_is_answered_with_an_error():
    scene = Scene().online()
    scene.tools.tool("self.long", "x", {}, lambda: "x" * 9000)
    scene.said()
    scene.host(type="mcp", payload={"jsonrpc": "2.0", "id": 4, "method": "tools/call", "params": {"name": "self.long"}})
    assert scene.said()[0][1]["error"]["code"] == -32603


def test_an_answer_that_there_is_no_memory_for_is_one_all_the_same():
    scene = Scene().online()
    scene.said()

    def full(text):
        raise MemoryError("memory allocation failed, allocating 40000 bytes")

    scene.tools.tool("self.log", "x", {}, lambda: "x" * 3000)
    send = scene.wire.send_text
    scene.wire.send_text = lambda text: send(text) if len(text) < 2000 else full(text)
    scene.host(type="mcp", payload={"jsonrpc": "2.0", "id": 4, "method": "tools/call", "params": {"name": "self.log"}})
    payload = scene.said()[0][1]
    assert (payload["id"], payload["error"]["code"]) == (4, -32603)
    assert "no room for the answer" in payload["error"]["message"]


def test_a_thing_that_does_not_fit_hides_no_other_one():
    scene = Scene(room=None).online()
    scene.tools.tool("self.lamp.on", "On.", {}, lambda: None)
    scene.tools.tool("self.novel.read", "x" * 5000, {}, lambda: None)
    scene.tools.tool("self.fan.on", "On.", {}, lambda: None)
    scene.said()
    scene.later(5001)
    for _ in range(5):
        scene.session.tick()
    things = [message[1][0] for message in scene.said() if message[0] == "iot" and message[1]]
    assert sorted(thing["name"] for thing in things) == ["fan", "lamp"]


def test_a_server_without_mcp_gets_iot_descriptors():
    scene = Scene().online()
    scene.tools.tool("self.led.set", "x", {"red": integer(0, 255)}, lambda red: None)
    scene.said()
    scene.later(5001)
    scene.session.tick()
    said = scene.said()
    assert said[0][0] == "iot"
    assert said[0][1][0]["name"] == "led"
    assert said[-1] == ["iot", []]
    other = Scene().online()
    other.host(type="mcp", payload={"jsonrpc": "2.0", "id": 1, "method": "initialize"})
    other.said()
    other.later(5001)
    assert other.said() == []


def test_boards_that_listen_all_the_time_tell_their_iot_descriptors_too():
    for start in ("voice", "host"):
        scene = Scene(start=start).online()
        scene.tools.tool("self.led.set", "x", {"red": integer(0, 255)}, lambda red: None)
        scene.said()
        scene.later(5001)
        scene.session.tick()
        assert [said[0] for said in scene.said()] == ["iot", "iot"], start


def test_many_things_are_told_one_after_the_other():
    scene = Scene().online()
    for number in range(40):
        scene.tools.tool("self.thing%d.set" % number, "x", {}, lambda: None)
    scene.said()
    scene.later(5001)
    told = []
    for _ in range(45):
        scene.session.tick()
        said = scene.said()
        assert len(said) <= 2  # the link's queue holds sixteen
        told += said
    assert len(told) == 41
    assert told[-1] == ["iot", []]


def test_the_host_may_reboot_the_board_and_say_goodbye():
    scene = Scene().online()
    scene.host(type="system", command="dance")
    scene.host(type="system", command="reboot")
    assert scene.rebooted == 1
    scene.host(type="goodbye", reason="shutting down")
    assert scene.wire.closed


def test_half_duplex_boards_stop_the_speaker_before_they_listen():
    scene = Scene(half_duplex=True).online()
    before = scene.speaker.silenced
    scene.session.press()
    assert scene.speaker.silenced == before + 1


FAULTS = (OSError(12), MemoryError("memory allocation failed"), ValueError("invalid id"))


def test_a_microphone_that_does_not_open_is_told_and_the_board_does_not_seem_to_listen():
    for error in FAULTS:
        scene = Scene()
        ports = scene.with_real_microphone()
        scene.online()
        scene.said()
        ports.error = error
        scene.tap()
        assert scene.state() == "trouble"
        said = scene.said()
        assert [message[:2] for message in said] == [["error", "microphone"]] and "does not open" in said[0][2]
        # Nothing starts by itself behind the session's back.
        ports.error = None
        scene.session._mic.poll()
        scene.later(TIMEOUTS["fault"] + 1)
        assert (scene.state(), ports.running) == ("idle", 0)
        scene.tap()
        assert (scene.state(), ports.running) == ("listening", 1)
        assert scene.said() == [["listen", "auto", "start"]]


def test_a_board_that_listens_by_itself_tries_again_until_the_microphone_opens():
    for start in ("voice", "host"):
        scene = Scene(start=start, room=None)
        ports = scene.with_real_microphone()
        ports.error = OSError(5)
        scene.online()
        for _ in range(3):
            assert scene.state() == "trouble"
            scene.later(TIMEOUTS["fault"] + 1)
        # The host hears of it once, and not of a listening that was none.
        assert [message[:2] for message in scene.said()[1:]] == [["error", "microphone"]]
        ports.error = None
        scene.later(TIMEOUTS["fault"] + 1)
        assert (scene.state(), ports.running) == ("idle", 1)


def test_a_microphone_that_fails_while_it_listens_ends_the_turn():
    for mode, start in (("auto", "button"), ("realtime", "host")):
        scene = Scene(mode=mode, start=start)
        ports = scene.with_real_microphone()
        scene.online()
        if start == "button":
            scene.tap()
        assert ports.running == 1
        scene.said()
        mic = scene.session._mic
        # The driver gives nothing, however often it is opened.
        for _ in range(4):
            assert ports.running == 1
            mic._last_us = time.ticks_add(time.ticks_us(), -1100000)
            mic.poll()
        assert ports.running == 0
        scene.session.tick()
        assert scene.state() == "trouble"
        assert scene.said() == [["error", "microphone", "nothing comes from the I2S port"], ["listen", "stop"]]


def test_a_speaker_that_does_not_open_ends_the_reply_and_is_told():
    for error in FAULTS:
        scene = Scene()
        ports = scene.with_real_speaker()
        scene.online()
        scene.said()
        ports.error = error
        scene.host(type="tts", state="start")
        scene.session._speaker.beep(100)
        scene.session._speaker._tone_left = 100
        scene.session._speaker.poll()
        scene.session.tick()
        assert scene.state() == "trouble"
        said = scene.said()
        assert [message[:2] for message in said] == [["error", "speaker"], ["abort", "button"]]
        scene.host(type="tts", state="stop")
        scene.later(TIMEOUTS["fault"] + 1)
        assert scene.state() == "idle"


JOIN = ["room", "join", ["pose"], "studio", []]


def asked(scene):
    """The requests about rooms since the last call."""
    return [message for message in scene.said() if message[0] == "room"]


def in_room():
    scene = Scene().online()
    scene.host(type="room", event="welcome", room="studio", member_id=2, role="member", members=[])
    assert scene.uplink.pose_open
    scene.said()
    return scene


def test_a_room_that_is_closed_is_joined_again():
    scene = in_room()
    scene.host(type="room", event="closed", room="studio", reason="nothing was published for 3600 s")
    assert not scene.uplink.pose_open
    assert asked(scene) == []
    scene.later(1001)
    assert asked(scene) == [JOIN]
    scene.host(type="room", event="welcome", room="studio", member_id=1, role="owner", members=[])
    assert scene.uplink.pose_open
    scene.later(60000)
    assert asked(scene) == []


def test_a_session_that_is_resumed_without_its_room_joins_it_anew():
    scene = in_room()
    scene.session.lost()
    scene.session.opened()
    scene.host(type="hello", transport="websocket", session_id="s1", features={"pose": True}, resumed=True)
    scene.said()
    assert not scene.uplink.pose_open
    scene.later(2001)
    assert asked(scene) == [JOIN]


def test_a_host_that_finds_the_board_in_no_room_is_believed():
    scene = in_room()
    for _ in range(3):
        scene.host(type="error", code="not_in_room", message="join a room before sending pose packets")
    scene.later(1001)
    assert asked(scene) == [JOIN]
    # What was under way is refused as well; that is no answer to the join.
    scene.host(type="error", code="not_in_room", message="join a room before sending pose packets")
    scene.later(5000)
    assert asked(scene) == []
    scene.later(5001)
    assert asked(scene) == [JOIN]


def test_a_board_that_was_removed_stays_out_and_says_why():
    scene = in_room()
    scene.host(type="room", event="kicked", room="studio", reason="too loud")
    scene.later(100000)
    assert asked(scene) == []
    assert not scene.uplink.pose_open
    assert scene.session.room_problem == "removed: too loud"
    # Another connection may find another room of that name.
    scene.session.lost()
    scene.online(resumed=True)
    scene.said()
    scene.later(2001)
    assert asked(scene) == [JOIN]


def test_a_room_that_does_not_let_the_board_in_is_asked_again_where_that_may_change():
    for code, again in (("too_many", True), ("room_locked", True), ("room_denied", False), ("forbidden", False)):
        scene = Scene().online()
        scene.said()
        scene.host(type="error", code=code, message="no")
        assert scene.session.room_problem == "%s: no" % code
        scene.later(15000)
        assert asked(scene) == []
        scene.later(30001)
        assert asked(scene) == ([JOIN] if again else [])


def test_what_was_asked_of_a_room_ends_with_the_connection():
    scene = Scene().online()
    scene.host(type="error", code="too_many", message="no")
    scene.session.lost()
    scene.said()
    # While there is no host nothing is asked, and nothing is loaded for it.
    scene.later(60000)
    assert asked(scene) == []
    # The next host's hello comes first.
    scene.session.opened()
    scene.later(9000)
    assert asked(scene) == []
    scene.host(type="hello", transport="websocket", session_id="s2", features={"pose": True})
    assert asked(scene) == [JOIN]
    scene.session.lost()
    # A join without an answer is over, too: this error is none.
    scene.online(resumed=True)
    scene.host(type="error", code="bad_message", message="what was that?")
    assert scene.session.room_problem == "too_many: no"
    scene.said()
    scene.later(2001)
    assert asked(scene) == [JOIN]


def test_an_error_of_the_host_ends_the_turn_at_once_unless_it_tries_again():
    scene = Scene(room=None).online()
    scene.tap()
    scene.host(type="stt", text="hello")
    scene.host(type="error", code="upstream", message="the upstream server is away", final=False)
    scene.host(type="error", code="too_many", message="slower")
    assert scene.state() == "thinking"
    scene.host(type="error", code="upstream", message="the upstream server is away")
    assert scene.state() == "trouble"
    scene.later(TIMEOUTS["fault"] + 1)
    assert scene.state() == "idle"
    scene.tap()
    scene.host(type="error", code="not_available", message="no recogniser")
    assert (scene.state(), scene.mic.on) == ("trouble", False)


def test_a_host_that_says_that_it_is_still_at_it_is_waited_for():
    scene = Scene(room=None).online()
    scene.tap()
    scene.host(type="stt", text="what is in the picture?")
    call = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
    for message in ({"type": "llm", "emotion": "thinking"}, {"type": "mcp", "payload": call}):
        for _ in range(3):
            scene.later(TIMEOUTS["waiting"] - 1000)
            assert scene.state() == "thinking"
            scene.host(**message)
    scene.host(type="tts", state="start")
    for _ in range(3):
        scene.later(TIMEOUTS["speaking"] - 1000)
        scene.host(type="llm", emotion="thinking")
        assert scene.state() == "speaking"
    scene.later(TIMEOUTS["speaking"] + 1)
    assert scene.state() != "speaking" or scene.session.state == "draining"


def _greeted_with_opus(best, **hello):
    """A session of a board that has Opus, greeted by a host; and what the board has said of its voice."""
    scene = Scene()
    scene.mic.make_opus = lambda: "an encoder"
    scene.mic.opus_is_best = lambda: best
    scene.session.opened()
    scene.host(type="hello", transport="websocket", session_id="s", **hello)
    offer = scene.wire.said[0]
    features = offer["features"]
    return scene, (offer["audio_params"]["format"], features["codecs"], features["uplink"])


def test_a_stock_server_is_sent_opus_and_offered_it():
    # It sends the board's own parameters back.
    params = {"format": "opus", "sample_rate": 16000, "channels": 1, "frame_duration": 60}
    for best, uplink in ((False, ["ima-adpcm", "opus", "pcm"]), (True, ["opus", "ima-adpcm", "pcm"])):
        scene, offer = _greeted_with_opus(best, audio_params=params)
        assert offer == ("opus", ["ima-adpcm", "pcm"], uplink)
        assert scene.mic.opus == "an encoder"
        assert scene.speaker.configured == ("opus", 16000, 60)


def test_a_host_of_this_project_says_what_it_wants():
    adpcm = {"format": "ima-adpcm", "sample_rate": 16000, "channels": 1, "frame_duration": 60}
    for wanted in ("opus", "ima-adpcm"):
        answer = {"features": {"pose": False}, "audio_params": adpcm, "uplink_params": dict(adpcm, format=wanted)}
        scene, _ = _greeted_with_opus(False, **answer)
        assert (scene.mic.opus is not None) == (wanted == "opus")
        assert scene.speaker.configured == ("ima-adpcm", 16000, 60)
    # An older one knows nothing of it.
    scene, _ = _greeted_with_opus(True, features={"pose": True}, audio_params=adpcm)
    assert scene.mic.opus is None


def test_a_board_without_opus_does_not_offer_it():
    scene = Scene().online()
    offer = scene.wire.said[0]
    assert offer["audio_params"]["format"] == "ima-adpcm"
    assert "uplink" not in offer["features"]
    assert scene.mic.opus is None


def test_where_there_is_no_room_for_opus_the_next_hello_does_not_offer_it():
    scene = Scene()
    scene.mic.make_opus = lambda: None
    scene.mic.opus_is_best = lambda: False
    scene.session.opened()
    scene.host(type="hello", transport="websocket", session_id="s", audio_params={"format": "opus"})
    assert scene.wire.closed
    scene.session.lost()
    scene.wire.said.clear()
    scene.session.opened()
    assert scene.wire.said[0]["audio_params"]["format"] == "ima-adpcm"
    assert "uplink" not in scene.wire.said[0]["features"]
