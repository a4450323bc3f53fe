"""The relay benchmark runs as a user runs it, and says what it could not measure."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

from posewire.bench import relay, relay_servers


def bench(*arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "posewire", "bench", "relay", "--quick", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=100, check=True)


def test_one_object_a_contender(tmp_path: Path) -> None:
    saved = tmp_path / "figures.json"
    done = bench("--json", "--only", "posewire", "--scenario", "echo", "--scenario", "idle", "--save", str(saved))
    (row,) = json.loads(done.stdout)
    assert row["name"] == "posewire"
    assert set(relay.KEYS) <= set(row)
    assert row["echo_msgs_s"] > 0
    assert row["connect_s"] > 0
    assert row["fanout_capacity"] is None
    assert json.loads(saved.read_text()) == [row]
    # Each figure when it was measured, before the next measurement began.
    told = done.stderr.splitlines()
    assert told[0] == "round 1/1: echo, posewire …"
    assert told[1].startswith("  echo msg/s ")
    assert told[2] == "round 1/1: idle, posewire …"
    assert told[3].startswith("  idle kB ")


def test_fan_out_and_a_slow_receiver_beside_a_bare_server() -> None:
    done = bench("--json", "--only", "posewire", "--only", "websockets", "--scenario", "fanout", "--scenario", "slow")
    ours, bare = json.loads(done.stdout)
    assert bare["name"] == "websockets"
    assert ours["fanout_offered"] == bare["fanout_offered"] == 600
    assert ours["slow_p99_ms"] > 0


def test_a_contender_that_is_not_installed_is_no_failure() -> None:
    relay_servers.SERVERS["nothing"] = (relay_servers.serve_plain, ("no_such_package",), "bare")
    try:
        figures = relay.Figures(["nothing"])
        relay.measure(figures, ["echo"], rounds=1, seconds=0.1, connections=1, rooms=1)
        (row,) = figures.rows()
    finally:
        del relay_servers.SERVERS["nothing"]
    assert row["note"] == "not installed (no_such_package)"
    assert "not installed" in relay.table([row])


def test_what_became_worse_is_marked() -> None:
    then = {"name": "posewire", "echo_msgs_s": 1000, "idle_kb": 10.0}
    now = {"name": "posewire", "echo_msgs_s": 800, "idle_kb": 10.5}
    text = relay.comparison([then], [now])
    assert "echo_msgs_s 0.80*" in text
    assert "idle_kb 1.05" in text
    assert "1.05*" not in text


def test_a_run_that_is_cut_short_shows_what_it_has() -> None:
    command = [sys.executable, "-m", "posewire", "bench", "relay", "--seconds", "60", "--only", "posewire"]
    command += ["--scenario", "idle", "--scenario", "echo", "--connections", "10"]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    assert process.stderr is not None
    for line in process.stderr:
        if "echo, posewire" in line:
            os.killpg(process.pid, signal.SIGINT)
            break
    table, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in errors
    row = next(line.split() for line in table.splitlines() if line.startswith("posewire"))
    assert row[1] == "-"
    assert float(row[5]) >= 0
