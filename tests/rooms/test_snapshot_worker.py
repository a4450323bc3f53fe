"""The process that decodes chains, by its standard input and output."""

import io
import subprocess
import sys
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from posewire.child_process import child_environment
from posewire.rooms.snapshot_worker import SIZE, _chains, pack_chain, snapshot_of
from posewire.wire.pose import Kind, PoseEncoder, parse_header


def chain(length: int) -> list[bytes]:
    random, encoder = np.random.default_rng(0), PoseEncoder("body33")
    return [encoder.encode(random.random((33, 4)).astype(np.float32), step) for step in range(length)]


@given(st.lists(st.lists(st.binary(max_size=300), max_size=8), max_size=4))
def test_chains_are_read_as_they_were_packed(chains: list[list[bytes]]) -> None:
    assert list(_chains(io.BytesIO(b"".join(map(pack_chain, chains))))) == chains


@pytest.mark.parametrize("packets", [[], chain(3)[1:], [b"x" * 20], chain(3)[:1] + chain(3)[2:]])
def test_a_chain_that_does_not_decode_has_no_snapshot(packets: Sequence[bytes]) -> None:
    assert snapshot_of(packets, compiled=False) is None


def test_a_snapshot_has_the_sequence_of_the_last_packet() -> None:
    made = snapshot_of(chain(5), compiled=False)
    assert made is not None
    header = parse_header(made)
    assert header is not None
    assert (header.kind, header.sequence) == (Kind.SNAPSHOT, 4)


def test_answers_come_in_order_and_the_process_ends_with_its_input() -> None:
    chains = [chain(5), [b"no packet"], chain(2)]
    done = subprocess.run(
        [sys.executable, "-m", "posewire.rooms.snapshot_worker"],
        input=b"".join(map(pack_chain, chains)),
        stdout=subprocess.PIPE,
        env=child_environment(),
        timeout=60,
        check=True,
    )
    answers, output = [], io.BytesIO(done.stdout)
    while head := output.read(SIZE.size):
        answers.append(output.read(SIZE.unpack(head)[0]))
    assert answers == [snapshot_of(packets, compiled=False) or b"" for packets in chains]
