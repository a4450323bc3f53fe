"""The benchmark of programs in a room measures what happens; whether a machine holds the bars is not for a test."""

import json

import pytest

from posewire.cli import main


def test_every_part_gives_its_figures(capsys: pytest.CaptureFixture[str]) -> None:
    main(["bench", "client-room", "--only", "latency", "--only", "cuts", "--seconds", "2", "--cuts", "1", "--json"])
    results = json.loads(capsys.readouterr().out)
    latency, cuts = results["latency"], results["cuts"]
    assert latency["delivered"] > 0.9
    assert 0 < latency["p50_ms"] <= latency["p99_ms"]
    assert 0 < latency["sender_cpu"] < 2
    assert (cuts["cuts"], cuts["lost"], cuts["doubled"], cuts["wrong_poses"], cuts["rooms_lost"]) == (1, 0, 0, 0, 0)
    assert cuts["said"] > 5
    assert not any("lost" in missed for missed in cuts["missed"])


def test_memory_is_measured(capsys: pytest.CaptureFixture[str]) -> None:
    main(["bench", "client-room", "--only", "memory", "--minutes", "0.05", "--json"])
    found = json.loads(capsys.readouterr().out)["memory"]
    assert found["received"] > 0
    assert found["programs_mb"] > 10
    assert found["host_mb"] > 10
    assert "host_growth_mb" in found
