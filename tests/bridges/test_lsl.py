"""A room as LSL streams: resolved and read with pylsl, as LabRecorder does."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import numpy as np
import pytest
import pytest_asyncio

from bridges.conftest import bridging, member, send_until
from posewire.bridges.lsl import LslBridge, channel_labels
from posewire.server.host import Host
from support.waiting import eventually

try:
    import pylsl
except (ImportError, RuntimeError) as error:
    pytest.skip(f"the extra lsl does not work here: {error}", allow_module_level=True)


async def inlet(predicate: str) -> Any:
    """Find a stream on this machine and open it."""
    found = await asyncio.to_thread(pylsl.resolve_bypred, predicate, 1, 10)
    if not found:
        pytest.skip("LSL finds no streams here: no multicast, not even on this machine")
    opened = pylsl.StreamInlet(found[0])
    await asyncio.to_thread(opened.open_stream, 10)
    return opened


@pytest_asyncio.fixture
async def bridge(host: Host) -> AsyncIterator[LslBridge]:
    running = LslBridge()
    async with bridging(running, host):
        yield running


async def test_a_set_is_a_stream(host: Host, bridge: LslBridge) -> None:
    async with member(host, "lab-arm") as room:
        sender = room.sender(fps=100)
        hand = np.linspace(0, 1, 63, dtype=np.float32).reshape(21, 3)
        await send_until(lambda: sender.send(left_hand=hand), lambda: bridge.counts()["streams"] == 1)
        stream = await inlet("source_id='posewire:studio:lab-arm:0:hand21'")
        got: list[Any] = []

        def read() -> bool:
            sender.send(left_hand=hand)
            sample, at = stream.pull_sample(0.0)
            if sample is not None:
                got.append((sample, at))
            return len(got) >= 10

        await eventually(read)
        info = await asyncio.to_thread(stream.info, 10)
        now = pylsl.local_clock()
    assert (info.name(), info.type(), info.channel_count()) == ("lab-arm hand21", "MoCap", 63)
    first = info.desc().child("channels").child("channel")
    assert first.child_value("label") == "0.x"
    assert info.desc().child_value("set") == "hand21"
    assert np.abs(np.array(got[-1][0]).reshape(21, 3) - hand).max() < 0.001
    times = [at for _, at in got]
    assert times == sorted(times)
    assert now - 30 < times[0] <= times[-1] <= now
    await eventually(lambda: bridge.counts()["streams"] == 0)  # it has left


async def test_messages_are_markers(host: Host, bridge: LslBridge) -> None:
    stream = await inlet("source_id='posewire:studio:messages'")
    async with member(host, "stage") as room:
        assert await room.send({"scene": 4}) == 1
        sample, _ = await asyncio.to_thread(stream.pull_sample, 10.0)
    assert json.loads(sample[0]) == {"device": "stage", "message": {"scene": 4}}


def test_channels_have_names() -> None:
    assert channel_labels("body33", 33, 4)[-1] == "32.visibility"
    assert channel_labels("quat2", 2, 4) == [f"{number}.{name}" for number in (0, 1) for name in "wxyz"]
    assert channel_labels("coco17", 17, 3)[:3] == ["0.x", "0.y", "0.score"]
    assert channel_labels("custom", 1, 6)[4:] == ["0.c4", "0.c5"]
