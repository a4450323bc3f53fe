"""A stream of bytes between two participants, over ways that are slow, lose messages, or break."""

import asyncio
import random
from collections.abc import Callable
from typing import Any

import pytest

from posewire.errors import WireError
from posewire.jitsi import stream as module
from posewire.jitsi.stream import WINDOW, ConferenceStream, Way
from support.waiting import eventually

Fate = Callable[[Way, dict[str, Any]], bool]


class Ends:
    """Both ends of a stream. ``fate`` decides whether a message arrives; ``closed``: ways that are."""

    def __init__(self) -> None:
        self.fate: Fate = lambda way, message: True
        self.closed: set[Way] = set()
        self.reasons: list[str] = []
        self.most_on_the_way = 0
        self.program = ConferenceStream("n" * 16, self._sender(lambda: self.host), "muc", self.reasons.append)
        self.host = ConferenceStream("n" * 16, self._sender(lambda: self.program), "muc", self.reasons.append)

    def _sender(self, other: Callable[[], ConferenceStream]) -> module.Send:
        async def send(way: Way, message: dict[str, Any]) -> None:
            if way in self.closed:
                raise ConnectionError("closed")
            if self.fate(way, message):
                asyncio.get_running_loop().call_soon(other().take, message, way)
            await asyncio.sleep(0)

        return send

    async def close(self) -> None:
        self.program.abort()
        self.host.abort()
        await self.program.close()
        await self.host.close()


async def read(stream: ConferenceStream, size: int) -> bytes:
    data = b""
    while len(data) < size:
        data += await stream.read()
    return data


async def test_bytes_arrive_in_order_both_ways() -> None:
    ends = Ends()
    said = [random.Random(seed).randbytes(200_000) for seed in range(2)]
    writing = [
        asyncio.ensure_future(end.write(data)) for end, data in zip((ends.program, ends.host), said, strict=True)
    ]
    assert await read(ends.host, 200_000) == said[0]
    assert await read(ends.program, 200_000) == said[1]
    await asyncio.gather(*writing)
    assert ends.program.resent == ends.program.repeated == 0
    await ends.close()


async def test_who_does_not_read_makes_the_other_side_wait() -> None:
    ends = Ends()
    sent = 0

    def count(way: Way, message: dict[str, Any]) -> bool:
        nonlocal sent
        sent += len(message.get("data", ""))
        return True

    ends.fate = count
    writing = asyncio.ensure_future(ends.program.write(b"x" * 100_000))
    await eventually(lambda: sent > WINDOW["muc"])  # base64 is longer
    await asyncio.sleep(0.1)
    assert sent * 3 / 4 <= WINDOW["muc"] + 8
    assert not writing.done()
    assert len(await read(ends.host, 100_000)) == 100_000
    await writing
    await ends.close()


@pytest.mark.parametrize("seed", range(5))
async def test_a_way_that_breaks_again_and_again_loses_and_doubles_nothing(seed: int) -> None:
    chance, ends = random.Random(seed), Ends()
    said = chance.randbytes(150_000)
    writing = asyncio.ensure_future(ends.program.write(said))
    answer = asyncio.ensure_future(ends.host.write(said[::-1]))
    reading = [
        asyncio.ensure_future(read(ends.host, len(said))),
        asyncio.ensure_future(read(ends.program, len(said))),
    ]
    while not all(task.done() for task in reading):
        # What is on its way by the bridge channel when that dies is lost, then the program takes the other way.
        ends.program.change("bridge")
        await asyncio.sleep(chance.uniform(0, 0.01))
        ends.fate = lambda way, message: way == "muc"
        await asyncio.sleep(chance.uniform(0, 0.005))
        ends.program.change("muc")
        ends.fate = lambda way, message: True
        await asyncio.sleep(chance.uniform(0, 0.01))
    assert [task.result() for task in reading] == [said, said[::-1]]
    await asyncio.gather(writing, answer)
    await ends.close()


async def test_the_host_follows_the_program_and_a_closed_way_is_left_at_once() -> None:
    ends = Ends()
    ends.program.change("bridge")
    await ends.program.write(b"a")
    assert await ends.host.read() == b"a"
    assert ends.host.way == "bridge"
    ends.closed = {"bridge"}
    await ends.host.write(b"b")
    assert await ends.program.read() == b"b"
    assert (ends.host.way, ends.program.way) == ("muc", "bridge")
    await ends.program.write(b"c")
    assert await ends.host.read() == b"c"
    await ends.close()


async def test_what_is_lost_is_sent_again_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_AGAIN", {"bridge": 0.05, "muc": 0.05})
    ends = Ends()
    lost = [True, True]
    ends.fate = lambda way, message: not (message.get("data") and lost and lost.pop())
    await ends.program.write(b"once")
    assert await ends.host.read() == b"once"
    assert ends.program.resent == 8
    await ends.close()


async def test_an_end_that_confirms_nothing_ends_the_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_GIVE_UP", 0.1)
    ends = Ends()
    ends.fate = lambda way, message: False
    await ends.program.write(b"?")
    await eventually(lambda: ends.program.closed)
    assert ends.reasons == ["the other side does not answer any more"]
    assert await ends.program.read() == b""
    with pytest.raises(ConnectionError):
        await ends.program.write(b"more")
    await ends.close()


@pytest.mark.parametrize(
    "wrong",
    [
        {"at": None}, {"at": True}, {"arrived": 5}, {"turn": "1"}, {"data": "***"}, {"data": 3}, {"at": 1.5},
        {"data": "A" * 10928},
    ],
)  # fmt: skip
async def test_what_is_no_piece_is_refused(wrong: dict[str, Any]) -> None:
    ends = Ends()
    with pytest.raises(WireError):
        ends.host.take({"at": 0, "arrived": 0, "turn": 0, "data": "", **wrong}, "muc")
    await ends.close()


async def test_pieces_far_ahead_are_not_kept() -> None:
    ends = Ends()
    for at in (-5, 10**9, 70_000, *range(2, 400, 2)):
        ends.host.take({"at": at, "arrived": 0, "turn": 0, "data": "QUJD"}, "muc")
    assert len(ends.host._early) <= 64
    await ends.close()
