"""The client in the conformance test: plays every scenario that it is told of, at once, and prints what it saw as JSON.

Runs on MicroPython only; test_fw_conformance.py is the server, and the judge.
"""

import asyncio
import hashlib
import json
import os
import socket
import sys
import time

from posewire_fw.link import Link
from posewire_fw.websocket import HandshakeError, WebSocketError

PLAN = os.getenv("POSEWIRE_TEST_PLAN")
GUARD_MS = 30000
_SO_SNDBUF = 7
PATTERN = bytes(range(256)) * 257


class Player:
    """One scenario: sends what the plan says, keeps what comes, and how it ends."""

    def __init__(self, scenario):
        self.scenario = scenario
        self.payloads = iter(scenario["send"])
        self.messages = []
        self.round_trip_ms = -1
        self.sent = hashlib.sha256()

    def fill(self, buf, at):
        # A payload is [length, how many]: counted bytes.
        while True:
            plan = next(self.payloads, None)
            if plan is None:
                return 0
            length, times = plan
            if times > 1:
                self.payloads = iter([[length, times - 1]] + list(self.payloads))
            buf[at : at + length] = memoryview(PATTERN)[times & 255 :][:length]
            self.sent.update(memoryview(buf)[at : at + length])
            return length

    def on_binary(self, message, count):
        self.messages.append("bytes:" + "".join(["%02x" % byte for byte in message[:count]]))

    def on_text(self, message, count):
        self.messages.append("text:" + bytes(message[:count]).decode())

    async def play(self):
        scenario = self.scenario
        end = ["", 0, ""]
        try:
            await self._play(scenario)
        except HandshakeError as exc:
            end = ["HandshakeError", exc.status, str(exc)]
        except WebSocketError as exc:
            end = ["WebSocketError", exc.code, str(exc)]
        except OSError as exc:
            end = ["OSError", exc.errno, str(exc)]
        except ValueError as exc:
            end = ["ValueError", 0, str(exc)]
        except AssertionError as exc:
            end = ["stuck", 0, str(exc)]
        digest = "".join(["%02x" % byte for byte in self.sent.digest()])
        return {
            "name": scenario["name"], "messages": self.messages, "end": end, "digest": digest,
            "round_trip_ms": self.round_trip_ms,
        }  # fmt: skip

    async def _play(self, scenario):
        link = Link(self, frame_max=scenario["frame_max"], **scenario["options"])
        code = 1006
        try:
            await link.connect(scenario["url"], [("Device-Id", "02:00:00:00:00:01")], scenario["ca"], lambda: None)
            if sys.platform == "linux" and hasattr(link._sock, "setsockopt"):
                # As small as a chip's, so that what the network has taken is with the server, but for a little.
                link._sock.setsockopt(socket.SOL_SOCKET, _SO_SNDBUF, 8192)
            for text in scenario["texts"]:
                link.send_text(text)
            if scenario["close"]:
                link.close(scenario["close"])
            link.ping_wanted = scenario["ping"]
            deadline = time.ticks_add(time.ticks_ms(), GUARD_MS)
            while True:
                assert time.ticks_diff(deadline, time.ticks_ms()) > 0, "nothing happened in time"
                link.turn(self)
                await asyncio.sleep_ms(2)
        except WebSocketError as exc:
            code = exc.code
            raise
        finally:
            self.round_trip_ms = link.round_trip_ms
            link.drop(code)


async def play_all(scenarios):
    return await asyncio.gather(*[Player(scenario).play() for scenario in scenarios])


def test_play_all():
    with open(PLAN) as file:
        scenarios = json.load(file)
    for result in asyncio.run(play_all(scenarios)):
        print("RESULT " + json.dumps(result))
