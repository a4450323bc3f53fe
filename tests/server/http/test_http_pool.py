"""The places for HTTP connections."""

from posewire.server.http.pool import HttpPool


class Connection:
    def __init__(self) -> None:
        self.cut = False

    def abort(self) -> None:
        self.cut = True


def cut(many: list[Connection]) -> list[int]:
    return [number for number, one in enumerate(many) if one.cut]


def added(pool: HttpPool, count: int, address: str = "127.0.0.1") -> list[Connection]:
    made = [Connection() for _ in range(count)]
    assert all(pool.add(one, address) for one in made)
    return made


def test_the_one_that_is_idle_for_longest_makes_room() -> None:
    pool = HttpPool(3)
    many = added(pool, 3)
    pool.idle(many[1])
    pool.idle(many[0])
    added(pool, 1)
    assert cut(many) == [1]
    assert not pool.full
    pool.sending(many[0])
    added(pool, 1)
    assert cut(many) == [1]
    assert pool.full


def test_beyond_twice_the_number_the_oldest_that_sends_makes_room_but_nobody_who_waits() -> None:
    pool = HttpPool(2)
    many = added(pool, 4)
    pool.waiting(many[0])
    added(pool, 1)
    assert cut(many) == [1]
    pool = HttpPool(2)
    many = added(pool, 4)
    for one in many:
        pool.waiting(one)
    assert not pool.add(Connection(), "127.0.0.1")
    assert cut(many) == []


def test_one_address_has_a_share() -> None:
    pool = HttpPool(8)
    many = added(pool, 2, "192.0.2.1")
    pool.idle(many[1])
    others = added(pool, 1, "192.0.2.1")
    assert (cut(many), cut(others)) == ([1], [])
    pool.waiting(many[0])
    pool.waiting(others[0])
    assert not pool.add(Connection(), "192.0.2.1")
    assert pool.add(Connection(), "192.0.2.2")
    # A network's addresses are one peer's; this machine, or a proxy on it, has all places.
    six = added(pool, 2, "2001:db8::1") + added(pool, 1, "2001:db8::2")
    assert cut(six) == [0]
    assert cut(added(HttpPool(8), 8)) == []


def test_what_is_gone_is_forgotten() -> None:
    pool = HttpPool(1)
    (one,) = added(pool, 1)
    pool.idle(one)
    pool.remove(one)
    pool.remove(one)
    pool.idle(one)
    added(pool, 1)
    assert not one.cut
