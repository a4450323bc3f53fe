"""The queue between a connection and the listener."""

import asyncio

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from posewire.voice.audio_inbox import AudioInbox


@given(st.lists(st.integers(1, 40_000), max_size=30))
def test_it_holds_ten_seconds_and_counts_every_sample_that_it_drops(sizes: list[int]) -> None:
    async def use() -> None:
        inbox = AudioInbox()
        dropped = sum(inbox.put(np.full(size, number, np.int16)) for number, size in enumerate(sizes))
        inbox.end()
        held = []
        while (pcm := await inbox.get()) is not None:
            held.append(pcm)
        assert dropped + sum(map(len, held)) == sum(sizes)
        assert sum(map(len, held)) <= 160_000
        # The newest stay, in order.
        assert [int(pcm[0]) for pcm in held] == list(range(len(sizes) - len(held), len(sizes)))

    asyncio.run(use())


async def test_whoever_waits_gets_the_samples_and_then_the_end() -> None:
    inbox = AudioInbox()
    waiting = asyncio.create_task(inbox.get())
    await asyncio.sleep(0)
    inbox.put(np.ones(3, np.int16))
    pcm = await waiting
    assert pcm is not None
    assert len(pcm) == 3
    inbox.end()
    assert inbox.put(np.ones(3, np.int16)) == 0
    assert await inbox.get() is None
    assert inbox.since_end_ms() >= 0
