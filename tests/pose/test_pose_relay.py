"""A relay that decodes: from its snapshot a late subscriber goes on as if it had been there."""

from typing import Any

import numpy as np
import pytest

from posewire.wire.pose.decoder import PoseDecoder
from posewire.wire.pose.encoder import PoseEncoder
from posewire.wire.pose.packet import Control, control, parse_control, parse_header
from posewire.wire.pose.relay import PoseRelay


def moved(by: int) -> np.ndarray:
    values = np.full((17, 3), 0.25 + 0.01 * by, np.float32)
    values[by % 17] = np.nan
    return values


def test_nothing_was_fed_so_there_is_no_snapshot() -> None:
    assert PoseRelay().snapshot() is None


@pytest.mark.parametrize("options", [{}, {"layers": 2}, {"acknowledged": True}, {"refresh": 3}, {"budget": 40}])
def test_who_joins_by_a_snapshot_decodes_the_same_from_there_on(options: dict[str, Any]) -> None:
    encoder, relay, early = PoseEncoder("coco17", **options), PoseRelay(), PoseDecoder()
    packets = [encoder.encode(moved(number), number) for number in range(12)]
    for packet in packets[:7]:
        early.decode(packet)
        assert relay.feed(packet)
    late, snapshot = PoseDecoder(), relay.snapshot()
    assert snapshot is not None
    late.decode(snapshot)
    for packet in packets[7:]:
        a, b = early.decode(packet), late.decode(packet)
        assert a is not None
        assert b is not None
        assert np.array_equal(a.values["coco17"], b.values["coco17"], equal_nan=True)


def test_a_lost_reference_is_asked_for_and_a_control_packet_changes_nothing() -> None:
    encoder, relay = PoseEncoder("coco17"), PoseRelay()
    packets = [encoder.encode(moved(number), number) for number in range(4)]
    relay.feed(packets[0])
    assert relay.feed(control(Control.ACK, 0, 0))
    assert not relay.feed(packets[2])
    assert relay.needs_key
    request = parse_control(relay.key_request())
    assert request is not None
    assert request.control is Control.KEY_REQUEST
    encoder.request_key()
    assert relay.feed(encoder.encode(moved(5), 5))
    assert not relay.needs_key
    snapshot = parse_header(relay.snapshot() or b"")
    assert snapshot is not None
    assert snapshot.sequence == 4
