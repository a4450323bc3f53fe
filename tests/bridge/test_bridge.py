"""The bridge on the wire: a board's peer on one side, a server of the stock protocol on the other."""

import asyncio
import json
import re
import ssl
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from http import HTTPStatus
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pytest_asyncio
from numpy.typing import NDArray

from posewire.identity.settings import AuthSettings
from posewire.identity.stored import issue_token
from posewire.server.bridge import bridge as bridge_module
from posewire.server.bridge import dialer, keepalive
from posewire.server.bridge.settings import UpstreamSettings
from posewire.server.host import Config, Host
from posewire.store import StoreSettings
from posewire.wire.audio import frame_decoder, frame_encoder
from posewire.wire.frames import FrameType, build_frame, parse_frame
from posewire.wire.messages import AudioParams
from posewire.wire.opus import OpusDecoder, OpusEncoder
from support.hosts import settings
from support.peers import Peer, Peers
from support.servers.stock_server import REPLY_FRAMES, TONE_HZ, StockServer

RATE = 16000
ADPCM = {"format": "ima-adpcm", "sample_rate": RATE, "channels": 1, "frame_duration": 60}


@pytest_asyncio.fixture
async def upstream() -> AsyncIterator[StockServer]:
    async with StockServer() as running:
        yield running


@pytest_asyncio.fixture
async def host(upstream: StockServer) -> AsyncIterator[Host]:
    running = Host(replace(settings(), upstream=UpstreamSettings(upstream.url)))
    await running.start()
    yield running
    await running.stop()


@pytest_asyncio.fixture
async def peers(host: Host) -> AsyncIterator[Peers]:
    opened = Peers(host.url)
    yield opened
    await opened.close()


def chirp(seconds: float) -> NDArray[np.int16]:
    time = np.arange(int(RATE * seconds)) / RATE
    return (9000 * np.sin(2 * np.pi * (300 + 400 * time) * time)).astype(np.int16)


async def say(peer: Peer, params: AudioParams, pcm: NDArray[np.int16], protocol: int = 3) -> None:
    encoder = frame_encoder(params)
    for start in range(0, len(pcm) - params.frame_samples + 1, params.frame_samples):
        frame = encoder.encode(pcm[start : start + params.frame_samples])
        await peer.socket.send(build_frame(FrameType.AUDIO, frame, protocol))


async def hear(peer: Peer, params: AudioParams, protocol: int = 3) -> tuple[NDArray[np.int16], list[dict[str, Any]]]:
    """The sound and the texts in order, until the reply is over."""
    decoder, sound, texts = frame_decoder(params), [], []
    while True:
        message = await asyncio.wait_for(peer.socket.recv(), 10)
        if isinstance(message, bytes):
            assert texts[-1]["type"] == "tts"
            sound.append(decoder.decode(parse_frame(message, protocol).payload))
            assert len(sound[-1]) == params.frame_samples
            continue
        text = json.loads(message)
        if text.get("emotion") == "thinking":
            continue  # on a slow machine the board is told that its turn goes on
        texts.append(text)
        if texts[-1].get("state") == "stop":
            return np.concatenate(sound), texts


def likeness(sound: NDArray[np.int16], original: NDArray[np.int16]) -> float:
    """The best correlation over some delay, 0 to 1."""
    best = 0.0
    for delay in range(0, 800, 4):
        length = min(len(sound) - delay, len(original))
        a, b = sound[delay : delay + length].astype(float), original[:length].astype(float)
        best = max(best, float(a @ b / (np.linalg.norm(a) * np.linalg.norm(b) + 1e-9)))
    return best


def loudest_hz(sound: NDArray[np.int16], rate: int) -> float:
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(len(sound))))
    return float(np.argmax(spectrum) * rate / len(sound))


