"""The process that makes snapshots: what it answers, and what happens when it dies, hangs or is overrun."""

import asyncio
import os
import signal
from collections import Counter
from collections.abc import AsyncIterator, Sequence

import numpy as np
import pytest
import pytest_asyncio

from posewire.rooms import snapshots
from posewire.rooms.snapshots import MAX_PENDING, SnapshotMaker
from posewire.wire.pose import PoseDecoder, PoseEncoder

BODY = "body33"


def chain(length: int, seed: int = 0) -> tuple[list[bytes], PoseEncoder]:
    random = np.random.default_rng(seed)
    encoder = PoseEncoder(BODY)
    return [encoder.encode(random.random((33, 4)).astype(np.float32), step) for step in range(length)], encoder


async def snapshot(maker: SnapshotMaker, packets: Sequence[bytes]) -> bytes | None:
    answer: asyncio.Future[bytes | None] = asyncio.get_running_loop().create_future()
    assert maker.make(packets, answer.set_result)
    async with asyncio.timeout(30):
        return await answer


@pytest_asyncio.fixture
async def maker() -> AsyncIterator[SnapshotMaker]:
    made = SnapshotMaker(Counter())
    yield made
    await made.close()


def pid_of(maker: SnapshotMaker) -> int:
    assert maker._process is not None
    return maker._process.pid


async def test_a_snapshot_stands_for_its_chain(maker: SnapshotMaker) -> None:
    packets, encoder = chain(40)
    made = await snapshot(maker, packets)
    assert made is not None
    late, whole = PoseDecoder(), PoseDecoder()
    late.decode(made)
    for packet in packets:
        whole.decode(packet)
    following = encoder.encode(np.full((33, 4), 0.25, np.float32), 40)
    seen, expected = late.decode(following), whole.decode(following)
    assert seen is not None
    assert expected is not None
    assert np.array_equal(seen.integers[BODY], expected.integers[BODY])
    assert await snapshot(maker, packets[1:]) is None  # it does not begin with a key
    assert await snapshot(maker, packets) == made


async def test_a_process_that_dies_is_replaced(maker: SnapshotMaker) -> None:
    packets, _ = chain(3)
    made = await snapshot(maker, packets)
    os.kill(pid_of(maker), signal.SIGKILL)
    answers = [await snapshot(maker, packets) for _ in range(2)]
    # The first may be lost with the process: the publisher is asked for a key then.
    assert answers[0] in (made, None)
    assert answers[1] == made


async def test_a_process_that_hangs_is_given_up(maker: SnapshotMaker, monkeypatch: pytest.MonkeyPatch) -> None:
    packets, _ = chain(3)
    made = await snapshot(maker, packets)
    os.kill(pid_of(maker), signal.SIGSTOP)
    monkeypatch.setattr(snapshots, "_ANSWER_WITHIN", 0.1)
    assert await snapshot(maker, packets) is None
    monkeypatch.undo()
    assert await snapshot(maker, packets) == made


async def test_no_process_stays_without_work(maker: SnapshotMaker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshots, "_IDLE", 0.05)
    packets, _ = chain(3)
    made = await snapshot(maker, packets)
    process = maker._process
    assert process is not None
    assert await process.ended(10)
    assert await snapshot(maker, packets) == made


async def test_what_is_too_much_is_refused_and_closing_leaves_no_process(maker: SnapshotMaker) -> None:
    packets, _ = chain(3)
    assert await snapshot(maker, packets)
    pid = pid_of(maker)
    while maker._tasks:  # the one that has answered
        await asyncio.sleep(0)
    answers: list[bytes | None] = []
    for _ in range(MAX_PENDING):
        assert maker.make(packets, answers.append)
    assert not maker.make(packets, answers.append)
    await maker.close()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    assert len(answers) < MAX_PENDING
