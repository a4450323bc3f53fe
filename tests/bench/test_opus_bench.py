"""`posewire bench opus`: its measures tell good copies from bad ones, and the board's encoder is not among the bad."""

import numpy as np
import pytest

from posewire.bench.opus import CELT, by_libopus, compare, decoded, padded, word_errors
from posewire.bench.opus_stream import BoardEncoder
from support.recordings import recording


def test_a_copy_that_lags_is_as_good_as_the_original() -> None:
    pcm = recording("goforward")
    distance, ratio = compare(pcm, np.concatenate((np.zeros(37, np.int16), pcm)))
    assert distance == 0
    assert ratio > 30


def test_noise_makes_a_copy_worse() -> None:
    pcm = recording("goforward")
    noise = np.random.default_rng(1).normal(size=len(pcm))
    found = [compare(pcm, np.clip(pcm + level * noise, -32768, 32767).astype(np.int16)) for level in (20, 200)]
    assert 0 < found[0][0] < found[1][0]
    assert found[0][1] > found[1][1]


@pytest.mark.parametrize(
    ("heard", "wrong"), [("turn on the light", 0), ("turn of light", 2), ("", 4), ("please turn on the light", 1)]
)
def test_words_are_counted_wrong_missing_or_too_many(heard: str, wrong: int) -> None:
    assert word_errors(["turn", "on", "the", "light"], heard.split()) == wrong


def test_the_board_is_as_near_as_libopus_where_that_codes_the_same_way() -> None:
    recordings = [recording(name) for name in ("goforward", "numbers", "something")]
    with BoardEncoder() as board:
        ours = [compare(pcm, decoded(board.packets(padded(pcm), 24000)))[0] for pcm in recordings]
    theirs = [compare(pcm, by_libopus(pcm, 24000, CELT, 0))[0] for pcm in recordings]
    assert sum(ours) <= sum(theirs)
