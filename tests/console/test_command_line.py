"""The command line itself: it ends in order, and what is wrong is said in one line with its remedy."""

import argparse
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from posewire.cli import COMMANDS, build_parser
from posewire.server.host_process import HostProcess
from support.certificates import self_signed

KITCHEN = "24:6f:28:00:00:01"

_RUN_WITHOUT = """
import sys

missing = sys.argv.pop(1)

class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == missing:
            raise {error}
        return None

sys.meta_path.insert(0, Finder())
from posewire.__main__ import main
sys.exit(main())
"""


def posewire(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "posewire", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, env={**os.environ, **variables})


@pytest.mark.parametrize(
    "module", ["posewire.cli", "argparse", "posewire.console.tools_command", "posewire.server.settings"]
)
def test_ctrl_c_while_it_starts_is_no_error(module: str) -> None:
    program = _RUN_WITHOUT.format(error="KeyboardInterrupt")
    command = [sys.executable, "-c", program, module, "tools"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")


@pytest.mark.parametrize("arguments", [("tools",), ("tools", "--json"), ("--help",), ("ask", "what time is it")])
def test_a_reader_that_goes_away_is_no_error(arguments: tuple[str, ...]) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "posewire", *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    assert process.stderr.read() == ""
    # argparse takes no notice of what becomes of its help.
    assert process.wait(60) == 141 or arguments == ("--help",)
    process.stderr.close()


def test_a_missing_extra_is_named(tmp_path: Path) -> None:
    recording = tmp_path / "dance.npz"
    np.savez(recording, data=np.full((2, 33, 4), 0.5, np.float32), fps=30, kind="body33")
    program = _RUN_WITHOUT.format(error="ModuleNotFoundError(name, name=name)")
    command = [sys.executable, "-c", program, "numba", "bench", "pose", "--compiled", str(recording)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert done.stderr == "posewire: --compiled needs numba: pip install 'posewire[fast]'\n"


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"\x93NUMPY"], ids=["empty", "half a zip", "half an array"])
def test_a_damaged_recording_is_named(content: bytes, tmp_path: Path) -> None:
    damaged = tmp_path / "dance.npz"
    damaged.write_bytes(content)
    for command in (("bench", "pose"), ("sim", "device", "--pose")):
        done = posewire(*command, str(damaged))
        assert done.returncode in (1, 2)
        assert len(done.stderr.splitlines()) == 1
        assert "dance.npz" in done.stderr


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HostProcess]:
    folder = tmp_path_factory.mktemp("host")
    config = folder / "posewire.toml"
    config.write_text(f'[store]\npath = "{folder}/store.db"\n')
    store = ("--store", f"{folder}/store.db")
    for name, device in (("kitchen", KITCHEN), ("hall", "24:6f:28:00:00:02"), ("Hall", "24:6f:28:00:00:03")):
        assert posewire("tokens", "issue", name, "--device", device, *store).returncode == 0
    with HostProcess("--config", str(config)) as running:
        yield running


def test_an_unknown_device_is_told_at_once(host: HostProcess) -> None:
    said = posewire("say", "kitchn", "hello", "--url", host.url)
    assert said.returncode == 2
    assert "no device is called kitchn (posewire tools --devices lists" in said.stderr


def test_a_device_is_found_by_its_name(host: HostProcess) -> None:
    said = posewire("say", "Kitchen", "hello", "--no-wait", "--url", host.url)
    assert said.stdout == f"{KITCHEN}  queued\n", said.stderr
    for command in (("ask", "--device", "kitchen", "hello"), ("tools", "kitchen"), ("update", "kitchen")):
        refused = posewire(*command, "--url", host.url)
        assert f"{KITCHEN} is not connected" in refused.stderr
    several = posewire("tools", "hall", "--url", host.url)
    assert several.returncode == 2
    assert "24:6f:28:00:00:02, 24:6f:28:00:00:03" in several.stderr


def test_whom_a_command_waits_for_is_said(host: HostProcess) -> None:
    said = posewire("say", "kitchen", "hello", "--keep", "0.1", "--url", host.url)
    assert f"{KITCHEN} is not connected: waiting for it for 0.1 s at most" in said.stderr
    assert said.stdout == f"{KITCHEN}  expired\n"


def test_the_address_may_be_in_the_environment(host: HostProcess) -> None:
    assert posewire("tools", "--devices", POSEWIRE_URL=host.url).stdout == "no device is connected\n"
    refused = posewire("tools", "--devices", POSEWIRE_URL="http://127.0.0.1:9")
    assert "cannot be reached" in refused.stderr


def test_a_mistyped_scope_is_refused(tmp_path: Path) -> None:
    store = ("--store", str(tmp_path / "store.db"))
    for wrong in ("nonsense", "operator.raed", "room.join:", "rooms.*"):
        refused = posewire("tokens", "issue", "ann", "--scope", wrong, *store)
        assert refused.returncode == 2
        assert f"there is no scope {wrong!r}; they are voice, room.join" in refused.stderr
    for right in ("operator.*", "room.join:studio", "*", "room.*:class-*", "voice"):
        assert posewire("tokens", "issue", "ann", "--scope", right, *store).returncode == 0
    assert posewire("tokens", "issue", "ann", "--scope", "lights.dim", "--any-scope", *store).returncode == 0
    config = tmp_path / "posewire.toml"
    config.write_text('[auth]\ntoken_scopes = ["operator.raed"]\n')
    refused = posewire("serve", "--port", "0", "--config", str(config))
    assert "[auth] token_scopes: there is no scope 'operator.raed'" in refused.stderr


