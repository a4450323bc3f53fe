"""Code that is deployed on a small board does what its source does: merged, with other names, compiled, run."""

import ast
import subprocess
from pathlib import Path

import pytest

from posewire.boards.folders import firmware_folder
from posewire.boards.profiles import PROFILES, is_used
from posewire.errors import InstallError
from posewire.install.bundle import firmware_files
from posewire.install.compact.merge import MERGED, merge
from posewire.install.compact.shorten import original_names, shorten
from posewire.sim.board import SimBoard
from posewire.sim.interpreter import find_interpreter
from support.servers.small_host import SmallHost

PROGRAM = {
    "log": """
_lines = []
LEVEL = const(3)

def info(text, *args):
    global _lines
    _lines = _lines + [text % args]

def tail():
    return _lines
""",
    "clock": """
import time

class Clock:
    def __init__(self, start):
        self._now = start

    def tick(self):
        self._now += 1
        return self._now
""",
    "tools": """
from posewire_fw import log
from posewire_fw.clock import Clock

shared_clock = Clock(40)

def call(name, **options):
    log.info("%s %s %d", name, options.get("volume"), log.LEVEL)
    return shared_clock.tick()
""",
    "portal": """
from posewire_fw import log, tools

def run():
    from posewire_fw.clock import Clock

    tools.call("x", volume=3)
    return tools.call("y", volume=Clock(6).tick()), log.tail()
""",
}


def sources(folder: Path) -> dict[Path, str]:
    package = folder / "posewire_fw"
    return {package / f"{name}.py": f"from micropython import const\n{text}" for name, text in PROGRAM.items()}


def run(folder: Path, code: str) -> str:
    done = subprocess.run(
        [*find_interpreter().argv, "-c", code], cwd=folder, capture_output=True, text=True, check=False, timeout=30
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.strip()


def test_a_program_does_the_same_merged_and_with_other_names(tmp_path: Path) -> None:
    results = []
    for name, texts in (("plain", sources(tmp_path)), ("short", shorten(sources(tmp_path)))):
        package = tmp_path / name / "posewire_fw"
        package.mkdir(parents=True)
        (package / "__init__.py").write_text("")
        for path, text in texts.items():
            (package / path.name).write_text(text)
        results.append(run(tmp_path / name, "from posewire_fw import portal\nprint(portal.run())"))
    assert results[0] == results[1] == "(42, ['x 3 3', 'y 7 3'])"


def test_what_stays_a_module_of_its_own_and_what_does_not(tmp_path: Path) -> None:
    names = {path.stem for path in shorten(sources(tmp_path))}
    assert {"core", "portal"} <= names
    # The old names remain for programs of users, and only pass things on.
    assert {"log", "tools"} <= names
    assert "clock" not in names


@pytest.mark.parametrize(
    ("tools", "words"),
    [
        ("from posewire_fw import log\ndef call():\n    return log\n", "the module log is used as a value"),
        ("from posewire_fw import log\ndef call(log):\n    log.info('x')\n", "log is a module, and something else"),
        ("from posewire_fw import log\ndef call():\n    log.inform('x')\n", "log has no inform"),
    ],
)
def test_what_cannot_be_merged_is_told(tools: str, words: str) -> None:
    trees = {name: ast.parse(text) for name, text in PROGRAM.items()}
    trees["tools"] = ast.parse(tools)
    with pytest.raises(InstallError, match=words):
        merge(trees)


def test_replaced_names_can_be_told(tmp_path: Path) -> None:
    names = original_names(sources(tmp_path))
    assert "clock__Clock" in names.values()
    assert {module for module, _ in names} <= {"core", "portal", "log", "tools"}


@pytest.mark.parametrize("profile", ["motion", "voice"])
def test_what_a_small_board_gets_runs(profile: str) -> None:
    if not find_interpreter().viper:
        pytest.skip("no machine code on this processor")
    paths = {file.path for file in firmware_files(firmware_folder(), find_interpreter().mpy, profile)}
    assert "posewire_fw/link.mpy" not in paths
    room = "studio" if profile == "motion" else None
    one_source = {"pose": {"keypoints": False}}
    # A plain ESP32 with its memory, as it was measured; the simulator runs what deploy puts on it.
    with (
        SmallHost() as host,
        SimBoard(host.url, board="esp32-devkit", room=room, profile=profile, config=one_source) as board,
    ):
        board.wait_connected(timeout=20)
        if profile == "motion":
            board.wait(lambda: board.snapshot()["sent"]["pose"] > 20, what="poses")
        else:
            board.button.press()
            board.wait(lambda: host.of_type("listen"), what="the turn")
            board.wait(lambda: board.snapshot()["sent"]["audio"] > 3, what="sound")
        assert board.snapshot()["left_out"] == {}
        assert board.errors == []


def test_each_profile_brings_what_it_uses_and_nothing_else() -> None:
    brought = {
        profile: {path.stem for path in (firmware_folder() / "posewire_fw").glob("*.py") if is_used(path.stem, profile)}
        for profile in PROFILES
    }
    assert "keypoints" in brought["motion"] - brought["voice"]
    assert "mic" in brought["voice"] - brought["motion"]
    assert "pose_decoder" not in brought["motion"] | brought["voice"]
    assert brought["motion"] | brought["voice"] < brought["full"]
    merged = {module for modules in MERGED.values() for module in modules}
    assert merged <= brought["full"]
