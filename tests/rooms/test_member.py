"""A member: what others see of it, what is kept of its frames, and its way to disk and back."""

import json

from hypothesis import given
from hypothesis import strategies as st

from posewire.rooms.frame import RoomFrame
from posewire.rooms.member import Member
from posewire.rooms.pose_stream import PoseStream
from posewire.wire.messages import AudioParams
from posewire.wire.pose import PoseEncoder, parse_header
from posewire.wire.room_actions import MAX_REPLAY, Subscription
from support.room_link import NotingLink

KINDS = st.frozensets(st.sampled_from(["pose", "audio"]))
SINGLES = st.frozensets(st.tuples(st.sampled_from(["pose", "audio"]), st.integers(1, 255) | st.text(max_size=64)))
MEMBERS = st.builds(
    Member,
    member_id=st.integers(1, 255),
    device=st.text(max_size=20),
    publish=KINDS,
    subscribe=st.builds(Subscription, KINDS, SINGLES),
    link=st.none(),
    echo=st.booleans(),
    role=st.sampled_from(["owner", "member"]),
    audio=st.none() | st.builds(AudioParams, st.sampled_from(["opus", "pcm"]), st.sampled_from([16000, 24000])),
)


def member(**fields: object) -> Member:
    values = {"member_id": 1, "device": "board", "publish": frozenset({"pose", "audio"}), "subscribe": Subscription()}
    return Member(**{**values, "link": NotingLink(), **fields})  # type: ignore[arg-type]


@given(MEMBERS)
def test_a_member_comes_back_from_json_as_it_was(saved: Member) -> None:
    restored = Member.from_dict(json.loads(json.dumps(saved.as_dict())))
    assert restored.describe() == saved.describe()
    assert (restored.subscribe, restored.echo, restored.role) == (saved.subscribe, saved.echo, saved.role)


def test_others_see_how_its_audio_is_encoded_if_it_publishes_audio() -> None:
    params = AudioParams("opus", 24000)
    described = member(audio=params).describe()
    assert described == {
        "member_id": 1, "device": "board", "role": "member", "publish": ["audio", "pose"], "audio": params.as_dict(),
    }  # fmt: skip
    assert "audio" not in member(audio=params, publish=frozenset({"pose"})).describe()
    assert member(link=None).describe()["away"] is True


@given(st.lists(st.integers(0, 50), max_size=MAX_REPLAY + 20), st.integers(0, 500))
def test_the_newest_frames_stay_as_far_as_they_fit(sizes: list[int], limit: int) -> None:
    keeper = member()
    for number, size in enumerate(sizes):
        keeper.last_frames.append((float(number), "pose", bytes(size)))
    before = list(keeper.last_frames)
    keeper.forget_frames(limit)
    kept = list(keeper.last_frames)
    assert kept == before[len(before) - len(kept) :]
    assert sum(len(payload) for _, _, payload in kept) <= limit
    if len(kept) < len(before):
        assert sum(len(payload) for _, _, payload in before[-len(kept) - 1 :]) > limit


def test_everything_that_is_kept_for_it_is_counted() -> None:
    keeper = member()
    packet = PoseEncoder("body33").encode([[0.0] * 4] * 33, 0)
    header = parse_header(packet)
    assert header is not None
    stream = keeper.streams[0] = PoseStream(0)
    stream.append(header, packet)
    keeper.last_frames.append((0.0, "pose", packet))
    keeper.waiting.append(RoomFrame("audio", bytes(100), 2))
    assert keeper.held_bytes == 2 * len(packet) + 100
