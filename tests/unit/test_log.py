"""The log: one style for all, once a burst, and no forged lines."""

import asyncio
import json
import subprocess
import sys
from pathlib import Path

from posewire.log import LINES, QUIET, LineLimit
from posewire.server.host_process import HostProcess


async def test_libraries_log_in_the_same_style_and_once_a_burst(tmp_path: Path) -> None:
    config = tmp_path / "posewire.toml"
    config.write_text('[voice]\nenabled = false\n[store]\npath = ":memory:"\n', encoding="utf-8")
    with HostProcess("--config", str(config)) as host:
        for _ in range(5):
            reader, writer = await asyncio.open_connection("127.0.0.1", host.port)
            writer.write(b"\x00\r\n\r\n")
            await reader.read()
            writer.close()
    assert [event["event"] for event in host.events if event.get("logger")] == ["Invalid HTTP request received."]
    assert host.logged("output") == []


def test_no_peer_can_forge_a_line_of_the_text_log() -> None:
    program = (
        "from posewire.log import EventLog, configure_logging\n"
        "configure_logging('text')\n"
        "EventLog().warning('refused', why='x\\n12:00:00.000 info    forged', name='\\x1b[2J\\x9b')\n"
        "try:\n"
        "    raise ValueError('x\\n12:00:00.000 info    forged')\n"
        "except ValueError:\n"
        "    EventLog().exception('failed')\n"
    )
    log = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stderr
    lines = log.splitlines()
    assert lines[0].endswith(r' refused why="x\n12:00:00.000 info    forged" name=\x1b[2J\x9b')
    assert lines[1].endswith(" failed")
    assert all(line.startswith("  ") for line in lines[2:])


def test_no_peer_can_reach_the_terminal_through_the_json_log() -> None:
    program = (
        "from posewire.log import EventLog, configure_logging\n"
        "configure_logging('json')\n"
        "EventLog().warning('refused', why='\\x9b2J\\u2028\\u202e\\ud800', **{'name\\x9b': 'x'})\n"
        "try:\n"
        "    raise ValueError('\\x9b2J')\n"
        "except ValueError:\n"
        "    EventLog().exception('failed')\n"
    )
    log = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stderr
    lines = log.removesuffix("\n").split("\n")
    assert all(line.isprintable() for line in lines)
    refused, failed = map(json.loads, lines)
    assert refused["why"] == "\x9b2J\u2028\u202e\ud800"
    assert "\x9b2J" in failed["traceback"]


def test_small_numbers_are_not_rounded_away() -> None:
    program = (
        "from posewire.log import EventLog, configure_logging\n"
        "configure_logging('text')\n"
        "EventLog().info('alert', threshold=0.05, value=0.123456, ms=1234.56)\n"
    )
    log = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stderr
    assert log.endswith(" threshold=0.05 value=0.123 ms=1234.6\n")


def test_lines_of_one_event_are_bounded_and_the_next_tells_how_many_were_not_written() -> None:
    now = 0.0
    limit = LineLimit(lambda: now)
    assert [limit.admit("abort") for _ in range(LINES + 5)] == [0] * LINES + [None] * 5
    assert limit.admit("listen") == 0  # another event
    now = QUIET
    assert limit.admit("abort") == 5
    now = 3 * QUIET
    assert limit.admit("abort") == 0
