"""The desktop side without asyncio."""

from __future__ import annotations

import queue
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import numpy as np
import pytest

import posewire
from posewire.client.room.messages import RoomMessage
from posewire.errors import HostUnreachableError, NotConnectedError, PoseError, WireError
from posewire.server.host_process import HostProcess
from posewire.sync.connection import SyncConnection
from posewire.sync.room import SyncRoom


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with HostProcess() as host:
        yield host.url


def test_a_script_sends_and_another_looks(url: str) -> None:
    with posewire.sync.connect(url, device="left-arm") as first, posewire.sync.connect(url) as second:
        room = second.join("studio")
        sender = first.join("studio", publish=["pose"]).sender(fps=200)
        assert room.latest("left-arm") is None
        assert sender.send(body=np.full((33, 4), 0.25))
        pose = next(room.poses(timeout_s=10))
        assert pose.device == "left-arm"
        latest = room.latest("left-arm")
        assert latest is not None
        assert latest.values["body33"][0, 0] == 0.25
        assert latest.age_ms >= 0
        with pytest.raises(PoseError):
            sender.send(body=np.zeros((3, 4)))
        assert sender.statistics()["sent"] == 1
        assert list(room.poses(timeout_s=0.05)) == []
        assert {member.device for member in room.members().values()} >= {"left-arm"}


def test_messages_and_a_shared_state(url: str) -> None:
    with posewire.sync.connect(url, device="a") as first, posewire.sync.connect(url, device="b") as second:
        room, other = first.join("talk"), second.join("talk")
        heard: list[object] = []
        other.on("message", lambda message: heard.append(message.data))
        assert room.send({"scene": 1}) == 1
        room.post(b"bytes", to="b")
        state, seen = room.shared_state(), other.shared_state()
        state.update({"scene": 2})
        deadline = time.monotonic() + 10
        while (len(heard) < 2 or dict(seen) != {"scene": 2}) and time.monotonic() < deadline:
            time.sleep(0.002)
        assert heard == [{"scene": 1}, b"bytes"]
        assert (other.idle_s("a") or 0) < 10
        assert (room.idle_s("b"), room.idle_s("nobody")) == (None, None)
        assert dict(seen) == dict(state) == {"scene": 2}
        with pytest.raises(WireError):
            other.lock()
        assert [found["room"] for found in first.list_rooms()] == ["talk"]
        assert first.status()["state"] == "connected"
        room.kick(other.member_id)
        assert [message.data for message in other.messages(timeout_s=10)] == heard  # from joining to the end
        assert other.closed == "kicked"


def test_poses_with_sound_and_a_monitor(url: str) -> None:
    with posewire.sync.connect(url, device="stage") as first, posewire.sync.connect(url) as second:
        room = second.join("media", subscribe=["pose", "audio"])
        mine = first.join("media", publish=["pose", "audio"], subscribe=[])
        assert (mine.role, mine.locked) == ("member", False)
        sender = mine.media_sender(fps=200)
        sounds: list[object] = []
        room.on("audio", sounds.append)
        with first.monitor(every_s=0.05) as monitor:
            monitor.set_threshold("fps", 1)
            deadline = time.monotonic() + 60
            while (
                room.latest("stage") is None or not sounds or "fps" not in monitor.latest()
            ) and time.monotonic() < deadline:
                assert sender.send(body=np.full((33, 4), 0.5), sound=np.zeros(480, np.int16), rate=48_000)
                time.sleep(0.01)
            assert monitor.latest()["fps"] > 0
            assert monitor.report("a test").title == "a test"
            assert any(rule.name == "fps" and rule.threshold == 1 for rule in monitor.thresholds)
        assert sounds
        assert room.latest("stage") is not None
        sender.pose.fps = 10
        assert sender.pose.fps == 10
        assert sender.pose.quality.name == "full"
        assert sender.pose.queue_status()["capacity"] == 1
        assert sender.statistics()["audio"]["sent"] > 0
        sender.pose.stop()
        assert not sender.pose.send(body=np.full((33, 4), 0.5))


def test_a_pool_for_many_rooms(url: str) -> None:
    with posewire.sync.pool(url, most=2) as pool:
        with pool.room("one", publish=["pose"]) as one, pool.room("two") as two:
            assert (one.name, two.name) == ("one", "two")
            assert pool.statistics()["in_use"] == 2
        assert pool.statistics()["idle"] == 2
    with pytest.raises(NotConnectedError):
        posewire.sync.pool(url).statistics()


def test_what_goes_wrong_is_raised(url: str) -> None:
    with pytest.raises(HostUnreachableError), posewire.sync.connect("ws://127.0.0.1:9/posewire/v1/"):
        pass
    with posewire.sync.connect(url) as connection:
        room = connection.join("studio")
    with pytest.raises(NotConnectedError):
        connection.join("studio")
    with pytest.raises(NotConnectedError):
        room.post("hello")
    with pytest.raises(NotConnectedError):
        posewire.sync.connect(url).status()


def test_importing_the_package_loads_nothing() -> None:
    code = "import posewire, sys; assert 'websockets' not in sys.modules; assert callable(posewire.sync.connect)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_loops_and_waits_of_other_threads_end_with_the_connection(url: str) -> None:
    def waits(host: SyncConnection, room: SyncRoom, ended: list[object]) -> list[threading.Thread]:
        works = (lambda: ended.append(list(room.poses())), lambda: ended.append(host.wait_closed()))
        return [threading.Thread(target=work) for work in works]

    for _ in range(5):
        ended: list[object] = []
        with posewire.sync.connect(url, device="ends") as host:
            assert (host.device, host.close_reason, len(host.session_id) > 8) == ("ends", "", True)
            room = host.join("alone")
            host.send({"type": "room", "action": "info"})
            waiting = waits(host, room, ended)
            for thread in waiting:
                thread.start()
        for thread in waiting:
            thread.join(20)
            assert not thread.is_alive()
        assert [] in ended
        assert list(room.poses()) == []
        assert host.wait_closed() == host.close_reason == "closed by this program"


def test_a_handler_may_use_what_returns_at_once_and_is_told_what_cannot_wait_there(url: str) -> None:
    with posewire.sync.connect(url, device="asks") as first, posewire.sync.connect(url, device="answers") as second:
        room, other = first.join("answers"), second.join("answers")
        failures: list[BaseException] = []
        second.on("error", failures.append)

        def answer(message: RoomMessage) -> None:
            assert other.latest("asks") is None
            assert second.status()["room"] == "answers"
            other.post({"answer": message.data}, to=message.device)
            other.send("this would wait for itself")

        other.on("message", answer)
        room.send(6)
        assert next(room.messages(timeout_s=20)).data == {"answer": 6}
        assert [type(error) for error in failures] == [RuntimeError]
        assert other.send("from here it may") == 1
    for closed in (first, second):
        closed.close()
        with pytest.raises(NotConnectedError):
            closed.list_rooms()
    with first:  # it may be entered again
        assert first.connected


def test_a_handler_that_closes_its_own_connection_is_told_so_and_stops_nothing(url: str) -> None:
    with posewire.sync.connect(url, device="says") as first, posewire.sync.connect(url, device="closes") as second:
        room, other = first.join("closing"), second.join("closing")
        failures: queue.Queue[BaseException] = queue.Queue()
        second.on("error", failures.put)
        other.on("message", lambda message: second.close())
        room.send("close")
        assert isinstance(failures.get(timeout=60), RuntimeError)
        assert other.send("still here") == 1
