"""The fan-out: who gets which frames, what waits, what is dropped, and what reaches the publisher."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from posewire.errors import PoseError, RoomError
from posewire.rooms.fan_out import LAYER_1_BYTES, FanOut
from posewire.rooms.member import Member
from posewire.rooms.room import Room
from posewire.rooms.settings import RoomSettings
from posewire.rooms.snapshots import SnapshotMaker
from posewire.wire.pose import Control, PoseDecoder, PoseEncoder, control, parse_control, parse_header
from posewire.wire.room_actions import RoomKind, Subscription
from support.room_link import NotingLink

BOTH: frozenset[RoomKind] = frozenset({"pose", "audio"})
NOTHING: frozenset[RoomKind] = frozenset()
POSES = Subscription(frozenset({"pose"}))


class Company:
    """Members around a fan-out: member 1 publishes and subscribes to nothing, the others are as they are added."""

    def __init__(self) -> None:
        self.members: dict[int, Member] = {}
        self.counters: Counter[str] = Counter()
        self.fan_out = FanOut(self.members, self.counters, SnapshotMaker(self.counters))
        self.encoder = PoseEncoder("body33")
        self.publisher, self.publisher_link = self.add(publish=BOTH)

    def add(
        self,
        publish: frozenset[RoomKind] = NOTHING,
        subscribe: frozenset[RoomKind] = NOTHING,
        echo: bool = False,
        some: frozenset[tuple[RoomKind, int | str]] = frozenset(),
    ) -> tuple[Member, NotingLink]:
        link, member_id = NotingLink(), len(self.members) + 1
        member = Member(member_id, f"board-{member_id}", publish, Subscription(subscribe, some), link, echo)
        self.members[member_id] = member
        self.fan_out.audience_changed()
        return member, link

    def watcher(self) -> tuple[Member, NotingLink]:
        return self.add(subscribe=BOTH)

    def pose(self) -> bytes:
        """Publish the next pose; return its packet."""
        packet = self.encoder.encode(np.full((33, 4), self.encoder_step / 100, np.float32), self.encoder_step)
        self.encoder_step += 1
        self.fan_out.publish_pose(self.publisher, packet)
        return packet

    encoder_step = 0

    def asked(self) -> list[Control]:
        """Return what has been asked of the publisher since the last call."""
        parsed = [parse_control(packet) for packet in self.publisher_link.controls]
        self.publisher_link.controls.clear()
        return [message.control for message in parsed if message is not None]


@pytest.fixture
def company() -> Company:
    return Company()


# --- audio


def test_frames_go_to_those_who_want_them_from_that_member(company: Company) -> None:
    _, everybody = company.add(subscribe=frozenset({"audio"}))
    _, by_id = company.add(some=frozenset({("audio", 1)}))
    _, by_device = company.add(some=frozenset({("audio", "board-1")}))
    _, another = company.add(some=frozenset({("audio", 2)}))
    _, poses = company.add(subscribe=frozenset({"pose"}))
    assert company.fan_out.publish_audio(company.publisher, b"x") == 3
    assert [link.payloads for link in (everybody, by_id, by_device, another, poses)] == [[b"x"]] * 3 + [[]] * 2
    assert {frame.member_id for frame in everybody.frames} == {1}
    assert company.publisher_link.frames == []
    assert company.counters == {"audio_out": 3}


def test_one_gets_its_own_frames_only_where_it_wants_an_echo(company: Company) -> None:
    for echo in (False, True):
        member, link = company.add(publish=BOTH, subscribe=BOTH, echo=echo)
        company.fan_out.publish_audio(member, b"me")
        assert link.payloads == [b"me"] * echo


def test_who_does_not_publish_audio_is_not_relayed(company: Company) -> None:
    company.watcher()
    mute, _ = company.add(publish=frozenset({"pose"}))
    assert company.fan_out.publish_audio(mute, b"x") == 0
    assert company.fan_out.frames == 0


@given(st.lists(st.booleans(), min_size=1, max_size=60))
def test_a_congested_listener_hears_in_order_and_misses_only_the_oldest(jams: list[bool]) -> None:
    company = Company()
    listener, link = company.watcher()
    for number, jam in enumerate(jams):
        link.congested = jam
        if not jam:
            company.fan_out.drained(listener)
        company.fan_out.publish_audio(company.publisher, bytes([number]))
    link.congested = False
    company.fan_out.drained(listener)
    heard = [payload[0] for payload in link.payloads]
    assert heard == sorted(set(heard))
    assert heard[-8:] == list(range(len(jams)))[-8:]
    assert listener.dropped["audio"] == len(jams) - len(heard) == company.counters["audio_dropped"]
    assert not listener.waiting


def test_audio_for_a_member_who_is_away_is_dropped_and_counted(company: Company) -> None:
    listener, link = company.watcher()
    link.congested = True
    company.fan_out.publish_audio(company.publisher, b"waits")
    listener.link = None
    company.fan_out.drop_waiting(listener)
    company.fan_out.publish_audio(company.publisher, b"later")
    company.fan_out.drained(listener)
    assert (listener.dropped["audio"], company.counters["audio_dropped"]) == (2, 2)


# --- poses


def test_what_may_not_be_published_is_refused(company: Company) -> None:
    mute, _ = company.add(publish=frozenset({"audio"}))
    packet = company.encoder.encode(np.zeros((33, 4), np.float32), 0)
    with pytest.raises(RoomError, match='"publish"'):
        company.fan_out.publish_pose(mute, packet)
    for wrong, words in (
        (control(Control.KEY_REQUEST, 0, 0), "name its member_id"),
        (b"\xff" + packet[1:], "does not know"),
        (b"abc", "4 to"),
    ):
        with pytest.raises(PoseError, match=words):
            company.fan_out.publish_pose(company.publisher, wrong)
    assert company.publisher.streams == {}


def test_a_member_publishes_at_most_16_streams(company: Company) -> None:
    packets = [PoseEncoder("body33", stream=number).encode(np.zeros((33, 4), np.float32), 0) for number in range(17)]
    for packet in packets[:16]:
        company.fan_out.publish_pose(company.publisher, packet)
    with pytest.raises(RoomError) as caught:
        company.fan_out.publish_pose(company.publisher, packets[16])
    assert caught.value.code == "too_many"


def test_a_late_member_gets_a_short_chain_as_it_is_and_one_who_is_not_interested_nothing(company: Company) -> None:
    packets = [company.pose() for _ in range(4)]
    late, link = company.watcher()
    other, other_link = company.add(subscribe=frozenset({"audio"}))
    for member in (late, other):
        company.fan_out.follow(member, company.publisher)
    company.fan_out.follow(company.publisher, company.publisher)
    assert link.payloads == packets
    assert other_link.frames == company.publisher_link.frames == []
    packets.append(company.pose())
    assert link.payloads == packets


def test_a_late_member_of_a_stream_without_a_chain_waits_for_a_key(company: Company) -> None:
    packets = [company.encoder.encode(np.full((33, 4), step / 9, np.float32), step) for step in range(3)]
    company.fan_out.publish_pose(company.publisher, packets[1])  # the key was lost
    late, link = company.watcher()
    company.fan_out.follow(late, company.publisher)
    assert company.asked() == [Control.KEY_REQUEST]
    company.fan_out.publish_pose(company.publisher, packets[2])
    assert link.frames == []
    company.encoder.request_key()
    key = company.pose()
    assert link.payloads == [key]


def test_what_a_member_misses_while_it_is_away_is_no_loss_of_the_networks(company: Company) -> None:
    watcher, _ = company.watcher()
    company.pose()
    watcher.link = None
    company.pose()
    assert watcher.dropped["pose"] == 1
    assert company.counters["pose_dropped"] == 0, "the alert for slow networks goes by it"


def test_a_congested_watcher_gets_no_packet_that_it_cannot_decode(company: Company) -> None:
    watcher, link = company.watcher()
    other, other_link = company.watcher()
    before = company.pose()
    link.congested = True
    company.pose()
    company.encoder.request_key()
    # The key comes while it is congested still; what follows refers to it.
    company.pose()
    after_key = company.pose()
    assert link.payloads == [before]
    assert watcher.dropped["pose"] == company.counters["pose_dropped"] == 3
    link.congested = False
    company.encoder.request_key()
    key = company.pose()
    assert link.payloads == [before, key]
    assert other_link.payloads[-2:] == [after_key, key]
    assert other.dropped["pose"] == 0


def layers(packets: list[bytes]) -> list[int]:
    return [header.layer for header in map(parse_header, packets) if header is not None]


def test_layer_1_is_left_out_before_a_member_is_congested() -> None:
    room = Room("studio", RoomSettings())
    publisher_link, fast, slow = NotingLink(), NotingLink(), NotingLink()
    publisher = room.join("publisher", frozenset({"pose"}), Subscription(), publisher_link)
    room.join("fast", frozenset(), POSES, fast)
    slow_member = room.join("slow", frozenset(), POSES, slow)
    encoder, walk = PoseEncoder("coco17", layers=2), np.random.default_rng(1)
    values = walk.normal(0, 0.3, (17, 3))
    for time_ms in range(0, 600, 33):
        slow.queued_bytes = LAYER_1_BYTES + 1 if time_ms >= 200 else LAYER_1_BYTES
        values = values + walk.normal(0, 0.01, values.shape)
        room.fan_out.publish_pose(publisher, encoder.encode(values, time_ms))
    assert layers(fast.payloads) == [0, 1] * 9 + [0]
    assert layers(slow.payloads) == [0, 1] * 3 + [0] + [0] * 6
    assert slow_member.dropped["pose"] == 6
    decoder = PoseDecoder()
    for packet in slow.payloads:
        decoder.decode(packet)
    assert decoder.last is not None
    assert decoder.last.sequence == 18  # it follows to the end, with nothing asked of the publisher
    assert publisher_link.controls == []


# --- control


def test_requests_for_a_key_of_many_become_one_until_it_is_due_again(company: Company) -> None:
    watchers = [company.watcher()[0] for _ in range(3)]
    company.pose()
    for watcher in watchers:
        company.fan_out.control_pose(watcher, 1, control(Control.KEY_REQUEST, 0, 0))
    assert company.asked() == [Control.KEY_REQUEST]
    for _ in range(7):
        company.pose()
    assert company.asked() == []
    # One of them asked when it was too soon; it need not ask again.
    company.pose()
    assert company.asked() == [Control.KEY_REQUEST]


def test_acknowledgements_and_budgets_reach_the_publisher_from_an_only_subscriber(company: Company) -> None:
    first, _ = company.watcher()
    company.pose()
    company.fan_out.control_pose(first, 1, control(Control.ACK, 0, 0))
    assert company.asked() == [Control.ACK]
    company.watcher()
    for packet in (control(Control.ACK, 0, 0), control(Control.RATE, 0, 0, 60)):
        company.fan_out.control_pose(first, 1, packet)
    assert company.asked() == []
    assert company.publisher.streams[0].rate is None


def test_a_budget_is_repeated_to_a_publisher_that_is_back_and_lifted_when_its_subscriber_leaves(
    company: Company,
) -> None:
    watcher, _ = company.watcher()
    company.pose()
    company.fan_out.control_pose(watcher, 1, control(Control.RATE, 0, 0, 60))
    assert company.asked() == [Control.RATE]
    company.publisher.link = None
    company.fan_out.repeat_budgets(company.publisher)
    company.publisher.link = company.publisher_link
    company.fan_out.repeat_budgets(company.publisher)
    assert company.publisher_link.controls == [control(Control.RATE, 0, 0, 60)]
    del company.members[watcher.member_id]
    company.fan_out.member_left(watcher)
    assert company.publisher_link.controls[1:] == [control(Control.RATE, 0, 0, 0)]
    company.fan_out.repeat_budgets(company.publisher)
    assert len(company.publisher_link.controls) == 2


def test_control_of_a_stream_that_is_not_there_or_not_ones_own_is_refused(company: Company) -> None:
    watcher, _ = company.watcher()
    deaf, _ = company.add()
    company.pose()
    ask = control(Control.KEY_REQUEST, 0, 0)
    for member, member_id, packet, code in (
        (watcher, 9, ask, "not_in_room"),
        (watcher, 1, control(Control.KEY_REQUEST, 5, 0), "not_in_room"),
        (deaf, 1, ask, "room_denied"),
    ):
        with pytest.raises(RoomError) as caught:
            company.fan_out.control_pose(member, member_id, packet)
        assert caught.value.code == code
    with pytest.raises(PoseError):
        company.fan_out.control_pose(watcher, 1, company.pose())
    assert company.asked() == []
