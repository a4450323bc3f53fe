"""The monitor of connections: who is asked for a sign of life, who is ended, and when."""

import pytest

from posewire.hub.monitor import ConnectionMonitor, Limits
from posewire.hub.pool import ConnectionPool
from support.hub_connection import NotingConnection


def test_the_silent_are_asked_and_the_gone_are_ended() -> None:
    now = 100.0
    pool: ConnectionPool[NotingConnection] = ConnectionPool()
    monitor = ConnectionMonitor(pool, Limits(ping_after=20, answer_within=10), clock=lambda: now)
    gone, quiet, lively = NotingConnection(100), NotingConnection(100), NotingConnection(100)
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
    pool: ConnectionPool[NotingConnection] = ConnectionPool()
    monitor = ConnectionMonitor(pool, Limits(20, answer_within, sweep=sweep), clock=lambda: now)
    line = NotingConnection()
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
    pool: ConnectionPool[NotingConnection] = ConnectionPool()
    monitor = ConnectionMonitor(pool, Limits(ping_after=20, answer_within=20), clock=lambda: now)
    line = NotingConnection()
    pool.add("x", line)
    while now < 110:  # a reply of 90 s
        now += 2
        line.delivered += 16_000 * (now > 20)
        assert monitor.check() == []
    while now < 128:
        now += 2
        assert monitor.check() == []
    now += 2
    assert monitor.check() == ["x"]


def test_one_broken_connection_does_not_end_the_watch() -> None:
    class Broken(NotingConnection):
        def ping(self) -> None:
            raise OSError("broken")

    now = 100.0
    pool: ConnectionPool[NotingConnection] = ConnectionPool()
    monitor = ConnectionMonitor(pool, Limits(ping_after=20), clock=lambda: now)
    broken, gone = Broken(0), NotingConnection(0)
    pool.add("broken", broken)
    pool.add("gone", gone)
    assert monitor.check() == []
    assert gone.pings == 1
    now = 200.0
    assert sorted(monitor.check()) == ["broken", "gone"]


def test_idle_connections_end_where_that_is_wanted() -> None:
    now = 0.0
    pool: ConnectionPool[NotingConnection] = ConnectionPool()
    monitor = ConnectionMonitor(pool, Limits(ping_after=0, idle_after=60), clock=lambda: now)
    line = NotingConnection()
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
    pool: ConnectionPool[NotingConnection] = ConnectionPool()
    monitor = ConnectionMonitor(pool, Limits(ping_after=20, answer_within=20, idle_after=60, sweep=2), lambda: now)
    line = NotingConnection()
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
