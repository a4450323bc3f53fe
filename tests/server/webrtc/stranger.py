"""A program that knows docs/wire.md and aiortc, and nothing of posewire: run in a process of its own.

Usage: stranger.py URL FILE. The file has packets in hex, a line each, the first of them a key. The key goes by the
WebSocket, all others by the data channel; they come back, since it joins with "echo". Prints what came by which way.
"""

import asyncio
import json
import struct
import sys
from pathlib import Path
from typing import Any

from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from websockets.asyncio.client import connect

POSE, PROBE = 16, 17


def frame(kind: int, payload: bytes) -> bytes:
    return struct.pack(">BBH", kind, 0, len(payload)) + payload


async def main(url: str, packets: list[bytes]) -> None:
    headers = {"Device-Id": "stranger", "Protocol-Version": "3"}
    async with connect(url, additional_headers=headers) as socket:

        async def say(**message: Any) -> None:
            await socket.send(json.dumps(message))

        features = {"pose": True, "webrtc": True}
        await say(type="hello", version=3, features=features, audio_params={"format": "pcm"})
        answer = json.loads(await socket.recv())
        assert answer["features"]["webrtc"], answer
        await say(type="room", action="join", room="studio", publish=["pose"], subscribe=["pose"], echo=True)

        peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        channel = peer.createDataChannel("poses", negotiated=True, id=0, ordered=False, maxRetransmits=0)
        opened, probed = asyncio.Event(), asyncio.Event()
        by_channel: list[bytes] = []
        by_socket: list[bytes] = []
        channel.on("open", opened.set)

        @channel.on("message")
        def take(message: bytes) -> None:
            if message[0] == PROBE:
                assert message[4:] == b"anything"
                probed.set()
            else:
                by_channel.append(message)

        await peer.setLocalDescription(await peer.createOffer())
        await say(type="webrtc", action="offer", number=7, sdp=peer.localDescription.sdp)
        while True:
            message = await socket.recv()
            if isinstance(message, str) and json.loads(message).get("event") == "answer":
                said = json.loads(message)
                break
        assert said["number"] == 7
        await peer.setRemoteDescription(RTCSessionDescription(said["sdp"], "answer"))
        await opened.wait()

        async def listen() -> None:
            async for message in socket:
                if isinstance(message, bytes) and message[0] == POSE and message[1]:  # member 0: control packets
                    by_socket.append(message)

        listening = asyncio.create_task(listen())
        await socket.send(frame(POSE, packets[0]))
        while not by_socket:
            await asyncio.sleep(0.01)
        for packet in packets[1:]:
            channel.send(frame(PROBE, b"anything"))
            channel.send(frame(POSE, packet))
            await asyncio.sleep(0.05)
        await probed.wait()
        while len(by_channel) < len(packets) - 1:
            await asyncio.sleep(0.01)
        listening.cancel()
        found = {
            "by_channel": sorted(message[4:].hex() for message in by_channel),
            "by_socket": [message[4:].hex() for message in by_socket],
            "members": sorted({message[1] for message in by_channel + by_socket}),
        }
        print(json.dumps(found), flush=True)
        await peer.close()


asyncio.run(main(sys.argv[1], [bytes.fromhex(line) for line in Path(sys.argv[2]).read_text().split()]))
