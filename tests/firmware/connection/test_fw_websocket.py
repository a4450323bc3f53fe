"""RFC 6455 on the client's side, byte by byte: what is taken, what is refused and with which close code."""

import twins
from fw_support import Random, raises
from posewire_fw.handshake import accept_for, check_handshake, handshake_request
from posewire_fw.websocket import (
    BAD_DATA,
    BINARY,
    CLOSE,
    NEED_DATA,
    NO_CODE,
    PING,
    PONG,
    PROTOCOL_ERROR,
    TEXT,
    TOO_BIG,
    FrameBuilder,
    HandshakeError,
    Receiver,
    WebSocketError,
)

LIMIT = 1000


def frame(opcode, payload=b"", final=True, reserved=0, masked=False, length=None):
    """A server's frame; masked, reserved and a false length are for the bad ones."""
    count = len(payload) if length is None else length
    head = bytes([(0x80 if final else 0) | reserved << 4 | opcode])
    mask_bit = 0x80 if masked else 0
    if count < 126:
        head += bytes([mask_bit | count])
    elif count < 65536:
        head += bytes([mask_bit | 126, count >> 8, count & 255])
    else:
        head += bytes([mask_bit | 127]) + count.to_bytes(8, "big")
    return head + (b"\x00\x00\x00\x00" if masked else b"") + payload


def receive(data, piece=None):
    """Feed bytes in pieces of a size (None: as many as fit); return what came out as (kind, payload)."""
    receiver = Receiver(LIMIT, 512)
    piece = piece or 512
    events = []
    for at in range(0, len(data), piece):
        part = data[at : at + piece]
        receiver.chunk[: len(part)] = part
        receiver.fed(len(part))
        while True:
            kind = receiver.step()
            if kind == NEED_DATA:
                break
            if kind in (TEXT, BINARY):
                events.append((kind, bytes(receiver.message[: receiver.length])))
            else:
                events.append((kind, bytes(receiver.control[: receiver.control_length])))
                if kind == CLOSE:
                    events.append(("code", receiver.close_code, receiver.close_reason()))
    return events


def refused(data, code):
    for piece in (None, 1, 3):
        assert raises(WebSocketError, receive, data, piece).code == code


def test_messages_of_every_length_form_in_any_pieces():
    rng = Random(1)
    sizes = (0, 1, 125, 126, 127, 300, LIMIT)
    payloads = [rng.bytes(size) for size in sizes]
    data = b"".join([frame(BINARY, payload) for payload in payloads])
    expected = [(BINARY, payload) for payload in payloads]
    for piece in (None, 1, 2, 7, 130):
        assert receive(data, piece) == expected


def test_a_64_bit_length_that_fits_is_taken():
    payload = bytes(200)
    data = b"\x82\x7f" + (200).to_bytes(8, "big") + payload
    assert receive(data) == [(BINARY, payload)]


def test_text_and_empty_text():
    assert receive(frame(TEXT, "Grüße".encode()) + frame(TEXT)) == [(TEXT, "Grüße".encode()), (TEXT, b"")]


def test_fragments_become_one_message():
    data = frame(TEXT, b"He", final=False) + frame(0, b"l", final=False) + frame(0, b"", final=False) + frame(0, b"lo")
    for piece in (None, 1):
        assert receive(data + frame(BINARY, b"x"), piece) == [(TEXT, b"Hello"), (BINARY, b"x")]


def test_control_frames_inside_a_fragmented_message_do_not_disturb_it():
    data = frame(TEXT, b"Hel", final=False) + frame(PING, b"are you there") + frame(0, b"lo") + frame(PONG, b"p" * 125)
    for piece in (None, 1):
        assert receive(data, piece) == [(PING, b"are you there"), (TEXT, b"Hello"), (PONG, b"p" * 125)]


def test_utf8_may_be_cut_by_fragments_but_must_be_right_in_the_end():
    smile = "🙂".encode()
    assert receive(frame(TEXT, smile[:2], final=False) + frame(0, smile[2:])) == [(TEXT, smile)]
    refused(frame(TEXT, b"\xce\xba\xed\xa0\x80"), BAD_DATA)
    refused(frame(TEXT, smile[:3]), BAD_DATA)
    refused(frame(TEXT, b"\xc0\xaf"), BAD_DATA)
    assert receive(frame(BINARY, b"\xff\xfe")) == [(BINARY, b"\xff\xfe")]


def test_too_big_is_refused_from_the_header_alone():
    for header in (
        frame(BINARY, length=LIMIT + 1),
        frame(BINARY, length=65536),
        frame(TEXT, length=1 << 24),
        frame(BINARY, length=1 << 32),
        frame(BINARY, length=(1 << 63) - 1),
    ):
        refused(header, TOO_BIG)
    refused(frame(BINARY, b"x" * 600, final=False) + frame(0, length=401), TOO_BIG)
    refused(b"\x82\xff"[:1] + b"\x7f" + b"\x80" + bytes(7), PROTOCOL_ERROR)


def test_a_message_may_be_exactly_as_long_as_the_limit_in_fragments():
    data = frame(BINARY, b"a" * 600, final=False) + frame(0, b"b" * 400)
    assert receive(data) == [(BINARY, b"a" * 600 + b"b" * 400)]


