"""The socket shell against a real server that echoes, for which see test_fw_on_micropython.py. On MicroPython only.

What it does against servers that misbehave is in mp_conformance.py.
"""

import asyncio
import os
import time

from posewire_fw.link import Link
from posewire_fw.websocket import WebSocketError

GOOD = os.getenv("POSEWIRE_TEST_GOOD")


class Inbox:
    def __init__(self):
        self.binary = []
        self.text = []

    def on_binary(self, message, count):
        self.binary.append(bytes(message[:count]))

    def on_text(self, message, count):
        self.text.append(bytes(message[:count]).decode())


class Outbox:
    """Sends payloads in order."""

    def __init__(self, payloads=()):
        self.payloads = iter(payloads)

    def fill(self, buf, at):
        payload = next(self.payloads, b"")
        buf[at : at + len(payload)] = payload
        return len(payload)


def nothing():
    pass


def connect(url, payloads=()):
    inbox = Inbox()
    link = Link(Outbox(payloads))
    asyncio.run(link.connect(url, [("Device-Id", "02:00:00:00:00:01")], None, nothing))
    return link, inbox


def turn_until(link, inbox, done, seconds=20):
    deadline = time.ticks_add(time.ticks_ms(), seconds * 1000)
    while not done():
        assert time.ticks_diff(deadline, time.ticks_ms()) > 0, "nothing happened in time"
        link.turn(inbox)
        time.sleep_ms(1)


def ending(link, inbox):
    """Turn until the connection ends; return the error that says so."""
    try:
        turn_until(link, inbox, lambda: False)
    except WebSocketError as exc:
        link.drop(exc.code)
        return exc


def test_messages_come_back_as_they_went():
    sizes = (1, 2, 125, 126, 127, 484, 1000, 1459, 1460, 1461, 4096)
    payloads = [bytes([n]) * size for n, size in enumerate(sizes)]
    link, inbox = connect(GOOD + "/echo", payloads)
    assert link.send_text("Grüße 🙂")
    turn_until(link, inbox, lambda: len(inbox.binary) == len(payloads) and inbox.text)
    assert inbox.binary == payloads
    assert inbox.text == ["Grüße 🙂"]
    link.drop()


def test_text_that_waits_goes_before_binary_frames():
    link, inbox = connect(GOOD + "/echo", [b"a", b"b"])
    link.send_text("1")
    link.send_text("2")
    turn_until(link, inbox, lambda: len(inbox.binary) == 2)
    assert inbox.text == ["1", "2"]
    link.drop()


def test_a_text_queue_that_overflows_closes_the_connection():
    link, inbox = connect(GOOD + "/echo")
    for number in range(16):
        assert link.send_text(str(number))
    assert not link.send_text("one too many")
    assert not link.open()
    ending(link, inbox)


class Short:
    """A real socket that is short of something now and then, as lwIP is when its pool is empty."""

    def __init__(self, sock, error, times):
        self.sock = sock
        self.error = error
        self.times = times

    def _turn(self):
        self.times -= 1
        if self.times >= 0:
            raise OSError(self.error)

    def write(self, *args):
        self._turn()
        return self.sock.write(*args)

    def readinto(self, *args):
        self._turn()
        return self.sock.readinto(*args)

    def close(self):
        self.sock.close()


def test_a_shortage_of_a_moment_is_no_loss():
    for error in (11, 12, 105):
        link, inbox = connect(GOOD + "/echo", [b"utterance"])
        link._sock = Short(link._sock, error, 20)
        turn_until(link, inbox, lambda: inbox.binary == [b"utterance"])
        link.drop()


def test_a_shortage_that_stays_ends_the_connection_and_so_does_any_other_error_at_once():
    link, inbox = connect(GOOD + "/echo", [b"utterance"])
    link._stall_ms = 200
    link._sock = Short(link._sock, 12, 1000000)
    assert "takes nothing" in str(ending(link, inbox))
    link, inbox = connect(GOOD + "/echo", [b"utterance"])
    link._sock = Short(link._sock, 104, 1)
    try:
        turn_until(link, inbox, lambda: False, 1)
    except OSError as exc:
        assert exc.errno == 104
    else:
        raise AssertionError("a broken connection went unnoticed")
    link.drop()
