"""Pose packets: half a step at most, and never a wrong pose."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from posewire.errors import PoseError
from posewire.wire.pose import (
    SETS,
    PacketHeader,
    PacketKind,
    PoseDecoder,
    PoseEncoder,
    custom_set,
    key_request,
    read_header,
    set_for,
)

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "pose_packets.json").read_text())
BODY = SETS["body33"]


def walk(frames: int, seed: int = 1) -> NDArray[np.float32]:
    """A body that moves smoothly, with a landmark missing now and then."""
    random = np.random.default_rng(seed)
    motion = 0.5 + np.cumsum(random.normal(0, 0.002, (frames, *BODY.shape)), axis=0)
    motion[random.random((frames, BODY.landmarks)) < 0.02] = np.nan
    return motion.astype(np.float32)


@given(
    st.integers(1, 6).flatmap(
        lambda count: arrays(np.float32, (count, 5, 3), elements=st.floats(-7, 7, width=32) | st.just(float("nan")))
    )
)
def test_no_value_is_off_by_more_than_half_a_step(motion: NDArray[np.float32]) -> None:
    landmarks = custom_set(5, 3)
    encoder, decoder = PoseEncoder(landmarks), PoseDecoder()
    for time_ms, values in enumerate(motion):
        pose = decoder.decode(encoder.encode(values, time_ms))
        assert pose.time_ms == time_ms
        assert np.array_equal(np.isnan(pose.values), np.isnan(values))
        error = np.abs(pose.values - values) / landmarks.steps
        assert np.nanmax(error, initial=0) <= 0.5


def test_deltas_are_small() -> None:
    encoder = PoseEncoder(BODY)
    sizes = [len(encoder.encode(values, 0)) for values in np.nan_to_num(walk(50), nan=0.5)]
    assert np.mean(sizes[1:]) < 0.8 * sizes[0]


def test_a_lost_packet_is_a_gap_until_the_next_key() -> None:
    encoder, decoder = PoseEncoder(BODY), PoseDecoder()
    packets = [encoder.encode(values, 0) for values in walk(4)]
    encoder.request_key()
    packets.append(encoder.encode(walk(1)[0], 0))
    decoder.decode(packets[0])
    for packet in packets[2:4]:
        with pytest.raises(PoseError):
            decoder.decode(packet)
    assert decoder.decode(packets[4]).sequence == 4


def test_a_delta_against_another_reference_is_refused() -> None:
    ours, theirs = PoseEncoder(BODY), PoseEncoder(BODY)
    decoder = PoseDecoder()
    decoder.decode(ours.encode(walk(1, seed=1)[0], 0))
    theirs.encode(walk(1, seed=2)[0], 0)
    with pytest.raises(PoseError, match="another reference"):
        decoder.decode(theirs.encode(walk(1, seed=3)[0], 0))


@settings(max_examples=300)
@given(data=st.data())
def test_a_damaged_packet_is_never_shown(data: st.DataObject) -> None:
    encoder, decoder = PoseEncoder(BODY), PoseDecoder()
    motion = walk(2)
    decoder.decode(encoder.encode(motion[0], 0))
    packet = bytearray(encoder.encode(motion[1], 33))
    for _ in range(data.draw(st.integers(1, 3))):
        packet[data.draw(st.integers(0, len(packet) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    if bytes(packet) == bytes(PoseEncoder(BODY).encode(motion[1], 33)):
        return
    try:
        pose = decoder.decode(bytes(packet))
    except PoseError:
        return
    # What decodes can only be the packet itself, flipped back.
    sent = PoseDecoder().decode(PoseEncoder(BODY).encode(motion[1], 33))
    assert np.array_equal(pose.integers, sent.integers)


@given(st.binary(max_size=60))
def test_any_bytes_decode_or_are_refused(packet: bytes) -> None:
    try:
        PoseDecoder().decode(packet)
    except PoseError as error:
        assert str(error)


def test_a_request_asks_for_a_set() -> None:
    header = read_header(key_request(BODY.id, 77))
    assert (header.kind, header.set_id, header.sequence) == (PacketKind.KEY_REQUEST, BODY.id, 77)
    with pytest.raises(PoseError):
        PoseDecoder().decode(key_request(BODY.id))


def test_far_values_saturate() -> None:
    values = np.full(BODY.shape, 1e9, np.float32)
    pose = PoseDecoder().decode(PoseEncoder(BODY).encode(values, 0))
    assert (pose.integers == 32767).all()


def test_sets_are_found_by_name_and_shape() -> None:
    assert set_for("body33", (33, 4)) is BODY
    assert set_for("body33", (33, 3)).shape == (33, 3)
    assert set_for("quat31", (31, 4)).exponents == (14,) * 4


@pytest.mark.parametrize("stream", VECTORS["streams"], ids=lambda stream: stream["name"])
def test_shared_vectors(stream: dict[str, Any]) -> None:
    bits = stream["bits"]
    landmarks = SETS[stream["name"]] if stream["set"] else custom_set(stream["landmarks"], len(bits), bits[0])
    encoder, decoder = PoseEncoder(landmarks), PoseDecoder()
    encoder.sequence = stream["packets"][0]["sequence"]
    for vector in stream["packets"]:
        if vector["kind"] == PacketKind.KEY:
            encoder.request_key()
        values = np.frombuffer(bytes.fromhex(vector["floats"]), "<f4").reshape(landmarks.shape)
        packet = encoder.encode(values, vector["time_ms"])
        assert packet.hex() == vector["packet"]
        pose = decoder.decode(packet)
        assert (pose.sequence, pose.time_ms) == (vector["sequence"], vector["time_ms"])
        assert pose.integers.astype("<i2").tobytes().hex() == vector["integers"]


@pytest.mark.parametrize("vector", VECTORS["key_requests"])
def test_shared_vectors_of_requests(vector: dict[str, Any]) -> None:
    header = read_header(bytes.fromhex(vector["packet"]))
    assert header == PacketHeader(PacketKind.KEY_REQUEST, vector["set"], vector["sequence"], vector["time_ms"])
