"""The hub: its parts work on one pool."""

import asyncio

from posewire.hub.dispatcher import Delivery
from posewire.hub.hub import ConnectionHub
from posewire.hub.monitor import Limits
from posewire.hub.pool import Group
from support.hub_connection import NotingConnection

STUDIO = Group("room", "studio")


def test_what_is_added_is_sent_to_and_counted() -> None:
    hub: ConnectionHub[NotingConnection] = ConnectionHub()
    a, b = NotingConnection(), NotingConnection()
    hub.add("a", a, "dev-a", [STUDIO])
    hub.add("b", b, "dev-b", [STUDIO, Group("instance", "north")])
    assert hub.send("a", "one")
    assert hub.send_group("room", "studio", "two", but=["b"]) == Delivery(1, 0, 0)
    hub.leave("b", "room", "studio")
    hub.join("b", "room", "hall")
    assert hub.send_group("room", "studio", "three") == Delivery(1, 0, 0)
    assert hub.send_group("room", "hall", "four") == Delivery(1, 0, 0)
    assert hub.send_all("five") == Delivery(2, 0, 0)
    assert (a.got, b.got) == (["one", "two", "three", "five"], ["four", "five"])
    hub.remove("a", b)
    assert hub.pool.get("a") is a
    hub.remove("a")
    found = hub.statistics()
    assert (found["connections"], found["groups"], found["sent"]) == (1, {"room": 1, "instance": 1}, 6)


def test_a_device_that_comes_again_replaces_its_older_connection() -> None:
    hub: ConnectionHub[NotingConnection] = ConnectionHub()
    older, newer = NotingConnection(), NotingConnection()
    hub.add("1", older, "board", [STUDIO])
    hub.add("2", newer, "board")
    assert older.closed is not None
    assert older.closed[0] == 4000
    assert hub.pool.device("board") is newer
    hub.remove("1", older)
    assert hub.pool.device("board") is newer
    # The same session again: groups of the older one do not leak to the newer one.
    hub.join("2", "room", "hall")
    third = NotingConnection()
    hub.add("2", third, "board")
    assert hub.pool.group(Group("room", "hall")) == []
    hub.remove("2", newer)
    assert hub.pool.get("2") is third


async def test_the_monitor_runs_between_start_and_stop() -> None:
    ended = asyncio.Event()

    class Ending(NotingConnection):
        def close(self, code: int, reason: str) -> None:
            super().close(code, reason)
            ended.set()

    hub: ConnectionHub[NotingConnection] = ConnectionHub(Limits(ping_after=0.001, answer_within=0.001, sweep=0.001))
    hub.start()
    gone = Ending(-1e9)
    hub.add("gone", gone)
    async with asyncio.timeout(10):
        await ended.wait()
    assert (gone.pings, gone.closed) == (1, (1011, "keepalive ping timeout"))
    hub.stop()
    hub.stop()