def test_a_host_for_all_addresses_names_one_that_others_can_use(tmp_path: Path) -> None:
    config = tmp_path / "posewire.toml"
    config.write_text(f'[voice]\nenabled = false\n[mdns]\nname = ""\n[store]\npath = "{tmp_path}/store.db"\n')
    arguments = ("--host", "0.0.0.0", "--token", "a-token-of-the-test", "--config", str(config))
    with HostProcess(*arguments) as running:
        assert "//0.0.0.0:" not in running.url
        shown = posewire("tools", "--devices", "--url", running.url, POSEWIRE_TOKEN="a-token-of-the-test")
        assert shown.stdout == "no device is connected\n", shown.stderr
        refused = posewire("tools", "--devices", "--url", running.url)
        assert "wants a token: give one with --token, or POSEWIRE_TOKEN" in refused.stderr


def test_the_doctor_does_not_call_a_host_without_a_voice_well() -> None:
    # As on a machine without a synthesizer: no program, no library.
    program = _RUN_WITHOUT.format(error="ModuleNotFoundError(name, name=name)")
    command = [sys.executable, "-c", program, "espeakng_loader", "doctor"]
    nowhere = {**os.environ, "PATH": "/nowhere"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, env=nowhere)
    assert "FAIL speech       no speech synthesizer is here: install espeak-ng or flite, or pip" in done.stdout
    assert done.returncode == 1


def test_a_certificate_that_is_not_trusted_is_told_as_that(tmp_path: Path) -> None:
    certificate, key = self_signed(tmp_path)
    config = tmp_path / "posewire.toml"
    config.write_text(
        f'[voice]\nenabled = false\n[store]\npath = "{tmp_path}/store.db"\n'
        f'[server]\ncertificate = "{certificate}"\nkey = "{key}"\n'
    )
    with HostProcess("--config", str(config)) as running:
        refused = posewire("tools", "--devices", "--url", running.url)
        assert "has a certificate that is not trusted here: name the file" in refused.stderr
        assert "posewire serve" not in refused.stderr
        shown = posewire("tools", "--devices", "--url", running.url, SSL_CERT_FILE=certificate)
        assert shown.stdout == "no device is connected\n", shown.stderr


def test_every_command_has_json_but_the_one_that_prints_a_script() -> None:
    without = [parser.prog for name in COMMANDS for parser in leaves(name) if "--json" not in options(parser)]
    assert without == ["posewire completion"]


def leaves(name: str) -> list[argparse.ArgumentParser]:
    """Return the parsers of a command: its own, or those of its actions."""
    parser = build_parser(name.split())
    for word in name.split():
        parser = children(parser)[word]
    return list(children(parser).values()) or [parser]


def children(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    groups = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    return dict(groups[0].choices) if groups else {}


def options(parser: argparse.ArgumentParser) -> set[str]:
    return {option for action in parser._actions for option in action.option_strings}


@pytest.mark.parametrize("arguments", [("tools",), ("tools", "--json"), ("--help",), ("init", "--local", "{folder}")])
def test_an_output_that_cannot_be_written_is_said_in_one_line(arguments: tuple[str, ...], tmp_path: Path) -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("this system has no /dev/full")
    words = [word.replace("{folder}", str(tmp_path)) for word in arguments]
    with full.open("w") as out:
        done = subprocess.run(
            [sys.executable, "-m", "posewire", *words], stdout=out, stderr=subprocess.PIPE, text=True, timeout=60
        )
    # argparse takes no notice of what becomes of its help.
    if arguments != ("--help",):
        assert done.stderr == "posewire: the output cannot be written: No space left on device\n"
        assert done.returncode == 2


def test_a_file_that_cannot_be_written_ends_the_command_that_writes_it(tmp_path: Path) -> None:
    there = tmp_path / "file"
    there.write_text("")
    for words in (("init", f"{there}/x", "--local"), ("say", "--wav", f"{there}/x.wav", "hello")):
        done = posewire(*words)
        assert done.returncode == 2
        assert done.stderr.startswith("posewire: ")
        assert done.stderr.endswith("Not a directory\n")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_command_that_runs_until_it_is_told_ends_in_order(number: signal.Signals, host: HostProcess) -> None:
    command = [sys.executable, "-m", "posewire", "sim", "net", "--url", host.url, "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert json.loads(process.stdout.readline())["url"].startswith("ws://127.0.0.1:")
        process.send_signal(number)
        assert json.loads(process.stdout.readline())["connections"] == 0
        assert (process.wait(60), process.stderr.read()) == (0, "")


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_command_that_is_cut_off_says_so_by_its_status(
    number: signal.Signals, status: int, host: HostProcess
) -> None:
    command = [sys.executable, "-m", "posewire", "top", "--json", "--every", "60", "--url", host.url]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert "rooms" in json.loads(process.stdout.readline())
        process.send_signal(number)
        assert (process.wait(60), process.stderr.read()) == (status, "")
