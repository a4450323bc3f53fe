"""Ctrl-C ends every command soon, whatever it is doing, and so does a reader of its output that goes away."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from support.pty_session import PtySession

_DATA = Path(__file__).parents[2] / "host/posewire/demo/data"
_POSES = str(_DATA / "body33.npz")
_SENTENCE = str(_DATA / "turn_the_light_blue.wav")

_SOON = 20.0
"""Seconds; each of these goes on for longer by itself."""

WORKING = {
    "bench opus --only sound": r"sound .*%",
    "bench opus --only commands": r"commands .*%",
    "bench opus --only dictation": r"dictation .*%",
    "bench client": r"client .*%",
    "bench gateway --seconds 60": r"gateway .*%",
    "bench client-room --only latency": r"latency \d+ s",
    "bench relay --rounds 1 --seconds 60": r"round 1/1",
    "bench talk --boards 2 --turns 50": r"boards talk \d+ s",
    "bench soak --rooms 1": r"under load for 10 minutes \d+ s",
    "bench voice --only endurance": r"measuring \d+ s",
    "bench voiceprint": r"making voices \d+ s",
    f"bench pose {' '.join([_POSES] * 30)}": r"body33\.npz body33",
    "sim soak": r"a board is to stream",
    "sim device --url ws://127.0.0.1:9/": r"the board is",
    "serve --port 0": r"ready on",
    "demo --out {folder}": r"simulated board",
}
"""What is typed, and what shows that it is at work."""


@pytest.mark.parametrize("line", WORKING, ids=lambda line: line.split(" /")[0])
def test_ctrl_c_ends_a_command_that_works(line: str, tmp_path: Path) -> None:
    if line.startswith(("bench opus", "bench voice")) and shutil.which("flite") is None:
        pytest.skip("it speaks by flite")
    words = [word.format(folder=tmp_path) for word in line.split()]
    with PtySession(words) as session:
        session.wait_for(WORKING[line])
        session.interrupt()
        status = session.end(_SOON)
    assert "Traceback" not in session.output
    # A host ends in order; a board says by its status that it has met no host.
    assert status == 130 or (line.split()[0], status) in (("serve", 0), ("sim", 1))


@pytest.mark.parametrize(
    "words",
    [
        ("doctor",),
        ("listen", _SENTENCE),
        ("sim", "device", "--url", "ws://127.0.0.1:9/"),
        ("demo", "--out", "{folder}"),
        ("sim", "soak"),
        ("init", "{folder}", "--local"),
        ("service", "show"),
    ],
    ids=" ".join,
)
def test_a_reader_that_goes_away_ends_a_command(words: tuple[str, ...], tmp_path: Path) -> None:
    command = [sys.executable, "-m", "posewire", *(word.format(folder=tmp_path) for word in words)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == ""
        assert process.wait(60)
