"""Recording metrics: plain numbers, and nothing of the server or of Prometheus."""

import subprocess
import sys

from posewire.server.monitoring.metrics import Metrics


def test_a_turn_is_counted_by_its_stages() -> None:
    metrics = Metrics()
    metrics.record_turn({"asr": 40.0, "tts": 200.0})
    metrics.record_turn({"asr": 60.0})
    assert {stage: sum(histogram.counts) for stage, histogram in metrics.turns.items()} == {"asr": 2, "tts": 1}
    assert metrics.turns["asr"].total == 0.1


def test_measured_memory_is_remembered() -> None:
    metrics = Metrics()
    assert metrics.resident == 0
    assert metrics.measure_memory() == metrics.resident > 1_000_000


def test_recording_imports_nothing_of_what_shows_the_numbers() -> None:
    code = (
        "import sys, posewire.server.monitoring.metrics\n"
        "print(sorted(name for name in sys.modules if name.startswith(('posewire.', 'prometheus', 'aiohttp'))))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    package = "posewire.server.monitoring"
    expected = [
        *(f"posewire.measure{name}" for name in ("", ".histogram", ".process_stats")),
        "posewire.server",
        package,
        f"{package}.metrics",
    ]
    assert done.stdout == f"{expected}\n"
