"""The send queue: control before audio before poses, the newest pose of a stream, bounded."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posewire.client.link.outgoing import Outgoing
from posewire.client.link.send_queue import Priority, Queued, SendQueue
from posewire.errors import QueueFullError


def item(priority: Priority, name: str, key: str | None = None, gone: list[str] | None = None) -> Queued:
    def sent(size: int | None) -> None:
        if gone is not None:
            gone.append(name)

    return Queued(priority, name.encode, key=key, sent=sent)


async def all_of(queue: SendQueue) -> list[str]:
    return [bytes((await queue.get()).make() or b"").decode() for _ in range(len(queue))]  # type: ignore[arg-type]


async def test_priority_then_age() -> None:
    queue = SendQueue()
    for name, priority in (("p1", Priority.POSE), ("a1", Priority.AUDIO), ("c1", Priority.CONTROL)):
        queue.put(item(priority, name))
    queue.put(item(Priority.POSE, "p2"))
    queue.put(item(Priority.AUDIO, "a2"))
    assert queue.waiting() == {"control": 1, "audio": 2, "pose": 2}
    assert await all_of(queue) == ["c1", "a1", "a2", "p1", "p2"]


async def test_a_newer_one_with_the_same_key_takes_the_place() -> None:
    queue, gone = SendQueue(), []
    queue.put(item(Priority.POSE, "old", "body", gone))
    queue.put(item(Priority.POSE, "other", "imu", gone))
    queue.put(item(Priority.POSE, "new", "body", gone))
    assert gone == ["old"]
    assert await all_of(queue) == ["other", "new"]
    assert queue.dropped == {"replaced": 1}


async def test_who_waits_for_the_network_is_released_with_the_connection() -> None:
    out = Outgoing(lambda: False)
    flushing = asyncio.ensure_future(out.flush())
    while not len(out.queue):
        await asyncio.sleep(0)
    out.keep_unsent()
    await flushing


async def test_the_least_important_gives_way_and_control_never_does() -> None:
    queue, gone = SendQueue(3), []
    for name, priority in (("p", Priority.POSE), ("a", Priority.AUDIO), ("c1", Priority.CONTROL)):
        queue.put(item(priority, name, gone=gone))
    queue.put(item(Priority.CONTROL, "c2", gone=gone))
    queue.put(item(Priority.CONTROL, "c3", gone=gone))
    assert gone == ["p", "a"]
    for priority in Priority:
        with pytest.raises(QueueFullError) as full:
            queue.put(item(priority, "late"))
        assert full.value.capacity == 3
    assert await all_of(queue) == ["c1", "c2", "c3"]


async def test_what_is_past_its_deadline_is_not_sent() -> None:
    queue = SendQueue()
    late = item(Priority.POSE, "late")
    late.deadline = 0.0
    queue.put(late)
    queue.put(item(Priority.POSE, "good"))
    assert (await queue.get()).make() == b"good"
    assert queue.dropped == {"deadline": 1}


async def test_it_can_be_cleared_and_emptied() -> None:
    queue = SendQueue()
    queue.put(item(Priority.CONTROL, "c"))
    queue.put(item(Priority.POSE, "p"))
    assert queue.clear() == 1
    assert [taken.priority for taken in queue.empty()] == [Priority.CONTROL]
    assert len(queue) == 0
    waiting = asyncio.ensure_future(queue.get())
    await asyncio.sleep(0)
    queue.put(item(Priority.AUDIO, "a"))
    assert (await waiting).make() == b"a"


@given(st.lists(st.tuples(st.sampled_from(list(Priority)), st.sampled_from([None, "x", "y"])), max_size=60))
def test_it_is_never_longer_than_its_capacity(puts: list[tuple[Priority, str | None]]) -> None:
    async def run() -> None:
        queue, refused = SendQueue(8), 0
        for number, (priority, key) in enumerate(puts):
            try:
                queue.put(item(priority, str(number), key))
            except QueueFullError:
                refused += 1
            assert len(queue) <= 8
        assert len(queue) + refused + queue.dropped.total() == len(puts)

    asyncio.run(run())
