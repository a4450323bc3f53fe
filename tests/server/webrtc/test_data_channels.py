"""Data channels of a host, as a stranger uses them, and as somebody misuses them."""

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pytest_asyncio
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.rtcdatachannel import RTCDataChannel

from posewire.errors import ConfigError, WireError
from posewire.server.connection.settings import FloodSettings
from posewire.server.host import Host
from posewire.server.settings import ServerSettings, Settings
from posewire.server.webrtc import service
from posewire.server.webrtc.description import read_offer
from posewire.server.webrtc.settings import WebRtcSettings
from posewire.wire.frames import FrameType, build_frame, parse_frame
from posewire.wire.pose import PoseEncoder
from support.data_channels import needs_an_address
from support.hosts import running
from support.peers import Peer, Peers
from support.waiting import eventually

pytestmark = needs_an_address

STRANGER = Path(__file__).parent / "stranger.py"
PROBE = build_frame(FrameType.PROBE, b"1", 3)


def channels(**flood: Any) -> Settings:
    return Settings(
        server=ServerSettings(port=0), webrtc=WebRtcSettings(enabled=True), flood=FloodSettings(**flood), voice=None
    )


@pytest_asyncio.fixture
async def host() -> AsyncIterator[Host]:
    async with running(channels()) as started:
        yield started


@pytest_asyncio.fixture
async def peer(host: Host) -> AsyncIterator[Peer]:
    peers = Peers(host.url)
    found = await peers.connect("left-arm")
    answer = await found.hello(features={"pose": True, "webrtc": True})
    assert answer["features"]["webrtc"] is True
    yield found
    await peers.close()


class Channel:
    """The other side of a data channel."""

    def __init__(self) -> None:
        self.connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.channel: RTCDataChannel = self.connection.createDataChannel(
            "poses", negotiated=True, id=0, ordered=False, maxRetransmits=0
        )
        self.got: list[bytes] = []
        self.channel.on("message", self.got.append)

    async def offer(self) -> str:
        await self.connection.setLocalDescription(await self.connection.createOffer())
        return self.connection.localDescription.sdp

    async def open(self, peer: Peer) -> None:
        await peer.send(type="webrtc", action="offer", number=1, sdp=await self.offer())
        answer = await peer.receive("webrtc")
        assert (answer["event"], answer["number"]) == ("answer", 1), answer
        await self.connection.setRemoteDescription(RTCSessionDescription(answer["sdp"], "answer"))
        await eventually(lambda: self.channel.readyState == "open")


@pytest_asyncio.fixture
async def channel(peer: Peer) -> AsyncIterator[Channel]:
    found = Channel()
    await found.open(peer)
    yield found
    await found.connection.close()


