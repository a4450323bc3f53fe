"""The long benchmarks, for a moment: they run, and they would notice."""

import numpy as np
import pytest

from posewire.bench import soak, talk
from posewire.bench.talk_load import check_tone


def test_a_host_under_load_for_a_moment() -> None:
    result = soak.soak(6, 2, talkers=2)
    assert result["deliveries"] > 500
    assert result["reconnects"] > 0
    assert result["internal_errors"] == 0
    assert set(result["watched"]) == {"resident_bytes", "tasks", "open_files"}
    assert result["turns"] >= 2
    assert result["talkers_failed"] == []
    assert "p99" in soak.report(result)


def test_what_grows_fails_and_what_swings_does_not() -> None:
    def verdict(values: list[float], name: str = "tasks") -> bool:
        samples = {name: [(float(at), value) for at, value in enumerate(values)]}
        return bool(soak.judge(samples)[name]["passed"])

    assert verdict([10.0, 14.0] * 20)
    assert not verdict([10.0 + 0.2 * at for at in range(40)])
    assert verdict([100e6 + 40e3 * at for at in range(40)], "resident_bytes")
    assert not verdict([100e6 + 400e3 * at for at in range(40)], "resident_bytes")


@pytest.mark.parametrize(("audio", "distinct"), [("ima-adpcm", False), ("opus", True)])
def test_boards_that_talk_are_heard_answered_and_stopped(audio: str, distinct: bool) -> None:
    result = talk.measure(boards=3, turns=1, audio=audio, distinct=distinct)
    assert result["failed"] == []
    assert result["hello"]["count"] == 3
    assert result["stt"]["count"] + result["stt_slow"]["count"] == 3
    assert result["abort"]["count"] == result["barge"]["count"] == 1
    assert result["gaps"]["p50"] > 20  # paced, not poured
    assert result["host_cpu_ms_a_turn"] > 0
    assert "hello answered" in talk.table(result)


def test_a_board_of_the_benchmark_knows_the_tone_from_noise() -> None:
    steps = np.arange(16000)
    tone = (9000 * np.sin(2 * np.pi * 440 / 16000 * steps)).astype(np.int16)
    check_tone(tone)
    noise = np.random.default_rng(1).integers(-9000, 9000, len(tone)).astype(np.int16)
    for wrong in (noise, np.zeros_like(tone), tone[:0], np.where(steps % 2000 < 900, tone, noise).astype(np.int16)):
        with pytest.raises(ValueError, match="no tone"):
            check_tone(wrong)
