"""Finding a MicroPython: which one is taken, and what is said when there is none."""

import os
import platform
import shutil
import stat
import subprocess
from pathlib import Path

import pytest

from posewire.errors import SimulatorError
from posewire.sim import interpreter_fetch
from posewire.sim.interpreter import ENVIRONMENT_VARIABLE, describe_micropython, find_interpreter, find_micropython


def script(path: Path, body: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Neither variable nor cache; the PATH is one folder with nothing in it but a shell."""
    monkeypatch.delenv(ENVIRONMENT_VARIABLE, raising=False)
    folder = tmp_path / "bin"
    folder.mkdir()
    shell = shutil.which("sh")
    assert shell is not None
    (folder / "sh").symlink_to(shell)
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("HOME", str(tmp_path))
    return folder


def test_what_is_found_runs_programs() -> None:
    argv = find_micropython()
    done = subprocess.run([*argv, "-c", "print(6 * 7)"], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "42"
    assert argv[-1] in describe_micropython()


def test_the_variable_may_be_a_whole_command(monkeypatch: pytest.MonkeyPatch) -> None:
    argv = find_micropython()
    monkeypatch.setenv(ENVIRONMENT_VARIABLE, " ".join(argv))
    assert find_micropython() == argv


def test_a_variable_that_is_wrong_is_not_passed_over(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(ENVIRONMENT_VARIABLE, str(script(tmp_path / "micropython", "echo this is something else")))
    with pytest.raises(SimulatorError, match=f"{ENVIRONMENT_VARIABLE}=.*not a MicroPython.*something else"):
        find_micropython()
    monkeypatch.setenv(ENVIRONMENT_VARIABLE, str(tmp_path / "nothing"))
    with pytest.raises(SimulatorError, match="does not start"):
        find_micropython()


def test_one_on_the_path_is_taken(bare: Path) -> None:
    script(bare / "micropython", "echo MicroPython 1 25 0 1 64 0")
    found = find_interpreter()
    assert found.argv == [str(bare / "micropython")]
    assert found.version == (1, 25, 0)
    assert found.viper


def test_one_that_is_too_old_is_not(bare: Path) -> None:
    script(bare / "micropython", "echo MicroPython 1 22 1 1 64 0")
    with pytest.raises(SimulatorError, match=r"is version 1\.22, too old"):
        find_interpreter()


def test_one_without_viper_is_taken_and_described(bare: Path) -> None:
    script(bare / "micropython", "echo MicroPython 1 26 0 0 64 0")
    assert not find_interpreter().viper
    assert "run as bytecode" in describe_micropython()


def test_one_that_was_fetched_is_used_again(bare: Path, tmp_path: Path) -> None:
    root = tmp_path / "cache" / "posewire" / "micropython" / f"{os.uname().machine}-linux"
    loader = script(root / "usr/lib64/ld-linux-x86-64.so.2", "echo MicroPython 1 25 0 1 64 0")
    (root / "usr/lib/x86_64-linux-gnu").mkdir(parents=True)
    program = script(root / "usr/bin/micropython", "")
    found = find_interpreter()
    assert found.argv == [str(loader), "--library-path", str(root / "usr/lib/x86_64-linux-gnu"), str(program)]


def test_where_none_can_be_had_one_line_says_what_to_install(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    advice = {
        "debian": "apt install micropython",
        "ubuntu": "26.04",
        "fedora": "dnf install",
        "arch": "AUR",
        "": ENVIRONMENT_VARIABLE,
    }
    for family, words in advice.items():
        monkeypatch.setattr("posewire.sim.interpreter.system_family", lambda family=family: {family})
        with pytest.raises(SimulatorError) as caught:
            find_interpreter()
        assert words in str(caught.value)
        assert "\n" not in str(caught.value)
    monkeypatch.setattr("sys.platform", "darwin")
    with pytest.raises(SimulatorError, match="brew install micropython"):
        find_interpreter()


@pytest.mark.skipif(shutil.which("apt-get") is None, reason="a system without apt")
def test_a_failed_fetch_leaves_nothing_and_says_why(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    # Nobody listens on this port.
    for name in ("http_proxy", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with pytest.raises(SimulatorError, match=r"fetching one failed: .*apt-get: E: ") as caught:
        interpreter_fetch.fetch(tmp_path / "cache")
    assert "\n" not in str(caught.value)
    assert [path.name for path in (tmp_path / "cache").iterdir()] == ["lock"]


@pytest.mark.skipif(platform.machine() != "x86_64", reason="the names of the files are those of another machine")
@pytest.mark.parametrize(("deaths", "word_bits"), [(1, 32), (9, 64)])
def test_a_narrow_interpreter_that_is_stopped_once_is_asked_again_and_never_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, deaths: int, word_bits: int
) -> None:
    monkeypatch.delenv(ENVIRONMENT_VARIABLE, raising=False)
    cache = tmp_path / "cache"
    (cache / "i386-linux/usr/lib/i386-linux-gnu").mkdir(parents=True)
    script(cache / "i386-linux/usr/bin/micropython", "exit 1")
    dies = f'echo >>{tmp_path}/starts; test "$(wc -l <{tmp_path}/starts)" -gt {deaths} || kill -9 $$'
    script(cache / "i386-linux/usr/lib/ld-linux.so.2", f"{dies}; echo MicroPython 1 25 0 1 32 0")
    (tmp_path / "bin").mkdir()
    script(tmp_path / "bin/micropython", "echo MicroPython 1 25 0 1 64 0")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    assert find_interpreter(cache).word_bits == word_bits
    assert not list(cache.glob("*.failed"))