@pytest.mark.parametrize(
    ("params", "protocol"),
    [
        (AudioParams("ima-adpcm", 16000, 1, 60), 3),
        (AudioParams("pcm", 16000, 1, 20), 2),
        (AudioParams("pcm", 22050, 1, 40), 3),
        (AudioParams("opus", 16000, 1, 60), 1),
        (AudioParams("opus", 16000, 1, 60), 2),
        (AudioParams("opus", 16000, 1, 20), 3),
    ],
)
async def test_a_board_of_any_format_talks_to_a_server_that_knows_only_opus(
    peers: Peers, upstream: StockServer, params: AudioParams, protocol: int
) -> None:
    peer = await peers.connect("02:00:00:00:00:01", **{"Protocol-Version": str(protocol)})
    await peer.hello(audio_params=params.as_dict())
    await peer.send(type="listen", state="start", mode="manual")
    voice = chirp(1.26)
    if params.sample_rate == RATE:
        await say(peer, params, voice, protocol)
    else:
        await say(peer, params, np.zeros(params.sample_rate, np.int16), protocol)
    # As some clients end a recording.
    await peer.socket.send(b"")
    await peer.send(type="listen", state="stop")
    await upstream.until(lambda: upstream.texts("listen", state="stop"))
    # Every utterance arrives whole, before the message that ends it.
    assert len(upstream.sound()) >= 0.9 * RATE
    assert upstream.bad_packets == 0
    if params.sample_rate == RATE:
        assert likeness(upstream.sound(), voice) > 0.9
    asked = upstream.texts("hello")[0]["audio_params"]
    assert (asked["format"], asked["frame_duration"]) == (
        "opus",
        params.frame_duration if params.format == "opus" else 60,
    )
    assert upstream.headers[0]["device-id"] == "02:00:00:00:00:01"
    assert upstream.headers[0]["protocol-version"] == "1"
    replying = asyncio.create_task(upstream.reply())
    sound, texts = await hear(peer, params, protocol)
    await replying
    assert [(text["type"], text.get("state")) for text in texts] == [
        ("stt", None), ("tts", "start"), ("llm", None), ("tts", "sentence_start"), ("tts", "stop"),
    ]  # fmt: skip
    assert {text["session_id"] for text in texts} != {"s"}
    assert abs(len(sound) / params.sample_rate - REPLY_FRAMES * 0.06) < 0.061
    assert abs(loudest_hz(sound, params.sample_rate) - TONE_HZ) < 10


async def test_opus_of_a_board_that_plays_none_goes_up_untouched(peers: Peers, upstream: StockServer) -> None:
    peer = await peers.connect("board")
    features = {"codecs": ["ima-adpcm", "pcm"], "uplink": ["ima-adpcm", "opus", "pcm"]}
    answer = await peer.hello(audio_params={**ADPCM, "format": "opus"}, features=features)
    # Of what it offers the host wants what it can pass on.
    assert answer["uplink_params"] == {**ADPCM, "format": "opus"}
    assert answer["audio_params"] == ADPCM
    encoder = OpusEncoder(RATE)
    packets = [encoder.encode(chirp(0.6)[start : start + 960]) for start in range(0, 9600, 960)]
    await peer.send(type="listen", state="start", mode="manual")
    for packet in packets:
        await peer.socket.send(build_frame(FrameType.AUDIO, packet, 3))
    await peer.send(type="listen", state="stop")
    await upstream.until(lambda: upstream.texts("listen", state="stop"))
    assert upstream.packets == packets
    replying = asyncio.create_task(upstream.reply())
    sound, _ = await hear(peer, AudioParams(**ADPCM), 3)
    await replying
    assert abs(loudest_hz(sound, RATE) - TONE_HZ) < 10


