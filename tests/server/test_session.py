"""A session on the wire: opening, hello, and everything a peer can get wrong."""

import asyncio
import json
import urllib.request
from dataclasses import replace

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from posewire.errors import ConfigError
from posewire.identity.settings import AuthSettings
from posewire.server.host import Host
from posewire.voice.settings import VoiceSettings
from posewire.wire.frames import FrameType, build_frame
from posewire.wire.opus import OpusDecoder, OpusEncoder
from support.hosts import running, settings
from support.peers import Peer, Peers


async def closed_with(peer: Peer) -> int:
    with pytest.raises(ConnectionClosed):
        while True:
            await peer.socket.recv()
    assert peer.socket.close_code is not None
    return peer.socket.close_code


async def test_hello_both_ways(peers: Peers) -> None:
    answer = await (await peers.connect()).hello()
    assert answer["transport"] == "websocket"
    assert len(answer["session_id"]) == 36
    assert answer["version"] == 3
    assert answer["features"] == {"pose": True}
    assert answer["audio_params"] == {"format": "pcm", "sample_rate": 16000, "channels": 1, "frame_duration": 60}


async def test_a_second_hello_keeps_the_session(peers: Peers) -> None:
    peer = await peers.connect()
    assert (await peer.hello())["session_id"] == (await peer.hello())["session_id"]


async def test_a_client_without_headers_or_audio_is_served(host: Host) -> None:
    async with connect(host.url.replace("/posewire/v1/", "/any/path")) as socket:
        await socket.send('{"type":"hello"}')
        answer = json.loads(await socket.recv())
        assert answer["version"] == 1
        assert answer["features"] == {"pose": False}


async def test_a_browser_says_who_it_is_in_the_query(host: Host) -> None:
    async with connect(host.url + "?device-id=AA:BB:cc:00:00:09&client-id=page") as socket:
        await socket.send('{"type":"hello"}')
        await socket.recv()
        assert host.services.registry.device("aa:bb:cc:00:00:09") is not None


async def test_no_hello_in_time_closes() -> None:
    async with running(settings(hello_timeout=0.05)) as host:
        peer = await Peers(host.url).connect()
        assert (await peer.receive("error"))["code"] == "hello_timeout"
        assert await closed_with(peer) == 1002


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        ("{", "bad_json"),
        ("7", "bad_json"),
        ("{}", "bad_message"),
        ('{"type":"dance"}', "unknown_type"),
        ('{"type":"listen"}', "bad_message"),
        ('{"type":"listen","state":"start"}', "not_available"),
        ('{"type":"mcp"}', "bad_message"),
        ('{"type":"mcp","payload":{}}', "bad_message"),
        ('{"type":"iot","descriptors":[{}]}', "bad_message"),
        ('{"type":"room","action":"join"}', "bad_message"),
        ('{"type":"room","action":"join","room":"r","publish":["smell"]}', "bad_message"),
        (b"\x00", "bad_frame"),
        (b"\x63\x00\x00\x00", "bad_frame"),
        (b"\x00\x00\x00\x09abc", "bad_frame"),
        (build_frame(FrameType.POSE, b"abc", 3), "not_in_room"),
    ],
)
async def test_what_is_wrong_is_answered_and_the_session_goes_on(peers: Peers, sent: str | bytes, code: str) -> None:
    peer = await peers.connect()
    await peer.hello()
    await peer.socket.send(sent)
    error = await peer.receive("error")
    assert error["code"] == code
    assert error["message"]
    await peer.echo()


async def test_audio_is_decoded_only_while_somebody_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []

    class Decoder(OpusDecoder):
        def __init__(self, rate: int) -> None:
            super().__init__(rate)
            made.append("decoder")

    class Encoder(OpusEncoder):
        def __init__(self, rate: int) -> None:
            super().__init__(rate)
            made.append("encoder")

    monkeypatch.setattr("posewire.wire.audio.OpusDecoder", Decoder)
    monkeypatch.setattr("posewire.wire.audio.OpusEncoder", Encoder)
    host = Host(replace(settings(), voice=VoiceSettings(tts="none")))
    await host.start()
    peers = Peers(host.url)
    try:
        peer = await peers.connect()
        await peer.hello(audio_params={"format": "opus", "sample_rate": 16000, "channels": 1, "frame_duration": 60})
        await peer.socket.send(build_frame(FrameType.AUDIO, b"abc", 3))
        await peer.echo()
        assert made == []
        await peer.send(type="listen", state="start", mode="manual")
        await peer.socket.send(build_frame(FrameType.AUDIO, b"\xff" * 3, 3))
        assert (await peer.receive("error"))["code"] == "bad_frame"
        assert made == ["decoder"]
        await peer.send(type="listen", state="stop")
    finally:
        await peers.close()
        await host.stop()


async def test_nothing_but_hello_comes_first(peers: Peers) -> None:
    peer = await peers.connect()
    await peer.socket.send(build_frame(FrameType.AUDIO, bytes(64), 3))
    assert (await peer.receive("error"))["code"] == "hello_required"
    await peer.send(type="listen", state="start", mode="auto")
    assert (await peer.receive("error"))["code"] == "hello_required"
    await peer.hello()


async def test_an_oversized_message_closes_only_its_sender(peers: Peers) -> None:
    good, bad = await peers.connect("aa:00:00:00:00:01"), await peers.connect("aa:00:00:00:00:02")
    await good.hello()
    await bad.hello()
    await bad.socket.send("x" * 100_000)
    assert await closed_with(bad) == 1009
    await good.echo()


async def test_text_that_is_not_utf8_closes_1007(peers: Peers) -> None:
    peer = await peers.connect()
    await peer.hello()
    await peer.socket.send(b"\xff\xfe", text=True)
    assert await closed_with(peer) == 1007


