"""``posewire bench client``: the client of the firmware, measured on the real MicroPython."""

import json

import pytest

from posewire import cli


def test_both_ways_of_the_firmware_are_measured(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["bench", "client", "--count", "20", "--rounds", "1", "--sizes", "64", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert {(row["client"], row["mode"]) for row in rows} == {
        (client, mode) for client in ("link", "client") for mode in ("send", "echo")
    }
