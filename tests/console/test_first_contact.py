"""The first commands of a beginner: settings, service, the words that a shell completes, a look at the host."""

import asyncio
import errno
import json
import os
import plistlib
import pty
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import httpx2
import pytest

from posewire.boards.profiles import PROFILES
from posewire.cli import build_parser, main
from posewire.console import top_command
from posewire.console.top_command import lines_of
from posewire.server.host import Host
from posewire.server.settings import load_settings
from support.hosts import http_url, running, settings
from support.peers import Peers
from support.programs.debian_packages import find
from support.waiting import eventually


def run(*words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, **variables}
    command = [sys.executable, "-m", "posewire", *words]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=60, env=environment, stdin=subprocess.DEVNULL
    )


async def test_settings_that_were_written_start_a_host_that_wants_their_token(tmp_path: Path) -> None:
    done = await asyncio.to_thread(run, "init", str(tmp_path / "new"), "--network", "--port", "0")
    assert done.returncode == 0, done.stderr
    token_file = tmp_path / "new" / "posewire.token"
    assert token_file.stat().st_mode & 0o077 == 0
    # Nothing that a command line would take for an option of its own.
    assert token_file.read_text().strip().isalnum()
    wanted = load_settings(tmp_path / "new" / "posewire.toml", None).with_address("127.0.0.1", 0)
    host = Host(wanted)
    await host.start()
    async with httpx2.AsyncClient(base_url=http_url(host, "")) as client:
        assert (await client.get("/api/session")).status_code == 401
        bearer = {"Authorization": f"Bearer {token_file.read_text().strip()}"}
        assert (await client.get("/api/session", headers=bearer)).json()["scopes"] == ["*"]
    await host.stop()
    again = await asyncio.to_thread(run, "init", str(tmp_path / "new"), "--network")
    assert again.returncode == 2
    assert "exists already" in again.stderr


def test_a_host_for_this_machine_only_needs_no_token(tmp_path: Path) -> None:
    done = run("init", str(tmp_path), "--local", "--json")
    assert json.loads(done.stdout) == {"settings": str(tmp_path / "posewire.toml"), "token_file": None}
    assert not (tmp_path / "posewire.token").exists()
    written = tomllib.loads((tmp_path / "posewire.toml").read_text())
    assert written["server"] == {"host": "127.0.0.1", "port": 8000}
    assert "there is no terminal to ask on" in run("init", str(tmp_path / "x")).stderr