async def test_a_fragmented_message_is_put_together(peers: Peers) -> None:
    peer = await peers.connect()
    await peer.hello()
    await peer.socket.send(['{"type":', '"ping",', '"id":5}'])
    assert (await peer.receive("pong"))["id"] == 5


async def test_a_format_that_the_host_lacks_is_refused_with_a_reason(peers: Peers) -> None:
    peer = await peers.connect()
    await peer.send(type="hello", audio_params={"format": "speex"})
    assert (await peer.receive("error"))["code"] == "unsupported_audio"
    assert await closed_with(peer) == 1003


async def test_json_in_a_binary_frame_is_a_message(peers: Peers) -> None:
    peer = await peers.connect()
    await peer.hello()
    await peer.socket.send(build_frame(FrameType.JSON, b'{"type":"ping","id":9}', 3))
    assert (await peer.receive("pong"))["id"] == 9


async def test_goodbye_ends_the_session(peers: Peers) -> None:
    peer = await peers.connect()
    await peer.hello()
    await peer.send(type="goodbye")
    assert await closed_with(peer) == 1000


async def test_what_comes_after_the_hosts_close_is_not_heard(host: Host, peers: Peers) -> None:
    peer, watcher = await peers.connect("aa:00:00:00:00:01"), await peers.connect("aa:00:00:00:00:02")
    await peer.hello()
    await watcher.hello()
    handler = host.services.registry.device("aa:00:00:00:00:01")
    assert handler is not None
    peer.socket.transport.pause_reading()  # it does not know of the close yet
    handler.close(1008, "that was enough")
    before = host.services.counters["text_in"]
    await peer.send(type="room", action="join", room="studio")
    peer.socket.transport.resume_reading()
    assert await closed_with(peer) == 1008
    await watcher.echo()
    assert host.services.rooms.rooms == {}
    assert host.services.counters["text_in"] == before + 1  # the ping of the echo


async def test_a_device_that_connects_twice_replaces_its_older_session(peers: Peers) -> None:
    first = await peers.connect()
    await first.hello()
    second = await peers.connect()
    await second.hello()
    assert await closed_with(first) == 4000
    await second.echo()


async def test_one_connection_too_many_is_told_why(peers: Peers) -> None:
    for number in range(8):
        await (await peers.connect(f"aa:00:00:00:00:{number:02x}")).hello()
    with pytest.raises(InvalidStatus) as caught:
        await peers.connect("aa:00:00:00:00:ff")
    assert caught.value.response.status_code == 503
    assert json.loads(caught.value.response.body)["code"] == "too_many"


async def test_nothing_is_left_of_a_closed_connection(host: Host, peers: Peers) -> None:
    before = len(asyncio.all_tasks())
    peer = await peers.connect()
    await peer.hello()
    await peer.join()
    await peer.socket.close()
    await asyncio.wait_for(host.services.registry.drained(), 5)
    assert len(host.services.registry) == 0
    assert host.services.rooms.rooms == {}
    assert len(asyncio.all_tasks()) <= before


async def test_peers_are_told_when_the_host_stops() -> None:
    host = Host(settings())
    await host.start()
    async with connect(host.url) as socket:
        peer = Peer(socket)
        await peer.hello()
        stopping = asyncio.create_task(host.stop())
        assert (await peer.receive("goodbye"))["reason"]
        assert await closed_with(peer) == 1001
        await stopping


async def test_health_is_plain_http(host: Host) -> None:
    url = host.url.replace("ws://", "http://").replace("/posewire/v1/", "/healthz")

    def get() -> tuple[int, bytes]:
        with urllib.request.urlopen(url, timeout=5) as response:
            return response.status, response.read()

    assert await asyncio.to_thread(get) == (200, b"ok\n")


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/", "Device-Id: a\r\nDevice-Id: b\r\n", 400),
        ("/", "Origin: http://127.0.0.1\r\nOrigin: http://127.0.0.1\r\n", 400),
        ("/", "Origin: http://[\r\n", 403),
        ("//[", "", 101),
        ("/?device-id=%ff&[", "", 101),
    ],
)
async def test_an_opening_request_that_makes_no_sense_is_answered(
    host: Host, path: str, headers: str, status: int
) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", int(host.url.split(":")[2].split("/")[0]))
    writer.write(
        f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n{headers}"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
    )
    answer = await asyncio.wait_for(reader.readline(), 10)
    assert answer.startswith(f"HTTP/1.1 {status} ".encode())
    assert sum(host.services.counters[f"refused_{code}"] for code in ("bad_message", "forbidden")) == (status != 101)
    writer.close()


async def test_a_wrong_token_is_refused_before_the_upgrade() -> None:
    host = Host(replace(settings(), auth=AuthSettings(token="secret")))
    await host.start()
    try:
        for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "secret2"}):
            with pytest.raises(InvalidStatus) as caught:
                await connect(host.url, additional_headers=headers)
            assert caught.value.response.status_code == 401
            assert json.loads(caught.value.response.body)["code"] == "unauthorized"
        async with connect(host.url, additional_headers={"Authorization": "Bearer secret"}) as socket:
            await Peer(socket).hello()
        async with connect(host.url + "?authorization=Bearer%20secret") as socket:
            await Peer(socket).hello()
    finally:
        await host.stop()


@pytest.mark.parametrize("address", ["0.0.0.0", "192.168.1.5", "::", "example.org"])
def test_off_loopback_there_is_no_host_without_a_token(address: str) -> None:
    with pytest.raises(ConfigError, match="token"):
        Host(settings(host=address))
