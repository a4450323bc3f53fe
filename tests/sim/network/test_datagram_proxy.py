"""The simulated network for datagrams, and the answers of a host that it lets lead through itself."""

from __future__ import annotations

import asyncio
import json
import random
import socket
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.frames import Frame, Opcode

from posewire.errors import ConfigError
from posewire.sim.network.answer_rewriter import AnswerRewriter
from posewire.sim.network.datagram_proxy import DatagramProxy, rerouted
from posewire.sim.network.link_conditions import LinkConditions
from support.waiting import eventually

HEAD = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n"
ANSWER = json.dumps({"type": "webrtc", "event": "answer", "number": 1, "sdp": "here"})


class Echo(asyncio.DatagramProtocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, address: tuple[str, int]) -> None:
        self.transport.sendto(data, address)  # type: ignore[attr-defined]


@pytest.fixture
def near() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as made:
        made.setblocking(False)
        made.bind(("127.0.0.1", 0))
        yield made


async def echoes(near: socket.socket, network: DatagramProxy, count: int) -> list[int]:
    """Send numbers to an echo by way of a network, one each turn; return those that come back, in their order."""
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(Echo, local_addr=("127.0.0.1", 0))
    way = network.route(*transport.get_extra_info("sockname")[:2])
    assert way == network.route(*transport.get_extra_info("sockname")[:2])
    got: list[int] = []
    loop.add_reader(near, lambda: got.append(int.from_bytes(near.recv(100), "big")))
    for number in range(count):
        near.sendto(number.to_bytes(2, "big"), way)
        await asyncio.sleep(0.001)
    await eventually(lambda: len(got) + network.lost == count)
    loop.remove_reader(near)
    transport.close()
    return got


async def test_everything_passes_in_order(near: socket.socket) -> None:
    async with DatagramProxy() as network:
        assert await echoes(near, network, 50) == list(range(50))
        assert (network.passed, network.lost) == (100, 0)


async def test_packets_are_lost_and_overtaken_as_the_seed_says(near: socket.socket) -> None:
    found = []
    for _ in range(2):
        async with DatagramProxy(LinkConditions(loss=0.2, reorder=0.1), seed=5) as network:
            found.append(await echoes(near, network, 200))
            assert 20 < network.lost < 120
    assert found[0] != sorted(found[0])
    # What is lost on the way there is the same; which of the rest is lost on the way back depends on their order.
    assert len(set(found[0]) & set(found[1])) > 80


async def test_a_network_that_stalls_and_a_narrow_one(near: socket.socket) -> None:
    async with DatagramProxy(LinkConditions(stall=True)) as network:
        assert await echoes(near, network, 5) == []
        await network.change(stall=False, kbit_s=1, buffer_bytes=10)
        network.lost = 0
        assert 0 < len(await echoes(near, network, 20)) < 20  # what waits is bounded


def test_shares_are_checked() -> None:
    for wrong in ({"loss": 1.1}, {"reorder": -0.1}):
        with pytest.raises(ConfigError, match="must be 0 to 1"):
            LinkConditions(**wrong)


def test_candidates_are_rerouted() -> None:
    sdp = "v=0\r\na=candidate:1 1 udp 2130706431 192.0.2.2 5000 typ host\r\na=end-of-candidates\r\n"
    assert rerouted(sdp, lambda host, port: ("127.0.0.1", port + 1)) == sdp.replace("192.0.2.2 5000", "127.0.0.1 5001")


MESSAGES = st.lists(
    st.one_of(
        st.binary(max_size=300).map(lambda data: Frame(Opcode.BINARY, data)),
        st.text(max_size=200).map(lambda text: Frame(Opcode.TEXT, text.encode())),
        st.just(Frame(Opcode.TEXT, ANSWER.encode())),
        st.just(Frame(Opcode.BINARY, bytes(70_000))),
        st.just(Frame(Opcode.TEXT, b'"webrtc" of no sense')),
    ),
    max_size=8,
)  # fmt: skip


@given(MESSAGES, st.integers(0, 2**32))
def test_only_answers_are_changed_in_whatever_pieces_they_come(messages: list[Frame], seed: int) -> None:
    chance = random.Random(seed)
    changed = ANSWER.replace(" ", "").replace("here", "elsewhere").encode()
    stream = HEAD + b"".join(frame.serialize(mask=False) for frame in messages)
    expected = HEAD + b"".join(
        (Frame(Opcode.TEXT, changed) if frame.data == ANSWER.encode() else frame).serialize(mask=False)
        for frame in messages
    )
    rewriter = AnswerRewriter(lambda sdp: sdp.replace("here", "elsewhere"))
    got = bytearray()
    while stream:
        size = chance.choice((1, 7, 1400, 70_000))
        got += rewriter.feed(stream[:size])
        stream = stream[size:]
    assert got == expected


@pytest.mark.parametrize("stream", [b"no HTTP at all", b"HTTP/1.1 200 OK\r\n\r\n\x81\x05here", b"\x81"])
def test_what_is_no_websocket_goes_through(stream: bytes) -> None:
    rewriter = AnswerRewriter(lambda sdp: "changed")
    assert b"".join(rewriter.feed(stream[at : at + 1]) for at in range(len(stream))) == stream
