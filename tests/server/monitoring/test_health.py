"""The health monitor's values."""

import time

import numpy as np
import pytest

from posewire.errors import ConfigError
from posewire.server.host import Host
from posewire.server.monitoring.settings import AlertSettings
from posewire.wire.frames import FrameType, build_frame
from posewire.wire.pose import PoseEncoder
from support.peers import Peers


async def test_audio_is_no_pose_where_the_slowest_publisher_is_looked_for(host: Host, peers: Peers) -> None:
    publisher = await peers.connect()
    await publisher.hello()
    await publisher.join(publish=["pose", "audio"])
    pose = PoseEncoder("body33").encode(np.zeros((33, 4), np.float32), 0)
    await publisher.socket.send(build_frame(FrameType.POSE, pose, 3))
    for _ in range(99):
        await publisher.socket.send(build_frame(FrameType.AUDIO, bytes(60), 3))
    await publisher.echo()
    health = host.services.health
    assert health is not None
    (member,) = host.services.rooms.rooms["studio"].members.values()
    first = member.last_frames[0][0]
    assert health.values(first + 2.0)["min_frame_rate"] == pytest.approx(0.5)
    assert health.values(first + 60.0)["min_frame_rate"] == 0.0
    # Where the frames of less than two seconds are kept, they say how many come in a second.
    await publisher.socket.send(build_frame(FrameType.POSE, pose, 3))
    await publisher.echo()
    oldest = member.last_frames[0][0]
    assert health.values(oldest + 1.0)["min_frame_rate"] == pytest.approx(1.0)


async def test_memory_that_grows_slowly_is_noticed_after_the_first_hour(host: Host) -> None:
    health = host.services.health
    assert health is not None
    now = time.monotonic()
    for minute in range(120):
        assert "memory_leak_mb" not in health.values(now + 60 * minute)
    leak = b"x" * (40 << 20)
    grown = health.values(now + 60 * 121)
    assert 30 < grown["memory_leak_mb"] < 100
    assert len(leak) == 40 << 20
    assert grown["memory_growth_mb"] < 100
    with pytest.raises(ConfigError, match="memory_leak_mb"):
        AlertSettings(memory_leak_mb=-1.0)