async def test_a_bridge_makes_codecs_for_who_needs_them(
    peers: Peers, upstream: StockServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[str] = []

    class Encoder(OpusEncoder):
        def __init__(self, rate: int) -> None:
            super().__init__(rate)
            made.append("encoder")

    monkeypatch.setattr("posewire.server.bridge.transcoder.OpusEncoder", Encoder)
    stock = await peers.connect("stock")
    await stock.hello(audio_params={**ADPCM, "format": "opus"})
    board = await peers.connect("board")
    await board.hello(audio_params=ADPCM)
    await stock.send(type="listen", state="start", mode="manual")
    await say(stock, AudioParams("opus"), chirp(0.3))
    await upstream.until(lambda: len(upstream.sound()) >= 0.2 * RATE)
    assert made == []
    await say(board, AudioParams(**ADPCM), chirp(0.3))
    await board.echo()
    assert made == ["encoder"]


async def test_tools_pass_through_both_ways(peers: Peers, upstream: StockServer) -> None:
    peer = await peers.connect()
    await peer.hello(features={"mcp": True}, audio_params=ADPCM)
    asked = await peer.receive("mcp")
    assert asked["payload"]["method"] == "initialize"
    await peer.send(type="mcp", payload={"jsonrpc": "2.0", "id": 1, "result": {"serverInfo": {"name": "sim"}}})
    assert (await peer.receive("mcp"))["payload"]["method"] == "tools/list"
    tools = [{"name": "self.led.set_color", "inputSchema": {}}]
    await peer.send(type="mcp", payload={"jsonrpc": "2.0", "id": 2, "result": {"tools": tools, "nextCursor": ""}})
    await upstream.until(lambda: upstream.tools)
    calling = asyncio.create_task(upstream.call_tool("self.led.set_color", {"red": 255}))
    call = await peer.receive("mcp")
    assert call["payload"]["params"] == {"name": "self.led.set_color", "arguments": {"red": 255}}
    result = {"content": [{"type": "text", "text": "true"}], "isError": False}
    await peer.send(type="mcp", payload={"jsonrpc": "2.0", "id": call["payload"]["id"], "result": result})
    assert await calling == result
    await peer.send(type="iot", states=[{"name": "Lamp", "state": {"on": True}}])
    await upstream.until(lambda: upstream.texts("iot"))
    await upstream.send(type="iot", commands=[{"name": "Lamp", "method": "TurnOn", "parameters": {}}])
    assert (await peer.receive("iot"))["commands"][0]["method"] == "TurnOn"
    await upstream.send(type="alert", status="low", message="battery", emotion="sad")
    assert (await peer.receive("alert"))["message"] == "battery"


async def test_rooms_and_pings_stay_here(peers: Peers, upstream: StockServer) -> None:
    peer = await peers.connect()
    await peer.hello(audio_params=ADPCM)
    await peer.join("studio")
    await peer.echo()
    await peer.send(type="abort", reason="button")
    await upstream.until(lambda: upstream.texts("abort"))
    assert {message["type"] for message in upstream.messages} == {"hello", "abort"}


async def test_what_upstream_sends_wrong_harms_nobody(
    peers: Peers, upstream: StockServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    peer = await peers.connect()
    await peer.hello(audio_params=ADPCM)
    await upstream.until(lambda: "upstream" in caplog.messages)  # both have said hello: before it, words are a refusal
    for message in ("not json", "7", '{"no":"type"}', b"", b"\xff\x00 no opus at all" * 20):
        await upstream.connections[-1].send(message)
    replying = asyncio.create_task(upstream.reply())
    sound, _ = await hear(peer, AudioParams("ima-adpcm", 16000, 1, 60))
    await replying
    assert abs(loudest_hz(sound, RATE) - TONE_HZ) < 10


async def test_upstream_lost_in_the_middle_of_a_turn_is_told_and_found_again(
    peers: Peers, upstream: StockServer
) -> None:
    peer = await peers.connect()
    await peer.hello(audio_params=ADPCM)
    await peer.send(type="listen", state="start", mode="auto")
    await upstream.until(lambda: upstream.texts("listen", state="start"))
    await upstream.send(type="tts", state="start")
    await peer.receive("tts", state="start")
    upstream.connections[-1].transport.abort()
    await peer.receive("tts", state="stop")
    assert (await peer.receive("error"))["code"] == "upstream"
    # The new session is told that the board listens.
    await upstream.until(lambda: len(upstream.texts("listen", state="start")) == 2)
    await say(peer, AudioParams(**ADPCM), chirp(0.6))
    await upstream.until(lambda: len(upstream.sound()) >= 0.5 * RATE)


async def test_a_closed_idle_connection_is_opened_again_by_the_next_turn(
    peers: Peers, upstream: StockServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    peer = await peers.connect()
    await peer.hello(audio_params=ADPCM)
    await upstream.until(lambda: "upstream" in caplog.messages)  # both have said hello
    await upstream.connections[-1].close()
    await upstream.until(lambda: "upstream_closed" in caplog.messages)
    await peer.echo()
    assert len(upstream.connections) == 1
    await peer.send(type="listen", state="detect", text="hello there")
    await upstream.until(lambda: upstream.texts("listen", state="detect", text="hello there"))
    assert len(upstream.connections) == 2


async def test_an_upstream_that_is_not_there_is_told_each_turn(
    peers: Peers, upstream: StockServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bridge_module, "_FIRST_PAUSE", 0.01)
    await upstream.stop()
    peer = await peers.connect()
    await peer.hello(audio_params=ADPCM)
    for _ in range(2):
        assert (await peer.receive("error"))["code"] == "upstream"
        await peer.send(type="listen", state="start", mode="auto")
        await say(peer, AudioParams(**ADPCM), chirp(6.0))
        await peer.echo()
    await peer.receive("error", code="upstream")
    # When it is back, the next turn gets through.
    await upstream.start()
    await peer.send(type="listen", state="detect", text="again")
    await upstream.until(lambda: upstream.texts("listen", text="again"))


@pytest.mark.parametrize("how", ["http", "words"])
async def test_a_refusal_of_upstream_reaches_the_board(how: str, upstream: StockServer) -> None:
    upstream.token = "right"
    if how == "http":
        upstream.refuse_with = HTTPStatus.UNAUTHORIZED
    host = Host(replace(settings(), upstream=UpstreamSettings(upstream.url, token="wrong")))
    await host.start()
    peers = Peers(host.url)
    try:
        peer = await peers.connect()
        await peer.hello(audio_params=ADPCM)
        error = await peer.receive("error")
        assert error["code"] == "upstream"
        assert ("401" if how == "http" else "认证失败") in error["message"]
        await peer.echo()
    finally:
        await peers.close()
        await host.stop()


async def turn_failed(peer: Peer) -> str:
    """Wait for the error and the end of a turn that failed; return the text that is shown."""
    assert (await peer.receive("error"))["code"] == "upstream"
    await peer.receive("tts", state="start")
    shown: str = (await peer.receive("tts", state="sentence_start"))["text"]
    await peer.receive("tts", state="stop")
    return shown


@pytest.mark.parametrize("board", ["", "sim"])
@pytest.mark.parametrize("how", ["http", "words", "tls"])
async def test_a_final_refusal_is_asked_for_once_and_ends_the_turn_for_the_board(
    peers: Peers, upstream: StockServer, how: str, board: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bridge_module, "_REST", 0.05)
    monkeypatch.setattr(bridge_module, "_FIRST_PAUSE", 0.01)
    upstream.token = "right"
    if how == "http":
        upstream.refuse_with = HTTPStatus.UNAUTHORIZED
    if how == "tls":

        async def untrusted(*_: object, **__: object) -> None:
            upstream.attempts += 1
            error = ssl.SSLCertVerificationError("certificate verify failed")
            error.verify_message = "self-signed certificate"
            raise error

        monkeypatch.setattr(dialer, "connect", untrusted)
    peer = await peers.connect()
    await peer.hello(audio_params=ADPCM, device={"board": board})
    assert (await peer.receive("error"))["code"] == "upstream"
    before = upstream.attempts
    await peer.send(type="listen", state="start", mode="auto")
    shown = await turn_failed(peer)
    assert "upstream server" in shown
    assert how != "tls" or "SSL_CERT_FILE" in shown
    assert upstream.attempts == before + 1


async def test_a_passing_refusal_is_asked_again(
    peers: Peers, upstream: StockServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bridge_module, "_REST", 0.05)
    monkeypatch.setattr(bridge_module, "_FIRST_PAUSE", 0.01)
    upstream.refuse_with = HTTPStatus.SERVICE_UNAVAILABLE
    peer = await peers.connect()
    await peer.hello(audio_params=ADPCM)
    await peer.receive("error")
    before = upstream.attempts
    await peer.send(type="listen", state="start", mode="auto")
    await turn_failed(peer)
    assert upstream.attempts == before + 4


@pytest.mark.parametrize("ends", ["stop", "stt"])
async def test_an_upstream_that_is_lost_before_it_answers_ends_the_turn(
    peers: Peers, upstream: StockServer, ends: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bridge_module, "_REST", 0.05)
    peer = await peers.connect()
    await peer.hello(audio_params=ADPCM)
    await peer.send(type="listen", state="start", mode="auto")
    await upstream.until(lambda: upstream.texts("listen", state="start"))
    if ends == "stop":
        await peer.send(type="listen", state="stop")
        await upstream.until(lambda: upstream.texts("listen", state="stop"))
    else:
        await upstream.send(type="stt", text="what time is it")
        await peer.receive("stt")
    upstream.connections[-1].transport.abort()
    await turn_failed(peer)


async def test_an_error_of_upstream_in_a_turn_ends_it(
    peers: Peers, upstream: StockServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bridge_module, "_REST", 0.05)
    peer = await peers.connect()
    await peer.hello(audio_params=ADPCM)
    await peer.send(type="listen", state="detect", text="hello")
    await upstream.until(lambda: upstream.texts("listen", state="detect"))
    await upstream.send(type="error", code="bad_frame", message="one frame of many")
    await peer.receive("error", code="bad_frame")
    await upstream.send(type="error", code="not_available", message="no voice here")
    await peer.receive("error", code="not_available")
    await peer.receive("tts", state="start")
    await peer.receive("tts", state="stop")


async def test_a_board_is_activated_at_an_upstream_that_pairs(tmp_path: Path) -> None:
    """Our own host is upstream, off limits to whoever is not paired there."""
    upstream = Host(replace(settings(), auth=AuthSettings(pairing=True), store=StoreSettings(str(tmp_path / "s.db"))))
    await upstream.start()
    ota = upstream.url.replace("ws", "http", 1).replace("/posewire/v1/", "/xiaozhi/ota/")
    host = Host(replace(settings(), upstream=UpstreamSettings(ota_url=ota)))
    await host.start()
    peers = Peers(host.url)
    try:
        peer = await peers.connect("02:00:00:00:00:07")
        await peer.hello(audio_params=ADPCM)
        alert = await peer.receive("alert")
        assert (await peer.receive("error"))["code"] == "upstream"
        (code,) = re.findall(r"\d{6}", alert["message"])
        await upstream.services.identities.pair(code)
        await peer.send(type="listen", state="detect", text="hello")
        # It got through: that host has no voice, and says so.
        assert (await peer.receive("error"))["code"] == "not_available"
        handler = upstream.services.registry.device("02:00:00:00:00:07")
        assert handler is not None
        assert handler.identity.principal.kind == "device"
    finally:
        await peers.close()
        await host.stop()
        await upstream.stop()


@pytest.mark.parametrize("url", ["ws:///nowhere", "ws://127.0.0.1:99999999/"])
async def test_an_address_that_is_none_is_told_to_the_board(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bridge_module, "_FIRST_PAUSE", 0.01)
    body = json.dumps({"websocket": {"url": url, "token": ""}})

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n{body}".encode())
        await writer.drain()
        writer.close()

    ota = await asyncio.start_server(answer, "127.0.0.1", 0)
    ota_url = f"http://127.0.0.1:{ota.sockets[0].getsockname()[1]}/"
    host = Host(replace(settings(), upstream=UpstreamSettings(ota_url=ota_url)))
    await host.start()
    peers = Peers(host.url)
    try:
        peer = await peers.connect()
        await peer.hello(audio_params=ADPCM)
        assert (await peer.receive("error"))["code"] == "upstream"
        await peer.send(type="listen", state="detect", text="once more")
        assert (await peer.receive("error"))["code"] == "upstream"
    finally:
        await peers.close()
        await host.stop()
        ota.close()


async def test_only_who_may_speak_and_could_has_a_connection_upstream(upstream: StockServer) -> None:
    auth = AuthSettings(token="a viewer's token", token_scopes=frozenset({"room.*"}), pairing=True)
    host = Host(replace(settings(), upstream=UpstreamSettings(upstream.url), auth=auth))
    await host.start()
    peers = Peers(host.url)
    try:
        token = await host.services.store.run(lambda c: issue_token(c, "ann", "person", ["voice", "room.*"]))
        await host.services.identities.refresh(force=True)
        viewer = await peers.connect("viewer", Authorization="Bearer a viewer's token")
        await viewer.hello(audio_params=ADPCM)
        await viewer.join(publish=["audio"])
        await viewer.socket.send(build_frame(FrameType.AUDIO, bytes(20), 3))
        await viewer.echo()
        program = await peers.connect("program", Authorization=f"Bearer {token}")
        await program.hello(audio_params=None)
        await program.echo()
        board = await peers.connect("board", Authorization=f"Bearer {token}")
        await board.hello(audio_params=ADPCM)
        await upstream.until(lambda: upstream.connections)
        # Who types has something to say after all.
        await program.send(type="listen", state="detect", text="hello")
        await upstream.until(lambda: upstream.texts("listen", text="hello"))
        seen = [connection.request.headers["Device-Id"] for connection in upstream.connections if connection.request]
        assert seen == ["board", "program"]
    finally:
        await peers.close()
        await host.stop()


async def test_a_board_that_may_no_longer_speak_is_not_heard_upstream_any_more(upstream: StockServer) -> None:
    wanted = [frozenset({"voice"})]
    load = lambda: replace(  # noqa: E731
        settings(),
        upstream=UpstreamSettings(upstream.url),
        auth=AuthSettings(token="everybody's token", token_scopes=wanted[-1]),
    )
    host = Host(load(), Config(load))
    await host.start()
    peers = Peers(host.url)
    try:
        board = await peers.connect("board", Authorization="Bearer everybody's token")
        await board.hello(audio_params=ADPCM)
        await board.send(type="listen", state="start", mode="realtime")
        await upstream.until(lambda: upstream.texts("listen", state="start"))
        await upstream.send(type="tts", state="start", session_id="s")
        await board.receive("tts", state="start")
        wanted.append(frozenset({"room.*"}))
        await host.services.control.reload()
        await board.receive("tts", state="stop")
        assert (await board.receive("error"))["code"] == "forbidden"
        await asyncio.wait_for(upstream.connections[-1].wait_closed(), 10)
        await board.socket.send(build_frame(FrameType.AUDIO, bytes(20), 3))
        await board.echo()
        assert not upstream.heard
        wanted.append(frozenset({"voice"}))
        await host.services.control.reload()
        await upstream.until(lambda: len(upstream.connections) == 2)
    finally:
        await peers.close()
        await host.stop()


async def test_the_connection_upstream_ends_with_the_board(peers: Peers, upstream: StockServer) -> None:
    peer = await peers.connect()
    await peer.hello(audio_params=ADPCM)
    await upstream.until(lambda: upstream.connections)
    await peer.socket.close()
    await asyncio.wait_for(upstream.connections[-1].wait_closed(), 10)


def test_the_decoder_needs_no_word_on_the_rate() -> None:
    """The bridge relies on this: a packet made at 24 kHz decodes at 16 kHz, to the same length of time."""
    tone = (9000 * np.sin(2 * np.pi * 440 / 24000 * np.arange(1440))).astype(np.int16)
    assert len(OpusDecoder(16000).decode(OpusEncoder(24000).encode(tone))) == 960


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells what is acknowledged")
async def test_an_upstream_server_needs_not_answer_pings_while_it_takes_speech(
    peers: Peers, upstream: StockServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, seconds in (("_PING_AFTER", 0.1), ("_ANSWER_WITHIN", 0.2), ("_SWEEP", 0.03)):
        monkeypatch.setattr(keepalive, name, seconds)
    upstream.answers_pings = False
    peer = await peers.connect()
    await peer.hello(audio_params=ADPCM)
    await peer.send(type="listen", state="start", mode="manual")
    await upstream.until(lambda: upstream.connections)
    for part in np.split(chirp(1.2), 20):
        await say(peer, AudioParams("ima-adpcm", 16000, 1, 60), part)
        await asyncio.sleep(0.05)
    assert len(upstream.connections) == 1
    assert upstream.connections[0].close_code is None
    # Nothing moves any more.
    await upstream.until(lambda: upstream.connections[0].close_code == 1011)


async def test_an_upstream_server_that_answers_pings_is_kept(
    peers: Peers, upstream: StockServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, seconds in (("_PING_AFTER", 0.03), ("_ANSWER_WITHIN", 0.3), ("_SWEEP", 0.05)):
        monkeypatch.setattr(keepalive, name, seconds)
    peer = await peers.connect()
    await peer.hello(audio_params=ADPCM)
    await upstream.until(lambda: upstream.connections)
    await upstream.until(lambda: upstream.pongs >= 10)  # half a second, and more than an answer may take
    assert upstream.connections[0].close_code is None


async def test_a_board_is_told_that_upstream_is_still_at_it(
    peers: Peers, upstream: StockServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bridge_module, "_SIGN_EVERY", 0.05)
    monkeypatch.setattr(keepalive, "_SWEEP", 0.02)
    other = await peers.connect("aa:bb:cc:00:00:02")
    await other.hello(audio_params=ADPCM)
    await upstream.until(lambda: len(upstream.connections) == 1)
    peer = await peers.connect()
    await peer.hello(audio_params=ADPCM)
    await upstream.until(lambda: len(upstream.connections) == 2)

    async def some_time() -> None:
        """Wait while another board is told several times."""
        await other.send(type="listen", state="detect", text="another hard question")
        for _ in range(4):
            await other.receive("llm", emotion="thinking")
        await other.send(type="abort")
        await other.echo()

    await peer.send(type="listen", state="detect", text="a hard question")
    for _ in range(3):
        assert (await peer.receive("llm"))["emotion"] == "thinking"
    await peer.send(type="abort")
    await upstream.until(lambda: upstream.texts("abort"))
    await peer.echo()
    await some_time()
    await peer.send(type="ping", id=2)
    assert (await peer.receive())["type"] == "pong", "nobody waits any more"
    await peer.send(type="listen", state="detect", text="another one")
    await upstream.send(type="tts", state="start")
    await peer.receive("tts", state="start")
    await peer.receive("llm", emotion="thinking")
    await upstream.send(type="tts", state="stop")
    await peer.receive("tts", state="stop")
    await some_time()
    await peer.send(type="ping", id=1)
    assert (await peer.receive())["type"] == "pong"
