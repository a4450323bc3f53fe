"""RFC 6455 on the client's side against a server that misbehaves: the board's own client, on a real MicroPython.

All scenarios are played in one run of the interpreter, at once; each is judged by itself.
"""

import asyncio
import contextlib
import hashlib
import json
import os
import shutil
import socket
import ssl
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from misbehaving import BINARY, PING, PONG, TEXT, Peer, Play, Scenario, Server, close, frame

from posewire.sim.interpreter import find_micropython

HERE = Path(__file__).parent.parent
GOODBYE = close(1000)
LIMIT = 4096  # the longest message that the client takes


def sends(data: bytes, piece: int | None = None) -> Play:
    """Open, write these bytes, listen until the client closes."""

    async def play(peer: Peer) -> None:
        await peer.accept(data, piece)
        await peer.take_until_close()

    return play


def answers(data: bytes) -> Play:
    """Answer the opening request with these bytes and hang up."""

    async def play(peer: Peer) -> None:
        await peer.send(data)

    return play


def opens(**changes: str) -> Play:
    """Open with a changed answer."""

    async def play(peer: Peer) -> None:
        await peer.send(peer.answer(**changes))
        await peer.reader.read()

    return play


def accepted(name: str, data: bytes, *messages: str, piece: int | None = None, **more: Any) -> Scenario:
    """The client must take this, and answer the goodbye at the end."""
    return Scenario(name, sends(data + GOODBYE, piece), messages=messages, **more)


def refused(name: str, data: bytes, code: int, *messages: str, piece: int | None = None) -> Scenario:
    """The client must close with this code, and deliver nothing of what was wrong."""
    return Scenario(name, sends(data, piece), messages=messages, code=code, closed_with=code)


def unopened(name: str, play: Play, status: int, says: str, **more: Any) -> Scenario:
    """The opening must fail with a HandshakeError."""
    return Scenario(name, play, ends="HandshakeError", code=status, says=says, closed_with=None, **more)


def text(value: str) -> str:
    return "text:" + value


def data(value: bytes) -> str:
    return "bytes:" + value.hex()


SMILE = "🙂".encode()
BIG = bytes(range(256)) * 16


# openings


async def byte_by_byte(peer: Peer) -> None:
    await peer.send(peer.answer() + frame(BINARY, b"late") + GOODBYE, 1)
    await peer.take_until_close()


async def at_once(peer: Peer) -> None:
    await peer.send(peer.answer() + frame(BINARY, b"early") + frame(TEXT, b"bird") + GOODBYE)
    await peer.take_until_close()


async def odd_spelling(peer: Peer) -> None:
    head = peer.answer(UPGRADE="WebSocket", Connection="keep-alive, upGRADE", X_Other="a: b: c", drop="Upgrade")
    await peer.send(head + GOODBYE)
    await peer.take_until_close()


async def silent(peer: Peer) -> None:
    await peer.reader.read()


async def stops_in_the_middle(peer: Peer) -> None:
    await peer.send(b"HTTP/1.1 101 Swit")
    await peer.reader.read()


async def resets_in_the_opening(peer: Peer) -> None:
    peer.reset()


