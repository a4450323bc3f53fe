"""The dispatcher: who gets a message, who misses it, and what becomes of a connection that fails."""

from posewire.hub.dispatcher import Delivery, MessageDispatcher, dump
from posewire.hub.pool import ConnectionPool, Group
from support.hub_connection import NotingConnection

STUDIO = Group("room", "studio")


def dispatcher(**connections: NotingConnection) -> MessageDispatcher[NotingConnection]:
    """A dispatcher to connections under their names; their devices are ``dev-NAME``."""
    pool: ConnectionPool[NotingConnection] = ConnectionPool()
    for name, connection in connections.items():
        pool.add(name, connection, f"dev-{name}")
    return MessageDispatcher(pool)


def test_send_to_one_to_a_group_and_to_all() -> None:
    a, b, c = NotingConnection(), NotingConnection(), NotingConnection()
    send = dispatcher(a=a, b=b, c=c)
    for name in "ab":
        send.pool.join(name, STUDIO)
    assert send.to("a", "one")
    assert not send.to("nobody", "x")
    assert send.to_device("dev-b", b"bytes")
    assert not send.to_device("dev-nobody", "x")
    assert send.to_group(STUDIO, {"type": "x", "text": "ü"}, but=["a"]) == Delivery(1, 0, 0)
    assert send.to_group(Group("room", "nowhere"), "x") == Delivery()
    assert send.to_all("all") == Delivery(3, 0, 0)
    assert (a.got, c.got) == (["one", "all"], ["all"])
    assert b.got == [b"bytes", '{"type":"x","text":"ü"}', "all"]


def test_one_that_fails_is_closed_and_the_others_get_it() -> None:
    lines = [NotingConnection(), NotingConnection(), NotingConnection()]
    lines[1].broken = True
    send = dispatcher(a=lines[0], b=lines[1], c=lines[2])
    assert send.to_all("x") == Delivery(2, 0, 1)
    assert [line.got for line in lines] == [["x"], [], ["x"]]
    assert lines[1].closed is not None
    assert lines[1].closed[0] == 1011
    assert not send.to("b", "y")


def test_one_that_cannot_even_be_closed_harms_nobody() -> None:
    class Dead(NotingConnection):
        def close(self, code: int, reason: str) -> None:
            raise OSError("dead")

    dead, other = Dead(), NotingConnection()
    dead.broken = True
    assert dispatcher(a=dead, b=other).to_all("x") == Delivery(1, 0, 1)
    assert other.got == ["x"]


def test_what_may_be_dropped_skips_the_congested() -> None:
    slow, fast = NotingConnection(), NotingConnection()
    slow.congested = True
    send = dispatcher(slow=slow, fast=fast)
    assert send.to_all(b"pose", droppable=True) == Delivery(1, 1, 0)
    assert send.to_all("control") == Delivery(2, 0, 0)
    assert send.counters == {"sent": 3, "skipped": 1, "failed": 0}
    assert slow.got == ["control"]


def test_a_message_object_is_written_once_for_all() -> None:
    a, b = NotingConnection(), NotingConnection()
    dispatcher(a=a, b=b).to_all({"type": "x", "list": [1, 2]})
    assert a.got == ['{"type":"x","list":[1,2]}'] == [dump({"type": "x", "list": [1, 2]})]
    assert a.got[0] is b.got[0]
