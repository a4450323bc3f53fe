"""The lossy way beside a WebSocket: what goes by it, what comes by it, and what happens without one."""

import pytest

from posewire.errors import WireError
from posewire.rooms.frame import RoomFrame
from posewire.server.connection.datagrams import Datagrams
from posewire.wire.frames import FrameType, build_frame
from posewire.wire.pose import PoseEncoder
from server.connection.wired import Parts, Wire


class MemoryWay:
    """Keeps what is sent; while ``full`` it takes nothing."""

    def __init__(self) -> None:
        self.works = True
        self.full = False
        self.ended = False
        self.sent: list[bytes] = []

    def send(self, message: bytes) -> bool:
        if not self.full:
            self.sent.append(message)
        return not self.full

    def end(self) -> None:
        self.ended = True


@pytest.fixture
async def wire(parts: Parts) -> Wire:
    return parts.greeted(features={"pose": True})


@pytest.fixture
async def datagrams(parts: Parts, wire: Wire) -> Datagrams:
    return Datagrams(wire.handler, wire.handler.limits, parts.counters)


POSE = PoseEncoder("coco17").encode([[0.5] * 3] * 17, 0)  # type: ignore[arg-type]
EXPENDABLE = RoomFrame("pose", POSE, 3, expendable=True)


async def test_expendable_frames_go_by_the_way_while_it_works(parts: Parts, datagrams: Datagrams) -> None:
    assert datagrams.send(EXPENDABLE) is None, "there is none"
    way = MemoryWay()
    datagrams.use(way)
    assert datagrams.works
    assert datagrams.send(EXPENDABLE) is True
    assert way.sent == [build_frame(FrameType.POSE, POSE, 3, 3)]
    assert datagrams.send(RoomFrame("pose", POSE, 3)) is None, "others decode against it"
    way.full = True
    assert datagrams.send(EXPENDABLE) is False
    assert (parts.counters["datagrams_out"], parts.counters["datagrams_full"]) == (1, 1)
    way.works = False
    assert datagrams.send(EXPENDABLE) is None
    assert not datagrams.works


async def test_another_way_and_the_end_close_the_one_before(datagrams: Datagrams) -> None:
    first, second = MemoryWay(), MemoryWay()
    datagrams.use(first)
    datagrams.use(second)
    assert (first.ended, second.ended) == (True, False)
    datagrams.close()
    assert second.ended
    datagrams.receive(b"whatever is still on its way")


async def test_a_probe_comes_back_as_it_was(datagrams: Datagrams) -> None:
    way = MemoryWay()
    datagrams.use(way)
    probe = build_frame(FrameType.PROBE, b"12345678", 3)
    datagrams.receive(probe)
    assert way.sent == [probe]


async def test_a_pose_that_comes_is_published_in_the_room(parts: Parts, wire: Wire, datagrams: Datagrams) -> None:
    watcher = parts.greeted("watcher", features={"pose": True})
    wire.send(type="room", action="join", room="studio", publish=["pose"])
    watcher.send(type="room", action="join", room="studio", subscribe=["pose"])
    watcher.received()
    datagrams.receive(build_frame(FrameType.POSE, POSE, 3))
    assert any(isinstance(got, bytes) and got.endswith(POSE) for got in watcher.received())
    assert parts.counters["datagrams_in"] == 1


async def test_what_is_wrong_is_told_by_the_websocket(wire: Wire, datagrams: Datagrams) -> None:
    datagrams.receive(build_frame(FrameType.AUDIO, b"x", 3))
    datagrams.receive(b"\xff")
    assert wire.codes() == ["bad_frame", "bad_frame"]


async def test_ways_that_are_asked_for_again_and_again_are_refused(datagrams: Datagrams) -> None:
    for _ in range(5):
        datagrams.admit_offer()
    with pytest.raises(WireError) as caught:
        datagrams.admit_offer()
    assert caught.value.code == "too_many"