OPENINGS = [
    Scenario("opening_byte_by_byte", byte_by_byte, messages=(data(b"late"),)),
    Scenario("frames_in_one_segment_with_the_opening", at_once, messages=(data(b"early"), text("bird"))),
    Scenario("header_names_and_values_in_odd_spelling", odd_spelling),
    unopened("unauthorized", answers(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n"), 401, "401"),
    unopened("a_redirect_is_not_followed", answers(b"HTTP/1.1 301 Moved\r\nLocation: /\r\n\r\n"), 301, "301 Moved"),
    unopened("an_error_in_http_1_0", answers(b"HTTP/1.0 502 Bad Gateway\r\n\r\n"), 502, "502"),
    unopened("101_in_http_1_0", opens(version="HTTP/1.0"), 101, "HTTP/1.0"),
    unopened("not_http", answers(b"220 mail.example ESMTP\r\n\r\n"), 0, "not HTTP"),
    unopened("garbage", answers(bytes(range(128, 256)) + b"\r\n\r\n"), 0, "not HTTP"),
    unopened("a_head_without_end", answers(b"HTTP/1.1 101 S\r\nX-Filler: " + b"x" * 9000), 0, "longer than"),
    unopened("hangs_up_in_the_opening", answers(b"HTTP/1.1 101 Swit"), 0, "closed the connection"),
    unopened("wrong_accept", opens(Sec_WebSocket_Accept="s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), 101, "Accept"),
    unopened("no_accept", opens(drop="Sec-WebSocket-Accept"), 101, "Accept"),
    unopened("no_upgrade_field", opens(drop="Upgrade"), 101, "Upgrade"),
    unopened("upgrade_to_something_else", opens(Upgrade="h2c"), 101, "Upgrade"),
    unopened("no_connection_field", opens(drop="Connection"), 101, "Connection"),
    unopened("an_extension_nobody_asked_for", opens(Sec_WebSocket_Extensions="permessage-deflate"), 101, "extension"),
    unopened("a_subprotocol_nobody_asked_for", opens(Sec_WebSocket_Protocol="chat"), 101, "subprotocol"),
    Scenario("no_answer_to_the_opening", silent, options={"open_ms": 300}, ends="OSError", code=None,
             says="handshake", closed_with=None),
    Scenario("an_answer_that_stops_in_the_middle", stops_in_the_middle, options={"open_ms": 300}, ends="OSError",
             code=None, says="handshake", closed_with=None),
    Scenario("reset_in_the_opening", resets_in_the_opening, ends="OSError", code=None, closed_with=None),
]  # fmt: skip

LENGTHS = (0, 1, 125, 126, 127, 1459, 1460, 1461, LIMIT)
MESSAGES = [
    accepted("every_form_of_length", b"".join(frame(BINARY, BIG[:n]) for n in LENGTHS),
             *(data(BIG[:n]) for n in LENGTHS)),
    accepted("frames_byte_by_byte", frame(TEXT, "Grüße".encode()) + frame(BINARY, BIG[:200]), text("Grüße"),
             data(BIG[:200]), piece=1),
    accepted("many_small_messages_in_one_segment", frame(BINARY, b"x") * 500, *[data(b"x")] * 500),
    accepted("empty_messages", frame(TEXT) + frame(BINARY), text(""), data(b"")),
    accepted("a_64_bit_length_that_is_small", b"\x82\x7f" + bytes(7) + b"\x03abc", data(b"abc")),
    accepted("fragments", frame(TEXT, b"He", fin=False) + frame(0, b"l", fin=False) + frame(0, b"lo"), text("Hello")),
    accepted("a_hundred_fragments_of_one_byte", frame(BINARY, b"a", fin=False) + frame(0, b"b", fin=False) * 98
             + frame(0, b"c"), data(b"a" + b"b" * 98 + b"c")),
    accepted("empty_fragments", frame(TEXT, fin=False) + frame(0, fin=False) + frame(0, b"x", fin=False) + frame(0),
             text("x")),
    accepted("fragments_as_long_as_the_limit", frame(BINARY, BIG[:4000], fin=False) + frame(0, BIG[4000:]), data(BIG)),
    accepted("utf8_cut_by_fragments", frame(TEXT, SMILE[:2], fin=False) + frame(0, SMILE[2:]), text("🙂")),
    accepted("utf8_cut_by_segments", frame(TEXT, SMILE * 3), text("🙂🙂🙂"), piece=3),
    accepted("every_length_of_utf8", frame(TEXT, "aé€🙂\0".encode()), text("aé€🙂\0")),
    accepted("bytes_need_not_be_utf8", frame(BINARY, b"\xff\xc0\x80"), data(b"\xff\xc0\x80")),
]  # fmt: skip


def pongs(*payloads: bytes) -> Any:
    def check(peer: Peer, result: dict[str, Any]) -> bool:
        return [payload for opcode, payload in peer.frames if opcode == PONG] == list(payloads)

    return check


async def ping_and_wait(peer: Peer) -> None:
    await peer.accept(frame(TEXT, b"Hel", fin=False) + frame(PING, b"are you there?"))
    await peer.take()
    await peer.send(frame(0, b"lo") + GOODBYE)
    await peer.take_until_close()


async def a_flood_of_pings(peer: Peer) -> None:
    # Only the newest ping needs an answer (RFC 6455 section 5.5.3), but the flood must not stop all else.
    await peer.accept(b"".join(frame(PING, bytes([n & 255])) for n in range(3000)) + frame(TEXT, b"still here"))
    while (await peer.take())[1] != bytes([2999 & 255]):
        pass
    await peer.send(GOODBYE)
    await peer.take_until_close()


def pings_of(payload: bytes) -> Play:
    async def play(peer: Peer) -> None:
        await peer.accept(frame(PING, payload))
        await peer.take()
        await peer.send(GOODBYE)
        await peer.take_until_close()

    return play


CONTROL = [
    Scenario("a_ping_is_answered", pings_of(b"x"), check=pongs(b"x")),
    Scenario("an_empty_ping", pings_of(b""), check=pongs(b"")),
    Scenario("the_longest_ping", pings_of(BIG[:125]), check=pongs(BIG[:125])),
    Scenario("a_ping_inside_a_fragmented_message", ping_and_wait, messages=(text("Hello"),),
             check=pongs(b"are you there?")),
    Scenario("a_flood_of_pings", a_flood_of_pings, messages=(text("still here"),)),
    accepted("a_pong_that_nobody_asked_for", frame(PONG, b"why") + frame(TEXT, b"x"), text("x")),
    accepted("a_pong_inside_a_fragmented_message",
             frame(BINARY, b"a", fin=False) + frame(PONG, BIG[:125]) + frame(0, b"b"), data(b"ab")),
    Scenario("a_close_inside_a_fragmented_message", sends(frame(TEXT, b"half", fin=False) + close(1001)), code=1001,
             closed_with=1001),
]  # fmt: skip

BROKEN = [
    *(refused(f"reserved_bit_{bit}", frame(TEXT, b"x", rsv=bit), 1002) for bit in (1, 2, 4)),
    refused("a_masked_frame", b"\x82\x82\x00\x00\x00\x00ab", 1002),
    *(refused(f"opcode_{opcode}", frame(opcode, b"x"), 1002) for opcode in (3, 7, 11, 15)),
    refused("a_continuation_of_nothing", frame(TEXT, b"x") + frame(0, b"y"), 1002, text("x")),
    refused("a_message_inside_a_fragmented_one", frame(TEXT, b"x", fin=False) + frame(TEXT, b"y"), 1002),
    refused("a_fragmented_ping", frame(PING, b"x", fin=False), 1002),
    refused("a_ping_of_126_bytes", frame(PING, bytes(126)), 1002),
    refused("a_close_of_126_bytes", frame(8, b"\x03\xe8" + b"x" * 124), 1002),
    refused("a_close_of_one_byte", frame(8, b"\x03"), 1002),
    *(refused(f"close_code_{code}", close(code), 1002) for code in (0, 999, 1004, 1005, 1006, 1015, 2999, 5000)),
    refused("a_length_with_its_highest_bit", b"\x82\x7f\x80" + bytes(7), 1002),
    refused("text_that_is_not_utf8", frame(TEXT, b"good \xff bad"), 1007),
    refused("text_that_ends_in_the_middle_of_a_letter", frame(TEXT, SMILE[:3]), 1007),
    refused("an_overlong_letter", frame(TEXT, b"\xc0\xaf"), 1007),
    refused("a_surrogate", frame(TEXT, b"\xed\xa0\x80"), 1007),
    refused("a_letter_beyond_unicode", frame(TEXT, b"\xf4\x90\x80\x80"), 1007),
    refused("bad_utf8_in_fragments", frame(TEXT, SMILE[:2], fin=False) + frame(0, b"\x20"), 1007, piece=1),
    refused("a_close_reason_that_is_not_utf8", close(1000, b"\xff"), 1007),
    refused("one_byte_over_the_limit", frame(BINARY, length=LIMIT + 1), 1009),
    refused("a_frame_of_two_gigabytes", frame(BINARY, length=1 << 31), 1009),
    refused("a_frame_of_2_to_the_63", frame(TEXT, length=(1 << 63) - 1), 1009),
    refused("fragments_over_the_limit", frame(BINARY, BIG[:4000], fin=False) + frame(0, length=97), 1009),
]  # fmt: skip


# closing


async def answers_the_close(peer: Peer) -> None:
    await peer.accept()
    await peer.take_until_close()
    await peer.send(close(peer.closed_with or 1000))
    await peer.reader.read()


async def never_answers(peer: Peer) -> None:
    await peer.accept()
    await peer.take_until_close()
    await peer.reader.read()


async def goes_on_talking(peer: Peer) -> None:
    await peer.accept()
    with contextlib.suppress(ConnectionError):
        while True:
            await peer.send(frame(BINARY, b"bla"))
            await asyncio.sleep(0.01)


async def echoes_then_closes(peer: Peer) -> None:
    await peer.accept()
    while (await peer.take())[0] != 8:
        opcode, payload = peer.frames[-1]
        await peer.send(frame(opcode, payload))
    await peer.send(close(peer.closed_with or 1000))


def nothing_after_the_close(peer: Peer, result: dict[str, Any]) -> bool:
    return [opcode for opcode, _ in peer.frames][-1] == 8


CLOSING = [
    Scenario("an_empty_close", sends(frame(8)), code=1005, closed_with=1000),
    Scenario("a_close_with_a_reason", sends(close(1001, "tschüß".encode())), code=1001, says="tschüß",
             closed_with=1001),
    Scenario("a_private_close_code", sends(close(4000)), code=4000, closed_with=4000),
    Scenario("data_after_the_close", sends(GOODBYE + frame(TEXT, b"ghost"))),
    Scenario("the_client_closes_first", answers_the_close, close=1001, code=1001, closed_with=1001,
             check=nothing_after_the_close),
    Scenario("what_was_queued_goes_before_the_close", echoes_then_closes, texts=("a", "b"), close=1000,
             messages=(text("a"), text("b"))),
    Scenario("a_close_that_is_never_answered", never_answers, close=1000, options={"close_ms": 300}, code=1006,
             says="closed"),
    Scenario("a_server_that_goes_on_talking", goes_on_talking, close=1000, options={"close_ms": 300}, code=1006,
             says="closed", closed_with=None, messages=("*",), check=lambda peer, result: result["messages"]),
]  # fmt: skip


# the network


async def vanishes(peer: Peer) -> None:
    await peer.accept(frame(BINARY, b"x"))


async def vanishes_in_a_frame(peer: Peer) -> None:
    await peer.accept(frame(BINARY, b"x") + frame(BINARY, BIG)[:100])


async def resets(peer: Peer) -> None:
    await peer.accept(frame(BINARY, b"x"))
    await asyncio.sleep(0.1)
    peer.reset()


async def freezes(peer: Peer) -> None:
    await peer.accept()
    await peer.take_until_close()


async def answers_pings(peer: Peer) -> None:
    await peer.accept()
    for _ in range(3):
        opcode, payload = await peer.take()
        assert opcode == PING
        await peer.send(frame(PONG, payload))
    await peer.send(GOODBYE)
    await peer.take_until_close()


async def answers_a_ping_late(peer: Peer) -> None:
    await peer.accept(frame(PONG, b"nobody asked"))
    opcode, payload = await peer.take()
    assert opcode == PING
    await asyncio.sleep(0.1)
    await peer.send(frame(PONG, payload) + GOODBYE)
    await peer.take_until_close()


async def takes_and_says_nothing(peer: Peer) -> None:
    """Takes what it is sent for longer than a silence may last, and answers no ping: it is alive all the same."""
    # Without it the kernel would take all in advance.
    peer.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
    await peer.accept()
    for _ in range(150):
        await peer.take()
        await asyncio.sleep(0.002)
    await peer.send(GOODBYE)
    await peer.take_until_close()


async def does_not_read(peer: Peer) -> None:
    await peer.accept()
    peer.writer.transport.pause_reading()  # type: ignore[attr-defined]
    while not peer.writer.is_closing():
        await asyncio.sleep(0.05)
        await peer.send(frame(PONG))


def reads_late(count: int) -> Play:
    async def play(peer: Peer) -> None:
        await peer.accept()
        await asyncio.sleep(0.5)
        digest = hashlib.sha256()
        for _ in range(count):
            digest.update((await peer.take())[1])
        await peer.send(frame(TEXT, digest.hexdigest().encode()) + GOODBYE)
        await peer.take_until_close()

    return play


def all_bytes_arrived(peer: Peer, result: dict[str, Any]) -> bool:
    return bool(result["messages"] == [text(result["digest"])])


def frame_sizes(*sizes: int) -> Any:
    def check(peer: Peer, result: dict[str, Any]) -> bool:
        return [len(payload) for opcode, payload in peer.frames if opcode == BINARY] == list(sizes)

    return check


async def takes_frames(peer: Peer) -> None:
    await peer.accept()
    for _ in range(7):
        await peer.take()
    await peer.send(GOODBYE)
    await peer.take_until_close()


def masks_differ(peer: Peer, result: dict[str, Any]) -> bool:
    return len(set(peer.masks)) == len(peer.masks) > 100


NETWORK = [
    Scenario("the_server_vanishes", vanishes, messages=(data(b"x"),), code=1006, says="closed the connection",
             closed_with=None),
    Scenario("the_server_vanishes_in_a_frame", vanishes_in_a_frame, messages=(data(b"x"),), code=1006,
             closed_with=None),
    Scenario("the_connection_is_reset", resets, messages=("*",), ends="OSError", code=None, closed_with=None),
    Scenario("a_frozen_server_is_pinged_and_given_up", freezes, options={"silence_ms": 200}, code=1006,
             says="does not answer", closed_with=None,
             check=lambda peer, result: [opcode for opcode, _ in peer.frames] == [PING]),
    Scenario("pongs_keep_a_quiet_connection_open", answers_pings, options={"silence_ms": 600}),
    Scenario("a_round_trip_is_measured", answers_a_ping_late, ping=True,
             check=lambda peer, result: result["round_trip_ms"] >= 99),
    Scenario("a_server_that_takes_all_and_answers_no_ping", takes_and_says_nothing, send=((4000, 150),),
             options={"silence_ms": 400}),
    Scenario("a_server_that_does_not_read", does_not_read, send=((4000, 5000),), options={"stall_ms": 500}, code=1006,
             says="takes nothing", closed_with=None),
    Scenario("a_late_reader_gets_every_byte", reads_late(1000), send=((4000, 1000),), check=all_bytes_arrived,
             messages=("*",)),
    Scenario("frames_of_every_form_of_length", takes_frames, frame_max=65535,
             send=tuple((n, 1) for n in (1, 125, 126, 127, 4096, 65535, 1)),
             check=frame_sizes(1, 125, 126, 127, 4096, 65535, 1)),
    Scenario("every_frame_has_a_fresh_mask", reads_late(200), send=((10, 200),), check=masks_differ, messages=("*",)),
    Scenario("nobody_listens", silent, url="ws://127.0.0.1:9/", ends="OSError", code=None, closed_with=None),
    Scenario("a_name_that_does_not_exist", silent, url="ws://nobody.invalid/", ends="OSError", code=None,
             closed_with=None),
]  # fmt: skip


# URLs


def asks_for(path: str, host: str | None = None) -> Any:
    def check(peer: Peer, result: dict[str, Any]) -> bool:
        right = peer.head.startswith(f"GET {path} HTTP/1.1\r\n".encode()) and peer.head.count(b"Host: ") == 1
        return right and (host is None or str(peer.header("Host")).startswith(host))

    return check


def not_a_url(name: str, url: str, says: str) -> Scenario:
    return Scenario(name, silent, url=url, ends="ValueError", code=None, says=says, closed_with=None)


URLS = [
    Scenario("a_query", sends(GOODBYE), path="/a/b?c=d&e=%20f", check=asks_for("/a/b?c=d&e=%20f")),
    Scenario("a_query_without_a_path", sends(GOODBYE), path="/?q=1", url="{base}?q=1", check=asks_for("/?q=1")),
    Scenario("no_path", sends(GOODBYE), path="/", url="{base}", check=asks_for("/")),
    Scenario("a_fragment_is_not_sent", sends(GOODBYE), path="/page", url="{base}/page#top", check=asks_for("/page")),
    Scenario("an_ipv6_literal", sends(GOODBYE), url="{base6}/an_ipv6_literal",
             check=asks_for("/an_ipv6_literal", "[::1]:")),
    Scenario("the_headers_of_the_request", sends(GOODBYE), check=lambda peer, result: (
        peer.header("Device-Id") == "02:00:00:00:00:01" and peer.header("Sec-WebSocket-Version") == "13"
        and len(str(peer.header("Sec-WebSocket-Key"))) == 24 and peer.header("Upgrade") == "websocket")),
    not_a_url("an_http_url", "http://127.0.0.1/", "ws://"),
    not_a_url("a_port_that_is_too_high", "ws://127.0.0.1:99999/", "port"),
    not_a_url("a_port_that_is_no_number", "ws://127.0.0.1:http/", "port"),
    not_a_url("a_user_name_in_the_url", "ws://me:secret@127.0.0.1/", "user"),
    not_a_url("an_ipv6_literal_without_its_bracket", "ws://[::1/", "bracket"),
    not_a_url("no_host", "ws:///path", "host"),
]  # fmt: skip

TLS = [
    Scenario("tls_with_the_right_authority", sends(frame(BINARY, BIG) + GOODBYE), tls=True, ca="authority",
             messages=(data(BIG),)),
    Scenario("tls_with_another_authority", silent, tls=True, ca="other", ends="ValueError", code=None,
             says="not correctly signed", closed_with=None),
    Scenario("tls_with_another_name", silent, tls=True, ca="authority", url="wss://127.0.0.1:{tls_port}/x",
             ends="ValueError", code=None, says="does not match", closed_with=None),
    Scenario("tls_without_an_authority_is_not_verified", sends(GOODBYE), tls=True),
    Scenario("tls_on_a_port_that_speaks_plain", silent, url="wss://localhost:{port}/x", ca="authority",
             options={"open_ms": 2000}, ends="OSError", code=None, closed_with=None),
    Scenario("tls_and_a_late_reader_gets_every_byte", reads_late(1000), tls=True, ca="authority", send=((4000, 1000),),
             check=all_bytes_arrived, messages=("*",)),
    Scenario("tls_byte_by_byte", byte_by_byte, tls=True, ca="authority", messages=(data(b"late"),)),
    Scenario("tls_and_the_server_vanishes", vanishes, tls=True, ca="authority", messages=(data(b"x"),), ends="*",
             code=None, closed_with=None),
]  # fmt: skip

SCENARIOS = [*OPENINGS, *MESSAGES, *CONTROL, *BROKEN, *CLOSING, *NETWORK, *URLS, *TLS]


class Outcome:
    """The outcomes of all scenarios, on both sides."""

    def __init__(self, server: Server, output: str) -> None:
        self.peers = server.peers
        lines = [line[7:] for line in output.splitlines() if line.startswith("RESULT ")]
        self.results: dict[str, dict[str, Any]] = {result["name"]: result for result in map(json.loads, lines)}


def self_signeds(folder: Path) -> dict[str, Path]:
    """Two authorities; the first has signed a certificate for localhost: host.pem and host.key."""

    def openssl(*arguments: object) -> None:
        subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)

    curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    for name in ("authority", "other"):
        pem = folder / f"{name}.pem"
        openssl(
            "req", "-x509", *curve, "-days", 30, "-subj", f"/CN={name}", "-keyout", folder / f"{name}.key", "-out", pem
        )
        openssl("x509", "-in", pem, "-outform", "DER", "-out", folder / f"{name}.der")
    names = folder / "names"
    names.write_text("subjectAltName=DNS:localhost")
    openssl("req", *curve, "-subj", "/CN=localhost", "-keyout", folder / "host.key", "-out", folder / "host.csr")
    authority = ("-CA", folder / "authority.pem", "-CAkey", folder / "authority.key", "-CAcreateserial")
    openssl("x509", "-req", "-in", folder / "host.csr", *authority, "-days", 30, "-extfile", names, "-out",
            folder / "host.pem")  # fmt: skip
    return {name: folder / f"{name}.der" for name in ("authority", "other")}


def has_ipv6() -> bool:
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            return True
    except OSError:
        return False


async def play_all(folder: Path) -> Outcome:
    server = Server(SCENARIOS)
    async with contextlib.AsyncExitStack() as stack:
        plain = await asyncio.start_server(server.handle, "127.0.0.1", 0)
        stack.callback(plain.close)
        port = plain.sockets[0].getsockname()[1]
        places = {"base": f"ws://127.0.0.1:{port}", "port": port, "base6": "", "tls_port": 0, "tls": ""}
        authorities: dict[str, Path] = {}
        if has_ipv6():
            six = await asyncio.start_server(server.handle, "::1", 0)
            stack.callback(six.close)
            places["base6"] = f"ws://[::1]:{six.sockets[0].getsockname()[1]}"
        if shutil.which("openssl"):
            authorities = self_signeds(folder)
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(folder / "host.pem", folder / "host.key")
            secure = await asyncio.start_server(server.handle, "127.0.0.1", 0, ssl=context)
            stack.callback(secure.close)
            places["tls_port"] = secure.sockets[0].getsockname()[1]
            places["tls"] = f"wss://localhost:{places['tls_port']}"
        plan = []
        for scenario in SCENARIOS:
            if missing(scenario, places):
                continue
            base = "{tls}" if scenario.tls else "{base}"
            url = scenario.url or base + (scenario.path or f"/{scenario.name}")
            plan.append({
                "name": scenario.name, "url": url.format(**places), "send": scenario.send, "texts": scenario.texts,
                "close": scenario.close, "ping": scenario.ping, "options": scenario.options,
                "frame_max": scenario.frame_max,
                "ca": str(authorities[scenario.ca]) if scenario.ca else None,
            })  # fmt: skip
        (folder / "plan.json").write_text(json.dumps(plan))
        command = [*find_micropython(), "-X", "heapsize=16m", str(HERE / "run_on_micropython.py"), "mp_conformance.py"]
        environment = {**os.environ, "POSEWIRE_TEST_PLAN": str(folder / "plan.json")}
        done = await asyncio.to_thread(
            subprocess.run, command, capture_output=True, text=True, timeout=100, env=environment, check=False
        )
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr
        return Outcome(server, done.stdout)


def missing(scenario: Scenario, places: dict[str, Any]) -> bool:
    """Whether this machine cannot play a scenario."""
    needs = scenario.url or ""
    return ("{base6}" in needs and not places["base6"]) or (
        (scenario.tls or scenario.ca is not None) and not places["tls"]
    )


@pytest.fixture(scope="module")
def outcome() -> Iterator[Outcome]:
    with tempfile.TemporaryDirectory() as folder:
        yield asyncio.run(play_all(Path(folder)))


def test_the_scenarios_are_many() -> None:
    assert len({scenario.name for scenario in SCENARIOS}) == len(SCENARIOS) >= 40


@pytest.mark.parametrize("scenario", SCENARIOS, ids=[scenario.name for scenario in SCENARIOS])
def test_conformance(scenario: Scenario, outcome: Outcome) -> None:
    result = outcome.results.get(scenario.name)
    if result is None:
        pytest.skip("this machine has no IPv6 or no openssl")
    kind, code, words = result["end"]
    if scenario.ends != "*":
        assert kind == scenario.ends, words
    if scenario.code is not None:
        assert code == scenario.code, words
    assert scenario.says in words
    if scenario.messages != ("*",):
        assert tuple(result["messages"]) == scenario.messages
    peer = outcome.peers.get(scenario.name)
    if scenario.closed_with is not None or scenario.check is not None:
        assert peer is not None, "the client never came"
    if peer is not None:
        assert not peer.problems
        if scenario.closed_with is not None:
            assert peer.closed_with == scenario.closed_with
        if scenario.check is not None:
            assert scenario.check(peer, result)
