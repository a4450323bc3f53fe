"""The small parts: button, LED, ring, clock, URLs, events, back-off."""

import time

from fw_support import raises
from posewire_fw.button import NOTHING, PRESSED, RELEASED, Button
from posewire_fw.clock import Clock
from posewire_fw.connecting import next_wait
from posewire_fw.events import Events
from posewire_fw.led import Led
from posewire_fw.ring import Ring
from posewire_fw.url import parse_url


class Level:
    """A pin that reads what it is told."""

    def __init__(self):
        self.high = 1

    def value(self):
        return self.high


def test_button_rides_out_bouncing():
    pin = Level()
    button = Button(pin)
    events = []
    for high in (1, 0, 1, 0, 0, 1, 0, 0, 0, 0, 1, 0, 1, 1, 0, 1, 1, 1, 1):
        pin.high = high
        events.append(button.poll())
    assert [event for event in events if event != NOTHING] == [PRESSED, RELEASED]
    assert events[8] == PRESSED
    assert not button.down


class Pixel:
    def __init__(self):
        self.shown = []

    def show(self, color):
        self.shown.append(color)


def test_a_colour_set_by_a_tool_is_seen_when_idle_and_kept_through_a_turn():
    pixel = Pixel()
    led = Led(pixel)
    led.set_state("idle")
    led.set_color(0, 0, 255)
    assert pixel.shown[-1] == (0, 0, 255)
    led.set_state("listening")
    assert pixel.shown[-1] != (0, 0, 255)
    led.set_color(255, 0, 0)
    led.set_state("idle")
    assert pixel.shown[-1] == (255, 0, 0)
    led.turn_off()
    assert pixel.shown[-1] == (0, 0, 0)
    led.turn_on()
    assert pixel.shown[-1] == (255, 0, 0)
    count = len(pixel.shown)
    for _ in range(5):
        led.tick()
    assert len(pixel.shown) == count  # written only when it changes


def test_an_led_that_never_had_a_colour_turns_on_white():
    led = Led(Pixel())
    led.turn_on()
    assert led.color == (255, 255, 255)


def put(ring, payload):
    at = ring.back()
    ring.buffer[at : at + len(payload)] = payload
    ring.commit(len(payload))


def take(ring):
    at = ring.front()
    if at < 0:
        return None
    payload = bytes(ring.buffer[at : at + ring.length()])
    ring.release()
    return payload


def test_ring_keeps_order_and_frames():
    ring = Ring(100, 20)
    assert ring.capacity == 5
    for turn in range(7):
        put(ring, b"a%d" % turn)
        put(ring, b"bb%d" % turn)
        assert take(ring) == b"a%d" % turn
        assert take(ring) == b"bb%d" % turn
    assert take(ring) is None
    assert ring.dropped == 0


def test_a_full_ring_drops_the_oldest_and_counts():
    ring = Ring(64, 16)
    for number in range(10):
        put(ring, bytes([number]) * (number + 1))
    assert ring.dropped == 6
    assert [take(ring) for _ in range(5)] == [bytes([n]) * (n + 1) for n in (6, 7, 8, 9)] + [None]


def test_ring_places_are_aligned_and_can_be_changed():
    ring = Ring(100, 10)
    assert ring.frame_size == 12
    put(ring, b"x")
    ring.configure(33, 1)
    assert (ring.frame_size, ring.capacity, ring.count) == (36, 2, 0)
    ring.configure(33, 4)  # the buffer grows
    assert (ring.frame_size, ring.capacity) == (36, 4)


def test_urls():
    assert parse_url("ws://host") == (False, "host", 80, "/", "host")
    assert parse_url("WSS://host:8443/a/b?c=d#e") == (True, "host", 8443, "/a/b?c=d", "host:8443")
    assert parse_url("ws://host?x=/y") == (False, "host", 80, "/?x=/y", "host")
    assert parse_url("ws://[::1]:8000/p") == (False, "::1", 8000, "/p", "[::1]:8000")
    assert parse_url("wss://[fe80::1]/") == (True, "fe80::1", 443, "/", "[fe80::1]")
    for url in (
        "http://host/",
        "host",
        "ws://",
        "ws://:80",
        "ws://h:0",
        "ws://h:65536",
        "ws://h:x",
        "ws://[::1",
        "ws://u@h/",
        "ws://[::1]x",
    ):
        raises(ValueError, parse_url, url)


def test_the_clock_counts_on_where_ticks_wrap():
    clock = Clock()
    clock.high = 0xFFFF
    clock.low = 0xFFFE
    # as if the last look had been 5 ms before ticks_ms() wrapped, and now it is 10 ms after that look
    clock._last = time.ticks_add(time.ticks_ms(), -10)
    buf = bytearray(6)
    clock.write_be(buf, 1)
    assert buf[1:4] == b"\x00\x00\x00"
    assert 8 <= buf[4] <= 30


def test_a_failing_listener_does_not_stop_the_others():
    events = Events()
    seen = []

    def bad(value):
        raise ValueError(value)

    events.on("stt", bad)
    events.on("stt", seen.append)
    events.emit("stt", "hello")
    events.emit("emotion", "happy")
    assert seen == ["hello"]
    raises(ValueError, events.on, "nonsense", seen.append)


def test_backoff_doubles_to_30_s_and_starts_again_after_a_stable_connection():
    waits = []
    following = 0
    for _ in range(10):
        wait, following = next_wait(following, 0, False)
        waits.append(wait)
    for wait, middle in zip(waits, (500, 1000, 2000, 4000, 8000, 16000, 30000, 30000, 30000, 30000)):
        assert middle * 3 // 4 <= wait <= min(middle * 5 // 4, 30000)
    assert next_wait(following, 4999, False)[0] > 20000
    assert next_wait(following, 5000, False)[0] <= 625


def test_backoff_waits_at_least_a_second_after_an_error_and_varies():
    assert all(next_wait(0, 0, True)[0] >= 1000 for _ in range(5))
    assert len({next_wait(0, 0, False)[0] for _ in range(20)}) > 3
