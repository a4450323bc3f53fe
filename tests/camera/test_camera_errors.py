"""The camera command's words where something is missing; they need neither OpenCV nor MediaPipe."""

import importlib.util
import json
import sys
from pathlib import Path

import pytest

from posewire.camera import sources
from posewire.cli import main

HAS_EXTRA = importlib.util.find_spec("cv2") is not None


def failed(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert main(["camera", *words]) == 2
    return capsys.readouterr().err


@pytest.mark.skipif(HAS_EXTRA, reason="the extra is installed")
def test_without_the_extra_it_says_how_to_get_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "x.png").touch()
    assert "pip install 'posewire[camera]'" in failed(capsys, "--file", str(tmp_path / "x.png"))


@pytest.mark.skipif(sys.platform != "linux", reason="cameras are files on Linux only")
def test_a_camera_that_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert "there is no camera 87;" in failed(capsys, "--camera-id", "87")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--file", "no-such-file.mp4"], "no-such-file.mp4 does not exist; a camera is named by its number"),
        (["--camera-id", "front"], "--camera-id must be a number or list, not 'front'"),
        (["--size", "large"], "--size must be like 640x480"),
        (["--fps", "0"], "--fps must be more than 0"),
    ],
)
def test_options_that_make_no_sense(words: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert message in failed(capsys, *words)


def test_a_folder_without_pictures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "has no pictures (.bmp, .jpeg" in failed(capsys, "--file", str(tmp_path))


@pytest.mark.skipif(sys.platform != "linux", reason="the list is read from Linux's files")
def test_the_list_of_cameras(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    cameras = {0: "Integrated Camera", 2: "USB \x1b[31mCamera"}
    monkeypatch.setattr("posewire.camera.command.list_cameras", lambda: cameras)
    assert main(["camera", "--camera-id", "list"]) == 0
    assert capsys.readouterr().out.splitlines()[0] == "0  Integrated Camera"
    assert main(["camera", "--camera-id", "list", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[0] == {"camera": 0, "name": "Integrated Camera"}
    monkeypatch.setattr("posewire.camera.command.list_cameras", dict)
    assert main(["camera", "--camera-id", "list"]) == 0
    assert capsys.readouterr().out == "no camera\n"


@pytest.mark.skipif(sys.platform != "linux", reason="cameras are files on Linux only")
def test_a_camera_that_this_user_may_not_use(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sources.os, "access", lambda path, mode: False)
    monkeypatch.setattr(sources.Path, "exists", lambda path: True)
    monkeypatch.setattr(sources.Path, "is_dir", lambda path: False)
    said = failed(capsys, "--camera-id", "0")
    assert "this user may not use /dev/video0: add it to the group video" in said


@pytest.mark.skipif(sys.platform != "linux", reason="other systems always have a screen")
def test_a_preview_without_a_screen(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    for variable in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(variable, raising=False)
    assert "--preview needs a screen" in failed(capsys, "--preview")
