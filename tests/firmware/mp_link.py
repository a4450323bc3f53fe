"""The socket shell against real servers; runs on MicroPython only. test_fw_on_micropython.py is the other end.

Paths of the servers: /echo and /digest speak proper WebSocket; the rest is played byte by byte.
"""

import asyncio
import hashlib
import os
import time

from posewire_fw.link import Link
from posewire_fw.websocket import GOING_AWAY, HandshakeError, WebSocketError

GOOD = os.getenv("POSEWIRE_TEST_GOOD")
RAW = os.getenv("POSEWIRE_TEST_RAW")
TLS = os.getenv("POSEWIRE_TEST_TLS")


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


def connect(url, payloads=(), ca=None):
    inbox = Inbox()
    link = Link(Outbox(payloads))
    asyncio.run(link.connect(url, [("Device-Id", "02:00:00:00:00:01")], ca, nothing))
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


def failure(url, ca=None):
    try:
        connect(url, (), ca)
    except Exception as exc:
        return exc
    raise AssertionError("the connection was opened")


def test_messages_come_back_as_they_went():
    sizes = (1, 2, 125, 126, 127, 484, 1000, 1459, 1460, 1461, 4096)
    payloads = [bytes([n]) * size for n, size in enumerate(sizes)]
    link, inbox = connect(GOOD + "/echo", payloads)
    assert link.send_text("Grüße 🙂")
    turn_until(link, inbox, lambda: len(inbox.binary) == len(payloads) and inbox.text)
    assert inbox.binary == payloads
    assert inbox.text == ["Grüße 🙂"]
    link.drop()


def test_a_slow_receiver_gets_every_byte_in_order():
    # More than the socket buffers hold: the network takes pieces of frames, and nothing for a while.
    def payloads():
        for n in range(1500):
            yield bytes([n & 255, n >> 8]) * 2000

    digest = hashlib.sha256()
    for payload in payloads():
        digest.update(payload)
    link, inbox = connect(GOOD + "/digest?count=1500", payloads())
    turn_until(link, inbox, lambda: inbox.text, 40)
    assert inbox.text[0] == "".join(["%02x" % byte for byte in digest.digest()])
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


def test_a_ping_inside_a_fragmented_message_is_answered():
    link, inbox = connect(RAW + "/ping")
    assert "1000 thanks" in str(ending(link, inbox))  # the server saw the pong
    assert inbox.text == ["Hello"]


def test_frames_that_come_with_the_handshake_are_not_lost():
    link, inbox = connect(RAW + "/eager")
    turn_until(link, inbox, lambda: inbox.binary)
    assert inbox.binary == [b"early"]
    link.drop()


def test_a_handshake_may_come_byte_by_byte():
    link, inbox = connect(RAW + "/dribble")
    turn_until(link, inbox, lambda: inbox.binary)
    assert inbox.binary == [b"late"]
    link.drop()


def test_bad_handshakes():
    assert failure(RAW + "/401").status == 401
    for path in ("/bad-accept", "/no-upgrade"):
        assert failure(RAW + path).status == 101
    for path in ("/not-http", "/endless", "/hang-up"):
        exc = failure(RAW + path)
        assert isinstance(exc, HandshakeError), path
        assert exc.status == 0


def test_nobody_there():
    assert isinstance(failure("ws://127.0.0.1:9/"), OSError)
    assert isinstance(failure("http://127.0.0.1/"), ValueError)


def test_what_breaks_the_protocol_ends_the_connection():
    for path, code in (("/masked", 1002), ("/reserved", 1002), ("/oversize", 1009), ("/bad-utf8", 1007)):
        link, inbox = connect(RAW + path)
        assert ending(link, inbox).code == code, path
        assert inbox.text == []
        assert inbox.binary == []


def test_the_hosts_end_is_told():
    link, inbox = connect(RAW + "/goodbye")
    assert "1001 restart" in str(ending(link, inbox))
    link, inbox = connect(RAW + "/vanish")
    assert "closed the connection" in str(ending(link, inbox))


def test_closing_in_order():
    link, inbox = connect(RAW + "/wait-for-close")
    link.close(GOING_AWAY)
    assert "1001" in str(ending(link, inbox))


def test_a_host_that_does_not_answer_a_close_is_left_all_the_same():
    link, inbox = connect(RAW + "/deaf")
    link.close()
    assert "closed" in str(ending(link, inbox))


def test_tls_with_the_right_authority():
    if not TLS:
        return
    link, inbox = connect(TLS + "/echo", [b"secret" * 600], os.getenv("POSEWIRE_TEST_CA"))
    turn_until(link, inbox, lambda: inbox.binary)
    assert inbox.binary == [b"secret" * 600]
    link.drop()


def test_tls_with_another_authority_is_refused():
    if not TLS:
        return
    assert isinstance(failure(TLS + "/echo", os.getenv("POSEWIRE_TEST_OTHER_CA")), (OSError, ValueError))
