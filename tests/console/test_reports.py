"""Every command that reports does so for programs, too: with --json, one value on standard output."""

import asyncio
import json
import os
import pty
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from posewire.cli import COMMANDS, build_parser
from posewire.server.host_process import HostProcess
from posewire.wire.frames import FrameType, build_frame
from posewire.wire.pose import PoseEncoder
from support.peers import Peers
from support.waiting import eventually

SPEECH = Path(__file__).parent.parent / "data" / "speech"
REPORTS_NOTHING = {"serve", "mcp", "monitor", "sim net", "completion"}
"""Commands that run until they are stopped and speak in lines of their own, and one whose output is a program."""


def posewire(*arguments: str, status: int = 0) -> Any:
    command = [sys.executable, "-m", "posewire", *arguments, "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == status, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("name", sorted(set(COMMANDS) - REPORTS_NOTHING))
def test_a_command_that_reports_takes_json(name: str) -> None:
    parser = build_parser(name.split())
    for word in name.split():
        (group,) = [action for action in parser._actions if action.nargs == "A..."]
        assert isinstance(group.choices, dict)
        parser = group.choices[word]
    actions = [action for action in parser._actions if action.nargs == "A..." and isinstance(action.choices, dict)]
    for leaf in actions[0].choices.values() if actions else [parser]:
        (option,) = [action for action in leaf._actions if "--json" in action.option_strings]
        assert option.nargs == 0


def test_identities(tmp_path: Path) -> None:
    store = ("--store", str(tmp_path / "store.db"))
    issued = posewire("tokens", "issue", "kitchen", "--device", "24:6f:28:00:00:01", *store)
    assert issued["token"].startswith(f"pw_{issued['id']}_")
    (token,) = posewire("tokens", "list", *store)
    assert (token["id"], token["state"], token["device"]) == (issued["id"], "live", "24:6f:28:00:00:01")
    assert issued["token"] not in json.dumps(token)
    assert posewire("devices", "list", *store) == {"devices": [], "pairings": []}
    assert posewire("devices", "revoke", "Kitchen", *store) == {"device": "24:6f:28:00:00:01"}
    assert posewire("tokens", "list", *store)[0]["state"] == "revoked"


def test_voice(tmp_path: Path) -> None:
    said = posewire("say", "--wav", str(tmp_path / "said.wav"), "what time is it")
    assert said["file"] == str(tmp_path / "said.wav")
    heard = posewire("listen", str(tmp_path / "said.wav"))
    assert heard["seconds"] == pytest.approx(said["seconds"], abs=0.01)
    (utterance,) = heard["utterances"]
    assert (utterance["accepted"], utterance["text"]) == (True, "what time is it")
    assert posewire("ask", "what time is it")["text"].startswith("It is ")


def test_privacy(tmp_path: Path) -> None:
    config = tmp_path / "posewire.toml"
    config.write_text(f'[store]\npath = "{tmp_path}/store.db"\n')
    assert posewire("privacy", "list", "--config", str(config)) == []
    assert posewire("privacy", "erase", "--everything", "--config", str(config), status=1) == {"erased": 0}


async def test_rooms(tmp_path: Path) -> None:
    config = tmp_path / "posewire.toml"
    config.write_text(f'[voice]\nenabled = false\n[store]\npath = "{tmp_path}/store.db"\n')
    with HostProcess("--config", str(config)) as host:
        peers = Peers(host.url)
        peer = await peers.connect("aa:bb:cc:00:00:01")
        await peer.hello()
        await peer.join("studio", publish=["pose"])
        file, store = str(tmp_path / "r.pwrec"), str(tmp_path / "mine.db")
        options = ("--url", host.url, "--seconds", "1", "--store", store)
        recording = asyncio.create_task(asyncio.to_thread(posewire, "record", "studio", file, *options))
        await peer.receive("room", event="joined")
        encoder = PoseEncoder("body33")
        for number in range(3):
            packet = encoder.encode(np.full((33, 4), 0.25), 33 * number)
            await peer.socket.send(build_frame(FrameType.POSE, packet, 3))
        recorded = await recording
        assert (recorded["pose"], recorded["audio"], recorded["members"]) == (3, 0, ["aa:bb:cc:00:00:01"])
        played = await asyncio.to_thread(posewire, "replay", file, "--room", "again", "--url", host.url)
        assert played == {"file": file, "frames": 3}
        await peers.close()


def test_progress_is_shown_on_a_terminal_only(tmp_path: Path) -> None:
    config = tmp_path / "posewire.toml"
    config.write_text(f'[voice]\nenabled = false\n[store]\npath = "{tmp_path}/store.db"\n')
    with HostProcess("--config", str(config)) as host:
        ours, theirs = pty.openpty()
        command = [sys.executable, "-m", "posewire", "record", "studio", str(tmp_path / "r.pwrec")]
        command += ["--url", host.url, "--seconds", "1.2", "--store", str(tmp_path / "mine.db")]
        variables = {**os.environ, "TERM": "xterm"}
        subprocess.run(command, stdout=subprocess.DEVNULL, stderr=theirs, env=variables, check=True)
        assert b"\r\x1b[Kstudio: " in os.read(ours, 10000)
        os.close(ours)
        os.close(theirs)
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        assert "studio: " not in done.stderr


async def test_a_recorder_that_is_ended_says_goodbye(tmp_path: Path) -> None:
    config = tmp_path / "posewire.toml"
    config.write_text(f'[voice]\nenabled = false\n[store]\npath = "{tmp_path}/store.db"\n')
    with HostProcess("--config", str(config)) as host:
        command = [sys.executable, "-m", "posewire", "record", "studio", str(tmp_path / "r.pwrec"), "--url", host.url]
        recorder = await asyncio.create_subprocess_exec(*command, "--store", str(tmp_path / "mine.db"))
        await eventually(lambda: bool(host.logged("joined")))
        recorder.send_signal(signal.SIGINT)
        await recorder.wait()
        await eventually(lambda: bool(host.logged("closed")))
        assert host.logged("closed")[-1]["code"] == 1000, "a member that is only cut off stays away for a while"
