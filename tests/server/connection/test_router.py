"""Layer 1 and the table of layer 2, on a connection without a socket."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from websockets.frames import Frame, Opcode

from posewire.errors import RoomError, ToolError, WireError
from posewire.identity.principal import Principal
from posewire.server.bridge.settings import UpstreamSettings
from posewire.server.connection.message_type import TextType
from posewire.server.connection.peer import Peer
from posewire.server.connection.settings import FloodSettings
from posewire.wire.frames import FrameType
from server.connection.wired import LOCAL, Parts, Wire, audio

VIEWER = Principal("person", "ann", frozenset({"room.*"}))
STEREO = {"format": "pcm", "sample_rate": 16000, "channels": 2, "frame_duration": 60}
OPUS = {"format": "opus", "sample_rate": 16000, "channels": 1, "frame_duration": 60}


async def test_only_hello_may_come_first(parts: Parts) -> None:
    wire = parts.connect()
    wire.send(type="ping", id=1)
    wire.send_binary(audio(bytes(32)))
    assert wire.codes() == ["hello_required"] * 2
    wire.hello()
    wire.send(type="ping", id=1)
    assert wire.messages()[0]["type"] == "pong"


@pytest.mark.parametrize(
    ("text", "code"),
    [("[1]", "bad_json"), ("no", "bad_json"), ("{}", "bad_message"), ('{"type":"nonsense"}', "unknown_type")],
)
async def test_a_message_that_has_no_handler_is_refused(parts: Parts, text: str, code: str) -> None:
    wire = parts.greeted()
    wire.send_text(text)
    assert wire.codes() == [code]
    assert wire.close_code is None


async def test_a_type_wants_its_scope(parts: Parts) -> None:
    wire = parts.greeted("viewer", VIEWER)
    wire.send(type="listen", state="start", mode="auto")
    assert wire.codes() == ["forbidden"]


async def test_a_frame_goes_where_its_type_says(parts: Parts) -> None:
    publisher, subscriber = parts.greeted("publisher"), parts.greeted("subscriber")
    publisher.send(type="room", action="join", room="studio", publish=["audio"])
    subscriber.send(type="room", action="join", room="studio", subscribe=["audio"])
    subscriber.received()
    publisher.send_frame(FrameType.AUDIO, b"abcd")
    assert subscriber.received() == [audio(b"abcd", member_id=1)]
    publisher.received()
    publisher.send_frame(FrameType.JSON, b'{"type":"ping","id":5}')
    assert publisher.messages("pong")[0]["id"] == 5
    publisher.send_frame(FrameType.POSE, b"\0")
    publisher.send_frame(77, b"")
    assert publisher.codes() == ["bad_pose", "bad_frame"]
    assert (parts.counters["audio_in"], parts.counters["pose_in"]) == (1, 1)


async def test_pose_wants_an_agreement_and_a_room(parts: Parts) -> None:
    wire = parts.greeted(features={})
    wire.send_frame(FrameType.POSE, b"\0")
    assert wire.codes() == ["bad_message"]
    agreed = parts.greeted("other")
    agreed.send_frame(FrameType.POSE, b"\0")
    assert agreed.codes() == ["not_in_room"]


@pytest.mark.parametrize(("header", "code"), [(None, []), (3, ["bad_frame"])])
async def test_bare_opus_is_taken_where_no_header_named_the_protocol(
    parts: Parts, header: int | None, code: list[str]
) -> None:
    wire = parts.connect("client", protocol=header)
    answer = wire.hello(audio_params=OPUS)
    if answer["audio_params"]["format"] != "opus":
        pytest.skip("there is no libopus here")
    wire.send_binary(b"\xff" * 20)
    assert wire.codes() == code


async def test_no_common_audio_format_ends_the_connection(parts: Parts) -> None:
    wire = parts.connect()
    wire.send(type="hello", version=3, transport="websocket", audio_params=STEREO)
    assert wire.codes() == ["unsupported_audio"]
    assert wire.close_code == 1003


async def test_each_kind_of_message_has_its_own_limit(parts: Parts) -> None:
    parts.settings = replace(parts.settings, flood=FloodSettings(1e-3, 5, 1e-3, 1, 1e-3, 1))
    wire = parts.greeted()
    for _ in range(3):
        wire.send_binary(audio(b""))
        wire.send_binary(b"")
    assert parts.counters["flood_audio"] == 5
    assert wire.codes() == ["too_many"]
    for _ in range(3):
        wire.send_frame(FrameType.POSE, b"\0")
    assert parts.counters["flood_pose"] == 2
    for _ in range(5):
        wire.websocket.data_received(Frame(Opcode.PONG, b"").serialize(mask=True))
    assert parts.counters["flood_frames"] == 0
    wire.websocket.data_received(Frame(Opcode.PONG, b"").serialize(mask=True))
    assert parts.counters["flood_frames"] == 1
    for _ in range(5):
        wire.send(type="ping", id=1)
    assert parts.counters["flood_text"] == 1


@pytest.fixture
def failing() -> Iterator[Parts]:
    def raises(error: Exception) -> TextType:
        def handle(peer: Peer, message: Any) -> None:
            raise error

        return TextType(handle)

    def later(error: Exception) -> TextType:
        async def handle(peer: Peer, message: Any) -> None:
            await asyncio.sleep(0)
            raise error

        return TextType(handle)

    parts = Parts(
        text_types={
            "refused": raises(RoomError("no", "room_locked")),
            "coded": raises(ToolError("no")),
            "broken": raises(KeyError("a defect")),
            "refused later": later(WireError("no", "busy")),
            "broken later": later(KeyError("a defect")),
        }
    )
    yield parts
    parts.store.close()


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        ("refused", "room_locked"),
        ("coded", "tool_failed"),
        ("broken", "internal"),
        ("refused later", "busy"),
        ("broken later", "internal"),
    ],
)
async def test_a_handler_that_fails_is_answered_and_the_session_goes_on(failing: Parts, kind: str, code: str) -> None:
    wire = failing.greeted()
    wire.send(type=kind)
    for _ in range(3):
        await asyncio.sleep(0)
    assert wire.codes() == [code]
    assert failing.counters["internal_errors"] == (code == "internal")
    assert wire.close_code is None


async def test_a_handler_that_takes_time_ends_with_its_connection() -> None:
    ended = asyncio.Event()

    async def handle(peer: Peer, message: Any) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    parts = Parts(text_types={"slow": TextType(handle)})
    wire = parts.greeted()
    wire.send(type="slow")
    await asyncio.sleep(0)
    wire.lose()
    await asyncio.wait_for(ended.wait(), 5)
    await parts.close()


async def test_every_sixteenth_message_is_timed(parts: Parts) -> None:
    wire = parts.greeted()
    for _ in range(32):
        wire.send(type="ping", id=1)
    assert wire.handler.messages == 33
    assert len(parts.observed) == 2
    assert all(0 <= seconds < 10 for seconds in parts.observed)


async def test_messages_are_traced_where_that_is_on() -> None:
    parts = Parts(traced=True)
    wire = parts.greeted()
    wire.send(type="ping", id=1)
    wire.send_binary(audio(b"ab"))
    assert [(kind, device) for kind, device, _ in parts.spans] == [("hello", "board"), ("ping", "board")]
    assert parts.spans[-1][2] == wire.handler.session_id
    await parts.close()


async def test_where_there_is_an_upstream_server_its_messages_and_the_audio_go_there() -> None:
    parts = Parts(upstream=UpstreamSettings(url="ws://127.0.0.1:9/"))
    wire = parts.greeted("board", LOCAL)
    bridge = wire.handler.upstream.bridge
    assert bridge is not None
    wire.send(type="abort")
    for _ in range(150):
        wire.send(type="listen", state="detect", text="hello")
    # They wait for the connection: a hundred do, and further ones are refused.
    assert set(wire.codes()) == {"too_many"}
    wire.send(type="ping", id=1)
    assert [message["type"] for message in wire.messages()] == ["pong"]
    await parts.close()


async def test_the_end_of_a_congestion_lets_waiting_audio_go(parts: Parts) -> None:
    publisher, slow = parts.greeted("publisher"), parts.greeted("slow")
    publisher.send(type="room", action="join", room="studio", publish=["audio"])
    slow.send(type="room", action="join", room="studio", subscribe=["audio"])
    slow.received()
    slow.transport.stuck = True
    for number in range(30):
        publisher.send_frame(FrameType.AUDIO, bytes([number]) * 1000)
    assert parts.counters["congested"] == 1
    assert parts.counters["audio_dropped"] > 0
    got = _audio(slow)
    assert got[-1] < 29
    assert _audio(slow)[-1] == 29


def _audio(wire: Wire) -> list[int]:
    """The first byte of the payload of each frame that has come."""
    return [message[4] for message in wire.received() if isinstance(message, bytes)]


PIECES = {
    "empty pieces": [Frame(Opcode.TEXT, b"", fin=False), *[Frame(Opcode.CONT, b"", fin=False)] * 9000],
    "pieces of a byte": [Frame(Opcode.BINARY, b"x", fin=False), *[Frame(Opcode.CONT, b"x", fin=False)] * 9000],
    "messages in two pieces": [Frame(Opcode.BINARY, b"", fin=False), Frame(Opcode.CONT, b"")] * 4500,
    "pings": [Frame(Opcode.PING, b"")] * 9000,
}


@pytest.mark.parametrize("greeted", [False, True])
@pytest.mark.parametrize("kind", PIECES)
async def test_a_flood_of_what_is_no_whole_message_is_closed_at_once(parts: Parts, kind: str, greeted: bool) -> None:
    wire = parts.greeted() if greeted else parts.connect()
    data = b"".join(frame.serialize(mask=True) for frame in PIECES[kind])
    burst = parts.settings.flood.text_burst
    wire.websocket.data_received(data)
    assert wire.close_code == 1008
    # What came with it is not parsed any more.
    assert burst <= parts.counters["flood_frames"] <= burst + 2


async def test_after_its_own_close_the_host_only_looks_for_the_peers(parts: Parts) -> None:
    wire = parts.greeted()
    wire.handler.close(1008, "enough")
    before = dict(parts.counters)
    ping = Frame(Opcode.TEXT, b'{"type":"ping","id":1}').serialize(mask=True)
    pieces = Frame(Opcode.BINARY, b"x", fin=False).serialize(mask=True)
    for _ in range(100):
        wire.websocket.data_received(ping * 10 + pieces + b"\x8f\x80\0\0\0\0")
    assert dict(parts.counters) == before
    assert not wire.transport.ended
    wire.websocket.data_received(ping[:5])
    wire.websocket.data_received(ping[5:] + Frame(Opcode.CLOSE, b"\x03\xf0").serialize(mask=True))
    assert wire.transport.ended
    assert wire.close_code == 1008


async def test_who_sends_on_after_the_close_is_cut(parts: Parts) -> None:
    wire = parts.greeted()
    wire.handler.close(1008, "enough")
    for _ in range(6):
        assert not wire.transport.ended
        wire.websocket.data_received(Frame(Opcode.BINARY, bytes(50_000)).serialize(mask=True))
    assert wire.transport.ended