async def test_a_stranger_in_another_process(host: Host, tmp_path: Path) -> None:
    encoder = PoseEncoder("coco17", acknowledged=True)
    packets = [encoder.encode(np.full((17, 3), step / 16), 33 * step) for step in range(6)]
    file = tmp_path / "packets"
    file.write_text("\n".join(packet.hex() for packet in packets))
    done = await asyncio.to_thread(
        subprocess.run, [sys.executable, str(STRANGER), host.url, str(file)], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["by_socket"] == [packets[0].hex()]
    assert found["by_channel"] == sorted(packet.hex() for packet in packets[1:])
    assert found["members"] == [1]
    await eventually(lambda: host.services.webrtc.open == 0)


async def test_a_probe_comes_back_and_a_wrong_frame_is_told_by_the_websocket(peer: Peer, channel: Channel) -> None:
    channel.channel.send(PROBE)
    await eventually(lambda: channel.got == [PROBE])
    for wrong, code in (
        (b"no", "bad_frame"),
        (build_frame(FrameType.AUDIO, b"1", 3), "bad_frame"),
        (build_frame(FrameType.POSE, b"12", 3), "bad_pose"),
        ("text", "bad_frame"),
        (build_frame(FrameType.POSE, bytes(20), 3), "not_in_room"),
    ):
        channel.channel.send(wrong)
        assert (await peer.receive("error"))["code"] == code
    assert channel.channel.readyState == "open"


async def test_who_comes_by_websocket_alone_gets_all_of_it(host: Host, peer: Peer, channel: Channel) -> None:
    peers = Peers(host.url)
    other = await peers.connect("screen")
    await other.hello(features={"pose": True})
    await peer.join("studio", publish=["pose"])
    await other.join("studio", subscribe=["pose"])
    encoder = PoseEncoder("coco17", acknowledged=True)
    packets = [encoder.encode(np.full((17, 3), step / 16), 33 * step) for step in range(4)]
    await peer.socket.send(build_frame(FrameType.POSE, packets[0], 3))
    assert parse_frame(await other.receive_binary(), 3).payload == packets[0]
    for packet in packets[1:]:
        channel.channel.send(build_frame(FrameType.POSE, packet, 3))
        assert parse_frame(await other.receive_binary(), 3).payload == packet
    # What comes twice, or late, is nobody's business any more.
    for packet in packets:
        channel.channel.send(build_frame(FrameType.POSE, packet, 3))
    await eventually(lambda: host.services.counters["pose_late"] == 4)
    await peers.close()


async def test_a_channel_that_is_closed_or_replaced_is_gone(host: Host, peer: Peer, channel: Channel) -> None:
    again = Channel()
    await again.open(peer)
    assert host.services.webrtc.open == 1
    await eventually(lambda: channel.channel.readyState == "closed")
    await peer.send(type="webrtc", action="close")
    await eventually(lambda: host.services.webrtc.open == 0)
    await eventually(lambda: again.channel.readyState == "closed")
    await again.connection.close()


async def test_offers_that_are_none_and_too_many_of_them(peer: Peer) -> None:
    offer = await Channel().offer()
    audio = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    audio.addTransceiver("audio")
    await audio.setLocalDescription(await audio.createOffer())
    for number, (sdp, code) in enumerate([
        ("", "bad_message"), ("m=application 9 webrtc-datachannel", "bad_message"),
        (audio.localDescription.sdp, "bad_message"), (offer.replace("a=fingerprint", "a=nothing"), "bad_message"),
        (offer.replace("sctp-port:5000", "sctp-port:x"), "bad_message"), (offer, "too_many"),
    ]):  # fmt: skip
        await peer.send(type="webrtc", action="offer", number=number, sdp=sdp)
        refused = await peer.receive("webrtc")
        assert (refused["event"], refused["number"], refused["code"]) == ("refused", number, code), sdp
    for wrong in ({"action": "dance"}, {"action": "offer"}, {"action": "offer", "number": 1, "sdp": "x" * 8193}):
        await peer.send(type="webrtc", **wrong)
        assert (await peer.receive("error"))["code"] == "bad_message"
    await audio.close()


def test_addresses_in_an_offer_are_left_out() -> None:
    head = "v=0\r\nm=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n"
    head += "a=ice-ufrag:a\r\na=ice-pwd:b\r\na=fingerprint:sha-256 00\r\n"
    addresses = "a=candidate:1 1 udp 1 10.0.0.1 53 typ host\r\na=end-of-candidates\r\n"
    assert read_offer(head + addresses) == head
    with pytest.raises(WireError, match="neither audio nor video"):
        read_offer(head + "m=audio 9 UDP/TLS/RTP/SAVPF 0\r\n")


async def test_who_opens_further_channels_loses_all(host: Host, peer: Peer, channel: Channel) -> None:
    channel.connection.createDataChannel("more")
    await eventually(lambda: host.services.webrtc.open == 0)


async def test_a_flood_on_the_channel_ends_the_connection() -> None:
    async with running(channels(pose_rate=1, pose_burst=5)) as host:
        peers = Peers(host.url)
        peer = await peers.connect("left-arm")
        await peer.hello(features={"pose": True, "webrtc": True})
        channel = Channel()
        await channel.open(peer)
        while channel.channel.readyState == "open":
            channel.channel.send(PROBE)
            await asyncio.sleep(0.001)
        await peer.socket.wait_closed()
        assert peer.socket.close_code == 1008
        await eventually(lambda: host.services.webrtc.open == 0)
        await peers.close()
        await channel.connection.close()


async def test_without_it_none_is_offered(monkeypatch: pytest.MonkeyPatch) -> None:
    async with running(Settings(server=ServerSettings(port=0), voice=None)) as host:
        peers = Peers(host.url)
        peer = await peers.connect("left-arm")
        answer = await peer.hello(features={"pose": True, "webrtc": True})
        assert "webrtc" not in answer["features"]
        await peer.send(type="webrtc", action="offer", number=1, sdp="")
        assert (await peer.receive("webrtc"))["code"] == "not_available"
        await peers.close()
    monkeypatch.setattr(service, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match="pip install"):
        async with running(channels()):
            pass
