"""Pool, dispatcher and monitor on connections that only note what they are told."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posewire.hub import ConnectionHub, ConnectionMonitor, ConnectionPool, Delivery, Group, Limits


class Line:
    """A connection at the other end of which nobody is."""

    def __init__(self, received: float = 0.0) -> None:
        self.congested = False
        self.last_received = received
        self.messages = 0
        self.taken = 0
        self.got: list[str | bytes] = []
        self.pings = 0
        self.closed: tuple[int, str] | None = None
        self.broken = False

    def send_text(self, text: str) -> None:
        if self.broken:
            raise OSError("broken")
        self.got.append(text)

    def send_binary(self, data: bytes) -> None:
        self.got.append(data)

    def ping(self) -> None:
        self.pings += 1

    def close(self, code: int, reason: str) -> None:
        self.closed = (code, reason)


STUDIO, HALL = Group("room", "studio"), Group("room", "hall")


def test_send_to_one_to_a_group_and_to_all() -> None:
    hub: ConnectionHub[Line] = ConnectionHub()
    a, b, c = Line(), Line(), Line()
    hub.add("a", a, "dev-a", [STUDIO])
    hub.add("b", b, "dev-b", [STUDIO, Group("instance", "north")])
    hub.add("c", c, "dev-c")
    assert hub.send("a", "one")
    assert not hub.send("nobody", "x")
    assert hub.dispatcher.to_device("dev-b", b"bytes")
    assert hub.send_group("room", "studio", {"type": "x", "text": "ü"}, but=["a"]) == Delivery(1, 0, 0)
    assert hub.send_group("room", "nowhere", "x") == Delivery()
    assert hub.send_all("all") == Delivery(3, 0, 0)
    assert (a.got, c.got) == (["one", "all"], ["all"])
    assert b.got == [b"bytes", '{"type":"x","text":"ü"}', "all"]
    hub.leave("b", "room", "studio")
    assert hub.send_group("room", "studio", "left") == Delivery(1, 0, 0)


def test_one_that_fails_is_closed_and_the_others_get_it() -> None:
    hub: ConnectionHub[Line] = ConnectionHub()
    lines = [Line(), Line(), Line()]
    lines[1].broken = True
    for number, line in enumerate(lines):
        hub.add(str(number), line)
    assert hub.send_all("x") == Delivery(2, 0, 1)
    assert [line.got for line in lines] == [["x"], [], ["x"]]
    assert lines[1].closed is not None
    assert lines[1].closed[0] == 1011


def test_what_may_be_dropped_skips_the_congested() -> None:
    hub: ConnectionHub[Line] = ConnectionHub()
    slow, fast = Line(), Line()
    slow.congested = True
    hub.add("slow", slow)
    hub.add("fast", fast)
    assert hub.send_all(b"pose", droppable=True) == Delivery(1, 1, 0)
    assert hub.send_all("control") == Delivery(2, 0, 0)
    assert hub.statistics()["skipped"] == 1


def test_a_device_that_comes_again_replaces_its_older_connection() -> None:
    hub: ConnectionHub[Line] = ConnectionHub()
    older, newer = Line(), Line()
    hub.add("1", older, "board", [STUDIO])
    hub.add("2", newer, "board")
    assert older.closed is not None
    assert older.closed[0] == 4000
    assert hub.pool.device("board") is newer
    hub.remove("1", older)
    assert hub.pool.device("board") is newer
    # The same session again: groups of the older one do not leak to the newer one.
    hub.join("2", "room", "hall")
    third = Line()
    hub.add("2", third, "board")
    assert hub.pool.group(HALL) == []
    hub.remove("2", newer)
    assert hub.pool.get("2") is third


@given(st.lists(st.tuples(st.sampled_from("ajlr"), st.integers(0, 4), st.integers(0, 2)), max_size=60))
def test_no_trace_is_left_of_who_is_gone(steps: list[tuple[str, int, int]]) -> None:
    pool: ConnectionPool[Line] = ConnectionPool()
    for what, who, where in steps:
        name, group = str(who), Group("room", str(where))
        if what == "a":
            pool.add(name, Line(), f"device-{who % 2}")
        elif what == "j" and pool.get(name) is not None:
            pool.join(name, group)
        elif what == "l":
            pool.leave(name, group)
        elif what == "r":
            pool.remove(name)
        for known in pool.groups():
            assert pool.group(known)
            for member, connection in pool.group(known):
                assert pool.get(member) is connection
                assert known in pool.groups(member)
    for name, _ in pool.items():
        pool.remove(name)
    assert pool.groups() == []
    assert len(pool) == 0
    assert vars(pool) == {"_entries": {}, "_devices": {}, "_groups": {}}


def test_the_silent_are_asked_and_the_gone_are_ended() -> None:
    now = 100.0
    pool: ConnectionPool[Line] = ConnectionPool()
    monitor = ConnectionMonitor(pool, Limits(ping_after=20, answer_within=10), clock=lambda: now)
    gone, quiet, lively = Line(100), Line(100), Line(100)
    for name, line in (("gone", gone), ("quiet", quiet), ("lively", lively)):
        pool.add(name, line)
    assert monitor.check() == []
    now = 121.0
    lively.last_received = 120.0
    assert monitor.check() == []
    assert (gone.pings, quiet.pings, lively.pings) == (1, 1, 0)
    now = 125.0
    quiet.last_received = 125.0  # its pong
    assert monitor.check() == []
    assert gone.pings == 1
    assert monitor.statistics()["silent"] == 1
    now = 131.5
    assert monitor.check() == ["gone"]
    assert gone.closed == (1011, "keepalive ping timeout")
    assert quiet.closed is None
    assert monitor.counters == {"pings": 2, "zombies": 1}
    assert monitor.describe("quiet") == {"id": "quiet", "device": "", "groups": [], "silent": 6.5, "congested": False}


@pytest.mark.parametrize(("sweep", "answer_within"), [(20, 20), (45, 20), (60, 1)])
def test_a_rare_sweep_does_not_end_who_answers_every_ping(sweep: int, answer_within: int) -> None:
    now = 0.0
    pool: ConnectionPool[Line] = ConnectionPool()
    monitor = ConnectionMonitor(pool, Limits(20, answer_within, sweep=sweep), clock=lambda: now)
    line = Line()
    pool.add("x", line)
    for _ in range(10):
        now += sweep
        before = line.pings
        assert monitor.check() == []
        if line.pings > before:
            line.last_received = now + 0.01
    assert line.pings
    now += sweep + answer_within + 20
    assert monitor.check() == []
    now += sweep + answer_within
    assert monitor.check() == ["x"]


def test_who_takes_what_it_is_sent_is_alive_without_an_answer_to_pings() -> None:
    now = 0.0
    pool: ConnectionPool[Line] = ConnectionPool()
    monitor = ConnectionMonitor(pool, Limits(ping_after=20, answer_within=20), clock=lambda: now)
    line = Line()
    pool.add("x", line)
    while now < 110:  # a reply of 90 s
        now += 2
        line.taken += 16_000 * (now > 20)
        assert monitor.check() == []
    while now < 128:
        now += 2
        assert monitor.check() == []
    now += 2
    assert monitor.check() == ["x"]


def test_one_broken_connection_does_not_end_the_watch() -> None:
    class Broken(Line):
        def ping(self) -> None:
            raise OSError("broken")

    now = 100.0
    pool: ConnectionPool[Line] = ConnectionPool()
    monitor = ConnectionMonitor(pool, Limits(ping_after=20), clock=lambda: now)
    broken, gone = Broken(0), Line(0)
    pool.add("broken", broken)
    pool.add("gone", gone)
    assert monitor.check() == []
    assert gone.pings == 1
    now = 200.0
    assert sorted(monitor.check()) == ["broken", "gone"]


def test_idle_connections_end_where_that_is_wanted() -> None:
    now = 0.0
    pool: ConnectionPool[Line] = ConnectionPool()
    monitor = ConnectionMonitor(pool, Limits(ping_after=0, idle_after=60), clock=lambda: now)
    line = Line()
    pool.add("x", line)
    now = 59.0
    assert monitor.check() == []
    now = 60.0
    assert monitor.check() == ["x"]
    assert line.pings == 0
    assert line.closed is not None
    assert line.closed[0] == 4008


def test_signs_of_life_are_no_messages() -> None:
    now = 0.0
    pool: ConnectionPool[Line] = ConnectionPool()
    monitor = ConnectionMonitor(pool, Limits(ping_after=20, answer_within=20, idle_after=60, sweep=2), lambda: now)
    line = Line()
    pool.add("x", line)
    while now < 58:
        now += 2
        line.last_received = now  # a pong
        if now == 10:
            line.messages += 1
        assert monitor.check() == []
    now = 69
    assert monitor.check() == []
    now = 70
    assert monitor.check() == ["x"]
    assert line.closed is not None
    assert line.closed[0] == 4008


def test_joining_needs_a_connection() -> None:
    pool: ConnectionPool[Line] = ConnectionPool()
    with pytest.raises(KeyError):
        pool.join("nobody", STUDIO)
