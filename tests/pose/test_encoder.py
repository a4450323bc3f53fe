"""The publisher's side: which kind of packet comes when."""

from typing import Any

import numpy as np
import pytest

from posewire.errors import PoseError
from posewire.wire.pose.decoder import PoseDecoder
from posewire.wire.pose.encoder import PoseEncoder
from posewire.wire.pose.frame import Poses
from posewire.wire.pose.packet import Control, Header, Kind, control, parse_header
from posewire.wire.pose.sets import custom_set

STILL = np.full((17, 3), 0.25, np.float32)


def moved(by: int) -> np.ndarray:
    return STILL + np.float32(0.01 * by)


def header(packet: bytes) -> Header:
    found = parse_header(packet)
    assert found is not None
    return found


def kinds(encoder: PoseEncoder, poses: list[np.ndarray], every_ms: int = 33) -> list[Kind]:
    return [header(encoder.encode(pose, every_ms * number)).kind for number, pose in enumerate(poses)]


def test_a_stream_begins_with_a_key_and_goes_on_with_deltas() -> None:
    assert kinds(PoseEncoder("coco17"), [moved(n) for n in range(4)]) == [Kind.KEY, *[Kind.DELTA] * 3]


def test_the_same_pose_again_is_a_repeat() -> None:
    assert kinds(PoseEncoder("coco17"), [STILL, STILL, moved(1)]) == [Kind.KEY, Kind.REPEAT, Kind.DELTA]


def test_a_key_comes_every_so_many_frames() -> None:
    got = kinds(PoseEncoder("coco17", key_every=3), [moved(n) for n in range(7)])
    assert [number for number, kind in enumerate(got) if kind is Kind.KEY] == [0, 3, 6]


def test_a_requested_key_comes_once() -> None:
    encoder = PoseEncoder("coco17")
    encoder.encode(STILL, 0)
    encoder.request_key()
    assert kinds(encoder, [moved(1), moved(2)]) == [Kind.KEY, Kind.DELTA]


def test_a_key_comes_where_a_delta_could_not_say_its_time() -> None:
    assert kinds(PoseEncoder("coco17"), [moved(n) for n in range(3)], every_ms=70_000) == [Kind.KEY] * 3


def test_refreshed_streams_have_restarts_instead_of_keys() -> None:
    got = kinds(PoseEncoder("coco17", refresh=2), [moved(n) for n in range(12)])
    assert got.count(Kind.KEY) == 1
    assert Kind.RESTART in got


def test_every_other_frame_of_two_layers_can_be_dropped() -> None:
    encoder, decoder = PoseEncoder("coco17", layers=2), PoseDecoder()
    packets = [encoder.encode(moved(n), 33 * n) for n in range(8)]
    layers = [header(packet).layer for packet in packets]
    assert layers == [0, 1] * 4
    for packet, layer in zip(packets, layers, strict=True):
        if layer == 0:
            assert decoder.decode(packet) is not None


def test_acknowledged_streams_refer_to_what_was_acknowledged() -> None:
    encoder = PoseEncoder("coco17", acknowledged=True)
    for number in range(4):
        packet = encoder.encode(moved(number), number)
    assert header(packet).distance == 3, "nothing was acknowledged: the key is the reference"
    encoder.control(control(Control.ACK, 0, 1))
    assert header(encoder.encode(moved(4), 4)).distance == 3, "now it is the first delta"


def test_an_acknowledgement_of_anything_else_changes_nothing() -> None:
    encoder = PoseEncoder("coco17", acknowledged=True)
    for number in range(3):
        encoder.encode(moved(number), number)
    encoder.control(control(Control.ACK, 0, 77))
    encoder.control(control(Control.ACK, 9, 1))
    assert header(encoder.encode(moved(3), 3)).distance == 3


def test_a_rate_of_zero_lifts_the_budget() -> None:
    encoder = PoseEncoder("coco17", budget=30)
    encoder.control(control(Control.RATE, 0, 0, 50))
    assert encoder.budget == 50
    encoder.control(control(Control.RATE, 0, 0, 0))
    assert encoder.budget is None


def test_sequences_begin_where_they_are_told_and_wrap() -> None:
    encoder = PoseEncoder("coco17", sequence=0xFFFF)
    assert [header(encoder.encode(moved(n), n)).sequence for n in range(2)] == [0xFFFF, 0]
    assert encoder.sequence == 1


@pytest.mark.parametrize(
    ("sets", "options", "message"),
    [
        ([], {}, "one or more"),
        (["coco17", "coco17"], {}, "different landmark sets"),
        ("coco17", {"layers": 3}, "layers must be 1 or 2"),
        ("coco17", {"stream": 256}, "stream 0 to 255"),
        ("coco17", {"coarse": 8}, "coarse 0 to 7"),
        ("coco17", {"layers": 2, "acknowledged": True}, "exclude each other"),
        ("quat4", {"refresh": 5}, "quaternions are not refreshed"),
    ],
)
def test_options_that_do_not_fit_are_refused(sets: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(PoseError, match=message):
        PoseEncoder(sets, **options)


@pytest.mark.parametrize(
    ("poses", "message"),
    [
        (STILL, "a mapping from name to array"),
        ({"coco17": STILL, "face468": None}, r"not sets of this stream: \['face468'\]"),
        ({"coco17": STILL[:5]}, "17 x 3 values"),
    ],
)
def test_poses_that_do_not_fit_are_refused_and_leave_no_trace(poses: Poses, message: str) -> None:
    encoder = PoseEncoder(["coco17", "quat1"])
    with pytest.raises(PoseError, match=message):
        encoder.encode(poses, 0)
    assert encoder.sequence == 0
    assert header(encoder.encode({"coco17": STILL}, 0)).kind is Kind.KEY


def test_a_packet_that_no_frame_can_carry_is_refused() -> None:
    encoder = PoseEncoder(custom_set(1000, (0,) * 8))
    noise = np.random.default_rng(1).integers(-32767, 32768, 8000)
    packet_size = len(encoder.encode(noise, 0))
    assert packet_size <= 65535
