"""The short way through the frame parser delivers exactly what the package's own parser would."""

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.client import ClientProtocol
from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.protocol import CLIENT, SERVER, Protocol
from websockets.uri import parse_uri

from posewire.server.transport.framing import binary_frame
from posewire.server.transport.websocket import WebSocket

LIMIT = 2000


class Transport(asyncio.Transport):
    """Keeps what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.written = bytearray()
        self.ended = False

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return ("127.0.0.1", 1) if name == "peername" else default

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        pass

    def write(self, data: Any) -> None:
        assert not self.ended, "as a socket's transport has it"
        self.written += data

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        self.ended = True

    def abort(self) -> None:
        self.ended = True


class Received:
    """Keeps what is delivered."""

    def __init__(self) -> None:
        self.messages: list[str | bytes] = []

    def on_text(self, text: str) -> None:
        self.messages.append(text)

    def on_binary(self, data: bytes) -> None:
        self.messages.append(bytes(data))

    def on_other_frame(self) -> None:
        pass

    def on_congested(self, congested: bool) -> None:
        pass

    def on_closed(self, code: int, reason: str) -> None:
        pass


def serialised(frame: Frame, masked: bool = True) -> bytes:
    return frame.serialize(mask=masked)


FRAMES = st.one_of(
    st.binary(max_size=300).map(lambda data: serialised(Frame(Opcode.BINARY, data))),
    st.binary(max_size=20).map(lambda data: serialised(Frame(Opcode.BINARY, data))),
    st.text(max_size=50).map(lambda text: serialised(Frame(Opcode.TEXT, text.encode()))),
    st.binary(max_size=20).map(lambda data: serialised(Frame(Opcode.PING, data))),
    st.binary(max_size=20).map(lambda data: serialised(Frame(Opcode.PONG, data))),
    st.tuples(st.binary(max_size=20), st.binary(max_size=20)).map(
        lambda halves: (
            serialised(Frame(Opcode.BINARY, halves[0], fin=False)) + serialised(Frame(Opcode.CONT, halves[1]))
        )
    ),
    # What is not allowed: too long, not masked, a reserved opcode or bit, a fragment that begins nothing.
    st.integers(LIMIT - 2, LIMIT + 2).map(lambda size: serialised(Frame(Opcode.BINARY, bytes(size)))),
    st.just(serialised(Frame(Opcode.BINARY, bytes(70000)))),
    st.binary(max_size=9).map(lambda data: serialised(Frame(Opcode.BINARY, data), masked=False)),
    st.sampled_from([b"\x83\x80\0\0\0\0", b"\xc2\x80\0\0\0\0", b"\x80\x80\0\0\0\0", b"\x02\x80\0\0\0\0"]),
    # The start of what can be no frame, where the package does not wait for more either.
    st.sampled_from([b"\xff\xff\xff\xff", b"\x0b\xff"]),
    st.just(serialised(Frame(Opcode.CLOSE, b"\x03\xe8"))),
)


def by_the_package(data: bytes) -> tuple[list[str | bytes], int | None]:
    protocol = Protocol(SERVER, max_size=LIMIT)
    protocol.receive_data(data)
    messages: list[str | bytes] = []
    parts: list[bytes] = []
    for frame in protocol.events_received():
        assert isinstance(frame, Frame)
        if frame.opcode not in (Opcode.TEXT, Opcode.BINARY, Opcode.CONT):
            continue
        parts.append(bytes(frame.data))
        if frame.fin:
            whole, parts = b"".join(parts), []
            messages.append(whole.decode() if frame.opcode is Opcode.TEXT else whole)
    return messages, protocol.close_sent.code if protocol.close_sent is not None else None


@given(st.lists(FRAMES, max_size=8), st.lists(st.integers(1, 400), max_size=40))
async def test_any_stream_in_any_pieces(frames: list[bytes], cuts: list[int]) -> None:
    data = b"".join(frames)
    received, transport = Received(), Transport()
    websocket = WebSocket(lambda websocket, request: received, LIMIT)
    websocket.connection_made(transport)
    client = ClientProtocol(parse_uri("ws://test/"))
    request: Request = client.connect()
    websocket.data_received(request.serialize())
    client.receive_data(bytes(transport.written))
    transport.written.clear()
    at = 0
    for cut in (*cuts, len(data)):
        if at < len(data):
            websocket.data_received(data[at : at + cut])
        at += cut
    messages, code = by_the_package(data)
    assert received.messages == messages
    peer = Protocol(CLIENT)
    peer.receive_data(bytes(transport.written))
    assert (peer.close_rcvd.code if peer.close_rcvd is not None else None) == code
    websocket.connection_lost(None)


@pytest.mark.parametrize("start", [b"\xff", b"\xff\xff\xff\xff", b"\x83", b"\x09", b"\x89\xfe\0", b"\xc1\x80"])
async def test_the_end_of_what_can_be_no_frame_is_not_waited_for(start: bytes) -> None:
    received, transport = Received(), Transport()
    websocket = WebSocket(lambda websocket, request: received, LIMIT)
    websocket.connection_made(transport)
    client = ClientProtocol(parse_uri("ws://test/"))
    websocket.data_received(client.connect().serialize())
    websocket.data_received(serialised(Frame(Opcode.TEXT, b"hi")) + start)
    client.receive_data(bytes(transport.written))
    assert received.messages == ["hi"]
    assert client.close_rcvd is not None
    assert client.close_rcvd.code == 1002
    assert transport.ended
    websocket.connection_lost(None)


async def test_a_client_that_does_not_wait_for_the_answer_gets_it_before_its_frames_are_refused() -> None:
    received, transport = Received(), Transport()
    websocket = WebSocket(lambda websocket, request: received, LIMIT)
    websocket.connection_made(transport)
    client = ClientProtocol(parse_uri("ws://test/"))
    unmasked = Frame(Opcode.TEXT, b"hello").serialize(mask=False)
    websocket.data_received(client.connect().serialize() + Frame(Opcode.TEXT, b"hi").serialize(mask=True) + unmasked)
    client.receive_data(bytes(transport.written))
    assert client.handshake_exc is None
    assert received.messages == ["hi"]
    assert client.close_rcvd is not None
    assert client.close_rcvd.code == 1002
    websocket.connection_lost(None)


@given(st.one_of(st.binary(max_size=200), st.integers(65530, 65540).map(bytes)))
def test_a_frame_made_once_is_the_packages_frame(message: bytes) -> None:
    assert binary_frame(message) == Frame(Opcode.BINARY, message).serialize(mask=False)
