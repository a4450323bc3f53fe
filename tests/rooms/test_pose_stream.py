"""A pose stream at the relay: the chain that a late member can decode, who is behind, and when to ask for a key."""

from hypothesis import given
from hypothesis import strategies as st

from posewire.rooms.pose_stream import MAX_CHAIN, MAX_CHAIN_BYTES, SHORT_CHAIN_BYTES, PoseStream
from posewire.wire.pose.packet import Header, Kind

KINDS = st.sampled_from([Kind.KEY, Kind.DELTA, Kind.DELTA, Kind.DELTA, Kind.REPEAT])
STEPS = st.lists(st.tuples(KINDS, st.booleans(), st.integers(1, 3000)), max_size=60)


def feed(stream: PoseStream, sequence: int, kind: Kind = Kind.DELTA, size: int = 10) -> bytes:
    """Append a packet; its first bytes are its sequence."""
    packet = sequence.to_bytes(2, "big") + bytes(size)
    stream.append(Header(kind, 0, 0, sequence & 0xFFFF), packet)
    return packet


@given(STEPS, st.integers(0, 0xFFFF))
def test_a_chain_begins_with_a_key_and_has_no_gap(steps: list[tuple[Kind, bool, int]], start: int) -> None:
    stream, expected, sequence = PoseStream(0), [], start
    for kind, lost, size in steps:
        sequence = sequence + 1 + lost & 0xFFFF
        packet = feed(stream, sequence, kind, size)
        if kind is Kind.KEY:
            expected = [packet]
        elif lost:
            expected = []
        elif expected:
            expected.append(packet)
        if sum(map(len, expected)) > MAX_CHAIN_BYTES:
            expected = []
        assert list(stream.chain() or ()) == expected
        assert stream.held_bytes == sum(map(len, expected))


def test_a_chain_has_a_bound_and_begins_again_with_the_next_key() -> None:
    stream = PoseStream(0)
    feed(stream, 0, Kind.KEY)
    for sequence in range(1, MAX_CHAIN):
        feed(stream, sequence)
    assert len(stream.chain() or ()) == MAX_CHAIN
    feed(stream, MAX_CHAIN)
    assert stream.chain() is None
    assert stream.held_bytes == 0
    feed(stream, MAX_CHAIN + 1)
    assert stream.chain() is None
    feed(stream, MAX_CHAIN + 2, Kind.KEY)
    assert len(stream.chain() or ()) == 1


def test_a_snapshot_takes_the_place_of_the_packets_that_it_stands_for() -> None:
    stream = PoseStream(0)
    packets = [feed(stream, 0, Kind.KEY, SHORT_CHAIN_BYTES), feed(stream, 1), feed(stream, 2)]
    assert not stream.is_short
    chain = stream.chain()
    assert chain is not None
    newest = feed(stream, 3)
    assert stream.shorten(chain, len(packets), b"snapshot")
    assert list(stream.chain() or ()) == [b"snapshot", newest]
    assert stream.held_bytes == len(b"snapshot") + len(newest)
    assert stream.is_short


def test_a_snapshot_of_a_chain_that_is_over_comes_too_late() -> None:
    stream = PoseStream(0)
    feed(stream, 0, Kind.KEY)
    chain = stream.chain()
    assert chain is not None
    key = feed(stream, 1, Kind.KEY)
    assert not stream.shorten(chain, 1, b"snapshot")
    assert list(stream.chain() or ()) == [key]


def test_who_missed_a_packet_is_behind_until_a_key_reaches_it() -> None:
    stream = PoseStream(0)
    delta, key, second_layer = (
        Header(Kind.DELTA, 0, 0, 1), Header(Kind.KEY, 0, 0, 2), Header(Kind.DELTA, 1, 0, 3),
    )  # fmt: skip
    stream.miss(7, second_layer)  # nobody's reference
    assert stream.behind == frozenset()
    stream.miss(7, delta)
    stream.miss(8, delta)
    stream.wait_for_key(9)
    assert set(stream.behind_for(delta)) == {7, 8, 9}
    assert not stream.behind_for(key)
    stream.key_sent(except_for=[8])
    assert stream.behind == {8}
    stream.caught_up(8)
    stream.wait_for_key(9)
    stream.forget(9)
    assert stream.behind == frozenset()


def test_requests_are_eight_packets_apart_and_a_key_ends_the_wish() -> None:
    stream = PoseStream(0)
    assert stream.may_request()
    for sequence in range(7):
        feed(stream, sequence)
        assert not stream.may_request()
    feed(stream, 7)
    assert stream.may_request()
    stream.key_wanted = True
    feed(stream, 8)
    assert stream.key_wanted
    feed(stream, 9, Kind.KEY)
    assert not stream.key_wanted
