"""``room`` messages of a peer: what each action carries, and what is refused."""

import base64
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posewire.errors import WireError
from posewire.wire.room_actions import MAX_MEMBER_MESSAGE, Subscription, parse_room


def parse(action: str, **fields: Any) -> Any:
    return parse_room({"type": "room", "action": action, **fields})


@pytest.mark.parametrize("room", ["", "x" * 65, "a\nb", 7])
def test_room_names_are_bounded(room: object) -> None:
    with pytest.raises(WireError):
        parse_room({"type": "room", "action": "join", "room": room})


def test_room_kinds_are_checked() -> None:
    with pytest.raises(WireError, match="video"):
        parse_room({"type": "room", "action": "join", "room": "a", "publish": ["video"]})


@pytest.mark.parametrize(
    "message",
    [
        {"action": "explode"},
        {"action": "kick"},
        {"action": "kick", "member_id": 0},
        {"action": "role", "member_id": 1, "role": "king"},
        {"action": "replay", "member_id": 1, "frames": 101},
        {"action": "subscribe", "subscribe": [{"kind": "pose"}]},
        {"action": "subscribe", "subscribe": [{"kind": "smell", "member_id": 1}]},
        {"action": "subscribe", "subscribe": [{"kind": "pose", "member_id": 1, "device": "x"}]},
        {"action": "join", "room": ""},
    ],
)
def test_room_messages_that_make_no_sense(message: dict[str, object]) -> None:
    with pytest.raises(WireError):
        parse_room({"type": "room", **message})


def test_a_join_says_what_the_member_sends_and_wants() -> None:
    action = parse("join", room="studio", publish=["pose"], subscribe=["audio"], echo=True, create=False, messages=True)
    assert (action.room, action.publish, action.subscribe.kinds) == ("studio", {"pose"}, {"audio"})
    assert (action.echo, action.open, action.messages, action.reports) == (True, False, True, False)
    plain = parse("join", room="studio")
    assert (plain.publish, plain.subscribe, plain.open) == (frozenset(), Subscription(), True)


def test_a_subscription_is_to_everybody_or_to_single_members() -> None:
    wanted = parse(
        "subscribe", subscribe=["audio", {"kind": "pose", "member_id": 3}, {"kind": "pose", "device": "Left-Arm"}]
    ).subscribe
    assert wanted.kinds == {"pose", "audio"}
    assert wanted.wants("audio", 9, "anybody")
    assert wanted.wants("pose", 3, "anybody")
    assert wanted.wants("pose", 9, "left-arm"), "ids of devices are in small letters"
    assert not wanted.wants("pose", 9, "right-arm")
    with pytest.raises(WireError) as caught:
        parse("subscribe", subscribe=[{"kind": "pose", "member_id": number} for number in range(1, 66)])
    assert caught.value.code == "too_many"


@given(st.binary(max_size=300), st.integers(1, 255))
def test_a_message_of_bytes_is_measured_before_base64(data: bytes, to: int) -> None:
    message = parse("send", number=7, to=to, bytes=base64.b64encode(data).decode()).message
    assert (message.number, message.to, message.size) == (7, to, len(data))


def test_a_message_of_json_is_measured_in_utf_8() -> None:
    message = parse("send", number=0, data="é").message
    assert (message.to, message.content, message.size) == (0, {"data": "é"}, 4)
    longest = "x" * (MAX_MEMBER_MESSAGE - 2)
    assert parse("send", number=0, data=longest).message.size == MAX_MEMBER_MESSAGE
    with pytest.raises(WireError) as caught:
        parse("send", number=0, data=longest + "x")
    assert caught.value.code == "too_many"


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"number": 1}, 'needs "data" or "bytes"'),
        ({"number": 1, "data": 1, "bytes": ""}, 'needs "data" or "bytes"'),
        ({"number": 1, "bytes": "?"}, "not base64"),
        ({"number": -1, "data": 1}, '"number"'),
        ({"number": 1, "to": 256, "data": 1}, '"to"'),
        ({"data": 1}, '"number"'),
    ],
)
def test_a_message_that_cannot_be_sent_is_refused(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(WireError, match=message):
        parse("send", **fields)


def test_a_report_names_streams_by_their_publisher() -> None:
    streams = [{"member_id": 2, "loss": 3, "age_ms": 40.5, "buffer": 1}, {"member_id": 2, "stream": 1}]
    assert parse("report", streams=streams).troubles == {(2, 0): (1.0, 40.5, 1), (2, 1): (0.0, 0.0, 0)}
    for wrong in ({"member_id": 2, "loss": float("nan")}, {"member_id": 2, "age_ms": -1}, 7, {"loss": 1}):
        with pytest.raises(WireError):
            parse("report", streams=[wrong])
    with pytest.raises(WireError, match="at most 255"):
        parse("report", streams=[{"member_id": 1}] * 256)


def test_each_other_action_has_its_fields() -> None:
    assert parse("replay", member_id=4).frames == 100
    assert parse("replay", member_id=4, frames=5).frames == 5
    assert parse("catch_up", after=12).after == 12
    assert parse("role", member_id=4).member_id == 4
    assert parse("kick", member_id=4, reason="x" * 100).reason == "x" * 80
    assert parse("leave").action == "leave"