def test_protocol_errors():
    for reserved in (1, 2, 4, 7):
        refused(frame(TEXT, b"x", reserved=reserved), PROTOCOL_ERROR)
    refused(frame(TEXT, b"x", masked=True), PROTOCOL_ERROR)
    for opcode in (3, 7, 11, 15):
        refused(frame(opcode, b"x"), PROTOCOL_ERROR)
    refused(frame(0, b"x"), PROTOCOL_ERROR)  # continues nothing
    refused(frame(TEXT, b"x", final=False) + frame(TEXT, b"y"), PROTOCOL_ERROR)
    refused(frame(TEXT, b"x") + frame(0, b"y"), PROTOCOL_ERROR)
    refused(frame(PING, b"x", final=False), PROTOCOL_ERROR)
    refused(frame(PING, b"x" * 126), PROTOCOL_ERROR)


def test_close_frames():
    assert receive(frame(CLOSE)) == [(CLOSE, b""), ("code", NO_CODE, "")]
    going = b"\x03\xe9bye"
    assert receive(frame(CLOSE, going), 1) == [(CLOSE, going), ("code", 1001, "bye")]
    for code in (1000, 1011, 1013, 3000, 4999):
        assert receive(frame(CLOSE, code.to_bytes(2, "big")))[1] == ("code", code, "")
    for code in (0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65535):
        refused(frame(CLOSE, code.to_bytes(2, "big")), PROTOCOL_ERROR)
    refused(frame(CLOSE, b"\x03"), PROTOCOL_ERROR)
    refused(frame(CLOSE, b"\x03\xe8\xff"), BAD_DATA)


def test_reset_begins_anew_in_the_middle_of_a_message():
    receiver = Receiver(LIMIT, 64)
    receiver.chunk[:4] = frame(TEXT, b"x", final=False) + b"\x80"
    receiver.fed(4)
    assert receiver.step() == NEED_DATA
    receiver.reset()
    receiver.chunk[:3] = frame(BINARY, b"y")
    receiver.fed(3)
    assert receiver.step() == BINARY


def read_client_frame(data):
    """-> (opcode, payload) of one masked frame, as a server reads it."""
    assert data[0] & 0x80
    assert data[1] & 0x80
    at = 2
    count = data[1] & 127
    if count == 126:
        count = data[2] << 8 | data[3]
        at = 4
        assert count >= 126  # the shortest form
    keys = data[at : at + 4]
    payload = bytearray(data[at + 4 :])
    assert len(payload) == count
    twins.xor(payload, 0, count, keys, 0)
    return data[0] & 15, bytes(payload)


def test_frames_that_are_built_are_what_a_server_reads():
    rng = Random(3)
    builder = FrameBuilder(2000)
    builder.keys.reseed()
    seen = set()
    for size in (0, 1, 4, 5, 125, 126, 127, 484, 2000):
        payload = rng.bytes(size)
        builder.put(BINARY, payload)
        data = bytes(builder.buffer[builder.start : builder.end])
        assert read_client_frame(data) == (BINARY, payload)
        seen.add(data[builder.PAYLOAD - builder.start - 4 : builder.PAYLOAD - builder.start])
    assert len(seen) == 9  # a fresh mask for each


def test_handshake_request_says_what_the_rfc_wants():
    request = handshake_request(
        "posewire.local:8000", "/posewire/v1/?a=b", "dGhlIHNhbXBsZSBub25jZQ==", [("Device-Id", "x")]
    )
    lines = request.decode().split("\r\n")
    assert lines[0] == "GET /posewire/v1/?a=b HTTP/1.1"
    assert lines[-2:] == ["", ""]
    for line in (
        "Host: posewire.local:8000",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        "Device-Id: x",
    ):
        assert line in lines


KEY = "dGhlIHNhbXBsZSBub25jZQ=="
GOOD = (
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: WebSocket\r\nconnection: keep-alive, Upgrade\r\n"
    "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
)


def test_handshake_answer():
    assert accept_for(KEY) == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="  # RFC 6455 section 1.3
    check_handshake(GOOD.encode(), KEY)
    for old, new in (
        ("xOo=", "xOO="),
        ("Sec-WebSocket-Accept", "X-Other"),
        ("Upgrade: WebSocket", "Upgrade: h2c"),
        ("keep-alive, Upgrade", "keep-alive"),
        ("101 Switching Protocols", "101 Switching Protocols\r\nSec-WebSocket-Extensions: permessage-deflate"),
        ("101 Switching Protocols", "101 Switching Protocols\r\nSec-WebSocket-Protocol: chat"),
    ):
        assert raises(HandshakeError, check_handshake, GOOD.replace(old, new).encode(), KEY).status == 101


def test_another_status_is_told():
    assert raises(HandshakeError, check_handshake, b"HTTP/1.1 401 Unauthorized\r\nX: y", KEY).status == 401
    assert raises(HandshakeError, check_handshake, b"SSH-2.0-OpenSSH", KEY).status == 0
    assert raises(HandshakeError, check_handshake, b"\xff\xfe", KEY).status == 0
