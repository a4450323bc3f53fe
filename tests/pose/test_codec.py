"""The promises to publishers and subscribers: exact bounds, small packets, and never a wrong pose."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from posewire.errors import PoseError
from posewire.wire.pose import (
    Control,
    OneEuro,
    PoseDecoder,
    PoseEncoder,
    PoseRelay,
    control,
    custom_set,
    landmark_set,
    load_recording,
    parse_header,
)

DATA = Path(__file__).resolve().parent.parent / "data" / "pose"


def recording(name: str) -> Any:
    return next(iter(load_recording(str(DATA / f"{name}.npz")).frames.values()))


def check_bound(values: Any, got: Any, bits: tuple[int, ...], coarse: int = 0) -> None:
    """Every value of every landmark within half a step, missing ones missing."""
    v = np.asarray(values, np.float32).astype(np.float64)
    there = np.isfinite(v).all(1)
    assert np.array_equal(there, ~np.isnan(got).any(1))
    assert (np.abs(v - got)[there] * np.exp2(np.array(bits) - coarse)).max(initial=0) <= 0.5


@pytest.mark.parametrize(
    ("name", "set_name", "most"),
    [
        ("body_slp_viewer", "body33", 60),
        ("world_slp_84322c", "world33", 60),
        ("face_slp_84322c", "face478", 480),
    ],
)
def test_recordings_stay_small_and_within_half_a_step(name: str, set_name: str, most: float) -> None:
    data, spec = recording(name), landmark_set(set_name)
    encoder, decoder = PoseEncoder(set_name), PoseDecoder()
    payload = []
    for t, values in enumerate(data):
        frame = decoder.decode(encoder.encode(values, 40 * t))
        assert frame is not None
        assert frame.time_ms == 40 * t
        check_bound(values, frame.values[set_name], spec.bits)
        payload.append(encoder.coder(spec.id).payload)
    assert np.mean(payload) < most


def test_quaternions_stay_within_a_twentieth_of_a_degree() -> None:
    data = recording("imuquat_broad_02")[:200]
    encoder, decoder = PoseEncoder("quat1"), PoseDecoder()
    for t, values in enumerate(data):
        frame = decoder.decode(encoder.encode(values, 20 * t))
        assert frame is not None
        got = frame.values["quat1"][0] / np.linalg.norm(frame.values["quat1"][0])
        half = min(1.0, abs(float(got @ (values[0] / np.linalg.norm(values[0])))))
        assert math.degrees(2 * math.acos(half)) < 0.06


@settings(max_examples=60, deadline=None)
@given(
    data=hnp.arrays(np.float32, (6, 5, 3), elements=st.floats(-40000, 40000, width=32) | st.just(float("nan"))),
    bits=st.tuples(*[st.integers(-2, 6)] * 3),
    parents=st.sampled_from([(-1,) * 5, (-1, 0, 1, 2, 3), (-1, 0, 0, -1, 3)]),
    options=st.sampled_from(
        [{}, {"key_every": 2}, {"layers": 2}, {"refresh": 2}, {"acknowledged": True}, {"coarse": 2}]
    ),
)
def test_any_landmarks_come_back(data: Any, bits: Any, parents: Any, options: dict[str, Any]) -> None:
    spec = custom_set(5, bits, parents)
    encoder, decoder = PoseEncoder(spec, **options), PoseDecoder()
    for t, values in enumerate(data):
        frame = decoder.decode(encoder.encode(values, 10 * t))
        assert frame is not None
        if not np.isfinite(values).all(1).any():
            assert "custom" not in frame.values
            continue
        coarse = options.get("coarse", 0)
        limited = np.clip(
            values.astype(np.float64),
            -32767 / np.exp2(np.array(bits) - coarse),
            32767 / np.exp2(np.array(bits) - coarse),
        )
        check_bound(limited, frame.values["custom"], bits, coarse)


def test_a_missing_set_is_missing_and_comes_back() -> None:
    encoder, decoder = PoseEncoder(["body33", "hand21"]), PoseDecoder()
    body, hand = recording("body_slp_viewer"), recording("hands_slp_viewer")[:, 21:]
    for t in range(97):
        there = not np.isnan(hand[t]).any()
        frame = decoder.decode(encoder.encode({"body33": body[t], "hand21": hand[t] if there else None}, t))
        assert frame is not None
        assert ("hand21" in frame.values) == there


def test_a_still_pose_costs_eleven_bytes() -> None:
    encoder, decoder = PoseEncoder("body33"), PoseDecoder()
    values = recording("body_slp_viewer")[0]
    decoder.decode(encoder.encode(values, 0))
    packet = encoder.encode(values, 33)
    frame = decoder.decode(packet)
    assert len(packet) == 11
    assert frame is not None
    assert frame.repeat
    assert frame.time_ms == 33


def lossy(encoder: PoseEncoder, data: Any, lose: Any, request: bool = False, ack: bool = False) -> tuple[int, int]:
    """Frames shown and sent; whatever is shown must be what was sent with that sequence number."""
    decoder = PoseDecoder()
    shown = 0
    for t, values in enumerate(data):
        packet = encoder.encode(values, 33 * t)
        if lose(t, packet):
            continue
        try:
            frame = decoder.decode(packet)
        except PoseError:
            frame = None
        if frame is not None:
            shown += 1
            assert frame.sequence == t
            check_bound(values, frame.values["body33"], landmark_set("body33").bits)
        if request and decoder.needs_key:
            encoder.control(decoder.key_request())
        if ack and t % 3 == 2 and (message := decoder.ack()) is not None:
            encoder.control(message)
    return shown, len(data)


def test_after_a_loss_the_last_pose_is_held_until_the_key_that_was_asked_for() -> None:
    shown, sent = lossy(PoseEncoder("body33"), recording("body_slp_viewer"), lambda t, p: t == 20, request=True)
    assert shown == sent - 2  # the lost one, and the one that showed the loss


def test_a_relay_may_drop_the_second_layer() -> None:
    shown, sent = lossy(PoseEncoder("body33", layers=2), recording("body_slp_viewer"), lambda t, p: p[0] & 3 == 1)
    assert shown == sent - sent // 2


def test_acknowledged_references_lose_only_what_is_lost() -> None:
    rng = np.random.default_rng(3)
    lost = set(rng.choice(np.arange(5, 97), 20, replace=False).tolist())
    shown, sent = lossy(
        PoseEncoder("body33", acknowledged=True),
        recording("body_slp_viewer"),
        lambda t, p: t in lost,
        ack=True,
    )
    assert shown == sent - len(lost)


def test_a_refreshed_stream_can_be_joined_without_a_key() -> None:
    data = recording("body_slp_viewer")
    encoder, decoder = PoseEncoder("body33", refresh=10), PoseDecoder()
    packets = [encoder.encode(v, t) for t, v in enumerate(data)]
    frames = []
    for t in range(5, 40):  # joins in the middle: the key at 0 is gone
        try:
            frames.append((t, decoder.decode(packets[t])))
        except PoseError:
            assert t <= 10
    first = next(t for t, f in frames if f is not None)
    assert first <= 21
    for t, frame in frames:
        if t >= first:
            assert frame is not None
            check_bound(data[t], frame.values["body33"], landmark_set("body33").bits)


def test_a_snapshot_lets_a_late_subscriber_go_on_with_the_deltas() -> None:
    data = recording("body_slp_viewer")
    encoder, relay, late = PoseEncoder("body33"), PoseRelay(), PoseDecoder()
    for t, values in enumerate(data[:60]):
        packet = encoder.encode(values, t)
        assert relay.feed(packet)
        if t > 40:
            frame = late.decode(packet)
            assert frame is not None
            check_bound(values, frame.values["body33"], landmark_set("body33").bits)
        elif t == 40:
            snapshot = relay.snapshot()
            assert snapshot is not None
            assert late.decode(snapshot) is not None
    assert len(relay.snapshot() or b"") < 700


def test_the_budget_holds_for_every_packet_and_quality_returns() -> None:
    data = recording("body_slp_viewer")
    encoder, decoder = PoseEncoder("body33", budget=70), PoseDecoder()
    sizes, levels = [], []
    for t, values in enumerate(np.concatenate([data, np.repeat(data[-1:], 80, 0)])):
        frame = decoder.decode(encoder.encode(values, t))
        levels.append(encoder.coarse)
        assert frame is not None
        if not frame.repeat:
            check_bound(values, frame.values["body33"], landmark_set("body33").bits, encoder.coarse)
    encoder = PoseEncoder("body33", budget=70)
    sizes = [len(encoder.encode(v, t)) for t, v in enumerate(data)]
    assert np.percentile(sizes[1:], 99) <= 70
    assert max(levels) > 0


def test_the_filter_is_off_by_default_and_steadies_when_on() -> None:
    rng = np.random.default_rng(5)
    still = recording("body_slp_viewer")[0][None] + rng.normal(0, 0.002, (90, 33, 4)).astype(np.float32)
    plain, smooth = PoseEncoder("body33"), PoseEncoder("body33", smooth=OneEuro())
    a = sum(len(plain.encode(v, 33 * t)) for t, v in enumerate(still))
    b = sum(len(smooth.encode(v, 33 * t)) for t, v in enumerate(still))
    assert b < 0.85 * a


def test_late_duplicate_and_foreign_packets_are_refused() -> None:
    data = recording("body_slp_viewer")
    encoder, decoder, other = PoseEncoder("body33"), PoseDecoder(), PoseEncoder("body33", stream=4)
    packets = [encoder.encode(v, t) for t, v in enumerate(data[:6])]
    for p in packets:
        decoder.decode(p)
    for p in packets:
        with pytest.raises(PoseError):
            decoder.decode(p)
    other.encode(data[0] + 1, 0)
    others = [other.encode(data[1] + 1, 33) for _ in range(1)]
    with pytest.raises(PoseError):
        PoseDecoder().decode(others[0])
    assert decoder.last is not None
    assert decoder.last.sequence == 5


def test_a_wrong_reference_is_noticed() -> None:
    data = recording("body_slp_viewer")
    a, b = PoseEncoder("body33"), PoseEncoder("body33")
    decoder = PoseDecoder()
    decoder.decode(a.encode(data[0], 0))
    b.encode(data[50], 0)
    with pytest.raises(PoseError, match="reference"):
        decoder.decode(b.encode(data[51], 33))


def test_unknown_versions_kinds_and_sets_are_skipped() -> None:
    from posewire.wire.pose.packet import Header, Kind, put_varint, seal

    decoder = PoseDecoder()
    assert decoder.decode(bytes([3 << 5, 0, 0, 0, 1, 2, 3, 4, 5])) is None
    assert decoder.decode(bytes([1 << 5 | 6 << 2, 0, 0, 0, 1, 2, 3, 4, 5])) is None
    packet = PoseEncoder("coco17").encode(np.zeros((17, 3)) + 0.25, 7)
    body = packet[8:-4]
    stranger = bytes((200, 3)) + put_varint(5) + b"hello"
    frame = decoder.decode(seal(Header(Kind.KEY, 0, 0, 0, 7).pack() + stranger + body)[0])
    assert frame is not None
    assert list(frame.values) == ["coco17"]


def test_a_long_pause_and_a_long_repeat_end_in_a_key() -> None:
    encoder, decoder = PoseEncoder("coco17"), PoseDecoder()
    values = np.full((17, 3), 0.5, np.float32)
    decoder.decode(encoder.encode(values, 0))
    for t in range(1, 300):
        assert decoder.decode(encoder.encode(values, t)) is not None
    header = parse_header(encoder.encode(values, 100_000))
    assert header is not None
    assert header.kind.name == "KEY"


def test_control_packets_say_what_they_mean() -> None:
    encoder = PoseEncoder("coco17", stream=2)
    values = np.full((17, 3), 0.5, np.float32)
    encoder.encode(values, 0)
    encoder.control(control(Control.KEY_REQUEST, 1, 0))  # another stream
    assert parse_header(encoder.encode(values + 0.1, 1)).kind.name == "DELTA"  # type: ignore[union-attr]
    encoder.control(control(Control.KEY_REQUEST, 2, 0))
    assert parse_header(encoder.encode(values, 2)).kind.name == "KEY"  # type: ignore[union-attr]
    encoder.control(control(Control.RATE, 2, 0, 40))
    assert encoder.budget == 40
    with pytest.raises(PoseError):
        encoder.control(control(Control.RATE, 2, 0, 40)[:-1] + b"\0")