@pytest.mark.parametrize(
    ("typed", "network"), [("y\n", True), ("\n", True), ("perhaps\nNo\n", False), ("\x04", None)], ids=repr
)
def test_a_person_is_asked_whether_the_network_may_reach_the_host(
    typed: str, network: bool | None, tmp_path: Path
) -> None:
    keyboard, terminal = pty.openpty()
    command = [sys.executable, "-m", "posewire", "init", str(tmp_path), "--no-qr", "--port", "0"]
    with subprocess.Popen(command, stdin=terminal, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as asked:
        os.write(keyboard, typed.encode())
        _, told = asked.communicate(timeout=60)
    os.close(keyboard)
    os.close(terminal)
    assert asked.returncode == (2 if network is None else 0)
    assert ("nothing is written" in told) == (network is None)
    assert (tmp_path / "posewire.token").exists() == bool(network)
    assert (tmp_path / "posewire.toml").exists() == (network is not None)


def test_a_port_that_is_none_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    assert "--port must be from 0 to 65535" in run("init", str(tmp_path / "x"), "--local", "--port", "70000").stderr
    assert not (tmp_path / "x").exists()


def test_a_disk_that_is_full_leaves_no_empty_token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_text", refuse)
    assert main(["init", str(tmp_path), "--network"]) == 2
    assert list(tmp_path.iterdir()) == []


def test_a_service_of_settings_that_do_not_start_is_not_installed(tmp_path: Path) -> None:
    config = tmp_path / "posewire.toml"
    config.write_text("[server]\nprot = 1\n")
    refused = run("service", "install", "--config", str(config), "--no-start", XDG_CONFIG_HOME=str(tmp_path))
    assert (refused.returncode, "[server] has no setting 'prot'" in refused.stderr) == (2, True)
    assert not (tmp_path / "systemd").exists()


def test_on_a_mac_the_service_is_a_launch_agent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "posewire.toml"
    config.write_text("")
    monkeypatch.setattr(sys, "platform", "darwin")
    assert main(["service", "show", "--config", str(config), "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["file"].endswith("/Library/LaunchAgents/org.posewire.host.plist")
    agent = plistlib.loads(shown["text"].encode())
    assert agent["ProgramArguments"][1:] == ["-m", "posewire", "serve", "--config", str(config)]
    assert agent["RunAtLoad"] is True


def test_a_host_prints_its_addresses_as_json(tmp_path: Path) -> None:
    config = tmp_path / "posewire.toml"
    config.write_text(f'[voice]\nenabled = false\n[mdns]\nname = ""\n[store]\npath = "{tmp_path}/store.db"\n')
    command = [sys.executable, "-m", "posewire", "serve", "--port", "0", "--config", str(config), "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as host:
        assert host.stdout is not None
        addresses = json.loads(host.stdout.readline())
        assert httpx2.get(addresses["page"]).status_code == 200
        assert addresses["url"].startswith("ws://127.0.0.1:")
        host.terminate()
        assert host.wait(60) == 0


def test_the_address_for_a_phone_is_a_qr_code_where_it_is_wanted(tmp_path: Path) -> None:
    utf8 = {"PYTHONIOENCODING": "utf-8"}
    assert "█" in run("init", str(tmp_path / "a"), "--network", "--qr", **utf8).stdout
    assert "█" not in run("init", str(tmp_path / "b"), "--network", **utf8).stdout  # this is no terminal


def test_the_service_starts_this_very_command(tmp_path: Path) -> None:
    config = tmp_path / "a 100% $odd name.toml"
    config.write_text("")
    shown = run("service", "show", "--config", str(config), "--json", XDG_CONFIG_HOME=str(tmp_path))
    done = run("service", "install", "--config", str(config), "--no-start", XDG_CONFIG_HOME=str(tmp_path))
    assert done.returncode == 0, done.stderr
    file = tmp_path / "systemd/user/posewire.service"
    unit = file.read_text()
    assert json.loads(shown.stdout) == {"file": str(file), "text": unit}
    (start,) = [line for line in unit.splitlines() if line.startswith("ExecStart=")]
    assert start.endswith('"serve" "--config" "' + str(config).replace("%", "%%").replace("$", "$$") + '"')
    verify = shutil.which("systemd-analyze")
    if verify is not None:
        checked = subprocess.run(
            [verify, "--user", "verify", str(tmp_path / "systemd/user/posewire.service")],
            capture_output=True,
            text=True,
        )
        assert "posewire.service" not in checked.stderr, checked.stderr
    assert run("service", "install", "--config", str(tmp_path / "none")).returncode == 2


@pytest.fixture(scope="module")
def script() -> str:
    return run("completion", "bash").stdout


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (["to"], {"tools", "tokens", "top"}),
        (["sim", "de"], {"device"}),
        (["sim", "device", "--cha"], set()),
        (["sim", "device", "--chi"], {"--chip"}),
        (["tokens", "is"], {"issue"}),
        (["tokens", "issue", "--sc"], {"--scope"}),
        (["service", ""], {"install", "show", "remove"}),
        (["service", "--n"], {"--no-start"}),
        (["sim", "device", "--profile", ""], set(PROFILES)),
        (["--v"], {"--version"}),
    ],
)
def test_bash_completes_the_words_of_a_command(script: str, words: list[str], found: set[str]) -> None:
    line = " ".join(f"'{word}'" for word in ["posewire", *words])
    ask = f'{script}\nCOMP_WORDS=({line})\nCOMP_CWORD={len(words)}\n_posewire 2>/dev/null\necho "${{COMPREPLY[*]}}"'
    done = subprocess.run(["bash", "-c", ask], capture_output=True, text=True)
    assert set(done.stdout.split()) == found


def test_bash_offers_files_where_a_file_is_wanted(script: str) -> None:
    ask = (
        f'{script}\ncompopt() {{ echo "compopt $*"; }}\nCOMP_WORDS=(posewire serve --config x)\nCOMP_CWORD=3\n_posewire'
    )
    assert subprocess.run(["bash", "-c", ask], capture_output=True, text=True).stdout == "compopt -o default\n"


_ZSH = """
compdef() { :; }; _files() { echo FILES; }; compadd() { shift; print -l -- $@; }
"""


def test_zsh_completes_the_words_of_a_command() -> None:
    if (zsh := find("zsh")) is None:
        pytest.skip("zsh is not installed")
    script = run("completion", "zsh").stdout
    for words, found in (
        ("sim ''", {"device", "net", "soak"}),
        ("tokens issue --scope", None),
        ("sim device --profile ''", set(PROFILES)),
        ("serve --config ''", {"FILES"}),
        ("export ''", {"FILES"}),
    ):
        ask = f"{_ZSH}{script}\nwords=(posewire {words}); CURRENT=$#words; _posewire"
        done = subprocess.run([zsh, "-f", "-c", ask], capture_output=True, text=True)
        assert done.stderr == ""
        offered = set(done.stdout.split())
        assert offered == found if found else "--scope" in offered, words


def test_fish_completes_the_words_of_a_command(tmp_path: Path) -> None:
    if (fish := find("fish")) is None:
        pytest.skip("fish is not installed")
    script = tmp_path / "posewire.fish"
    script.write_text(run("completion", "fish").stdout)
    asks = ("posewire sim ", "posewire tokens issue --sc", "posewire sim device --profile ")
    ask = "; ".join([f"source {script}", *(f"complete -C '{line}'" for line in asks)])
    done = subprocess.run([fish, "--no-config", "-c", ask], capture_output=True, text=True, cwd=tmp_path)
    assert done.stderr == ""
    assert {"device", "net", "soak", "--scope", *PROFILES} <= set(done.stdout.split())


async def test_top_shows_boards_and_rooms() -> None:
    async with running(settings()) as host:
        peers = Peers(host.url)
        board = await peers.connect("aa:bb:cc:00:00:01")
        await board.hello(device={"board": "box-3", "firmware": "1.2"}, features={"telemetry": True, "pose": True})
        await board.send(type="telemetry", rssi=-61, heap_free=204800, battery=80)
        await board.send(type="room", action="join", room="studio", publish=["pose"])
        await board.echo()
        done = await asyncio.to_thread(run, "top", "--once", "--json", "--url", host.url)
        seen = json.loads(done.stdout)
        assert [device["device"] for device in seen["devices"]] == ["aa:bb:cc:00:00:01"]
        text = "\n".join(lines_of(seen))
        for part in ("box-3", "1.2", "studio", "-61 dBm", "200 KB", "80 %", "owner"):
            assert part in text
        # Where nobody watches it, it is one look.
        piped = await asyncio.to_thread(run, "top", "--url", host.url)
        assert "box-3" in piped.stdout
        assert "\x1b" not in piped.stdout
        await peers.close()


async def test_top_fits_a_small_terminal_and_lives_through_a_restart_of_the_host(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setenv("LINES", "6")
    monkeypatch.setattr(top_command, "is_live", lambda stream: True)
    async with running(settings()) as host:
        port = int(host.url.split(":")[2].split("/")[0])
        peers = Peers(host.url)
        for number in range(6):
            board = await peers.connect(f"aa:bb:cc:00:00:0{number}")
            await board.hello(device={"board": "a board with a long name", "firmware": "1.2"})
        args = build_parser(["top"]).parse_args(["top", "--url", host.url, "--every", "0.2"])
        watching = asyncio.create_task(top_command.watch(args))
        screens: list[list[str]] = []

        def seen(text: str) -> Callable[[], bool]:
            def look() -> bool:
                screens.extend(screen.splitlines() for screen in capsys.readouterr().out.split("\x1b[H\x1b[2J")[1:])
                return any(text in line for screen in screens for line in screen)

            return look

        await eventually(seen("more lines"))
        await peers.close()
    await eventually(seen("refused)"))
    assert not watching.done()
    screens.clear()
    async with running(settings().with_address("127.0.0.1", port)):
        await eventually(seen("0 connections"))
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)
    assert all(len(line) <= 40 for screen in screens for line in screen)
