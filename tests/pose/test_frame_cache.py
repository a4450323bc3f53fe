"""Decoders that share what packets decoded to: the same frames and refusals as without, each decoded once."""

from __future__ import annotations

import random

import numpy as np
import pytest

from posewire.errors import PoseError
from posewire.wire.pose import FrameCache, PoseDecoder, PoseEncoder, parse_header
from posewire.wire.pose.decoder import PoseDecoder as Decoder


def packets(seed: int, count: int = 60) -> list[bytes]:
    chance = np.random.default_rng(seed)
    encoder = PoseEncoder(["body33", "hands42"], layers=2, key_every=25)
    pose = {"body33": chance.random((33, 4)), "hands42": chance.random((42, 3))}
    made = []
    for step in range(count):
        if step % 7:  # else the pose before: a repeat
            pose = {name: values + chance.normal(0, 0.01, values.shape) for name, values in pose.items()}
        made.append(encoder.encode({**pose, **({"hands42": None} if step % 11 == 5 else {})}, 33 * step))
    return made


def outcome(decoder: PoseDecoder, packet: bytes) -> object:
    try:
        frame = decoder.decode(packet)
    except PoseError as error:
        return str(error)
    if frame is None:
        return None
    return frame[:3], {name: values.tobytes() for name, values in frame.values.items()}, frame.layer, frame.repeat


@pytest.mark.parametrize("seed", range(8))
def test_receivers_that_lose_this_or_that_see_what_they_would_see_alone(seed: int) -> None:
    chance, cache = random.Random(seed), FrameCache()
    shared = [PoseDecoder(cache=cache) for _ in range(4)]
    alone = [PoseDecoder() for _ in range(4)]
    late: list[bytes] = []
    for packet in packets(seed):
        late.append(packet)
        for number, (one, other) in enumerate(zip(shared, alone, strict=True)):
            if chance.random() < 0.1 * number:
                continue
            for arriving in (packet, *([chance.choice(late[-20:])] if chance.random() < 0.1 else [])):
                assert outcome(one, arriving) == outcome(other, arriving)
                assert one.needs_key == other.needs_key
    assert shared[0].last is not None


def test_a_packet_is_decoded_once_however_many_receive_it(monkeypatch: pytest.MonkeyPatch) -> None:
    decoded = []
    read = Decoder._read_blocks
    monkeypatch.setattr(Decoder, "_read_blocks", lambda *given: decoded.append(1) or read(*given))
    cache = FrameCache()
    shared = [PoseDecoder(cache=cache) for _ in range(10)]
    sent = packets(1, 30)
    for packet in sent:
        for decoder in shared:
            decoder.decode(packet)
    repeats = sum(header is not None and header.kind.name == "REPEAT" for header in map(parse_header, sent))
    assert len(decoded) == len(sent) - repeats
    assert len(cache._kept) <= 64


def test_the_same_bytes_against_another_reference_are_another_frame() -> None:
    cache, calls = FrameCache(), []
    ours, theirs = PoseDecoder(), PoseDecoder()
    ours.decode(packets(1, 1)[0])
    theirs.decode(packets(2, 1)[0])

    def decode(decoder: PoseDecoder) -> None:
        reference = decoder.reference
        assert reference is not None
        assert cache.state(b"the same bytes", reference, lambda: calls.append(decoder) or reference) is reference

    for decoder in (ours, theirs, ours):
        decode(decoder)
    assert calls == [ours, theirs]
