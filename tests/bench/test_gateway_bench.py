"""The benchmark of the Socket.IO gateway counts what arrives; how fast a machine is, is not for a test."""

import json

import pytest

from posewire.cli import main

pytest.importorskip("socketio", reason="the extra socketio is not installed")


def test_every_client_gets_poses(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "gateway", "--clients", "2", "--seconds", "1", "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert row["clients"] == 2
    assert 0 < row["share"] <= 1.1
    assert 0 < row["p50_ms"] <= row["p99_ms"]
