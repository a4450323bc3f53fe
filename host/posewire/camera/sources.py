"""Where pictures come from: a camera, a video, a folder of pictures. All give the same: pictures with their times."""

import os
import re
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from posewire.camera.libraries import opencv
from posewire.errors import ConfigError

_PICTURES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff"})
_PROBED = 10
_FIRST_PICTURE_S = 10.0
_STALL_S = 5.0

Image = Any
"""A picture as OpenCV has it: (height, width, 3), blue, green, red."""


@dataclass(frozen=True)
class Picture:
    """A picture. ``time_ms``: when it was taken, on ``time.monotonic``'s clock; ``number``: counted from 0."""

    image: Image
    time_ms: float
    number: int


@dataclass(frozen=True)
class Wanted:
    """How pictures should be: their size (0: as the source has it), how many a second, whether files begin anew."""

    width: int = 0
    height: int = 0
    fps: float = 30.0
    loop: bool = False


def list_cameras() -> dict[int, str]:
    """Return the cameras of this machine: number and name."""
    if sys.platform == "linux":
        found = {}
        for folder in sorted(Path("/sys/class/video4linux").glob("video*")):
            # A device has several nodes; that with index 0 is the one that takes pictures.
            index = folder / "index"
            if not index.exists() or index.read_text().strip() == "0":
                found[int(folder.name.removeprefix("video"))] = (folder / "name").read_text().strip()
        return found
    cv2 = opencv()
    found = {}
    for number in range(_PROBED):
        capture = cv2.VideoCapture(number)
        if capture.isOpened():
            found[number] = f"camera {number}"
        capture.release()
    return found


def pictures(source: str, wanted: Wanted | None = None) -> Iterator[Picture]:
    """Yield pictures in real time; one that nobody had time for is left out.

    ``source``: the number of a camera, an address (``rtsp://…``, ``http://…``), a video, a picture or a folder of them.

    Raises:
        ConfigError: there is no such source, or it gives no pictures.
    """
    wanted = wanted or Wanted()
    path = Path(source)
    if source.isdigit():
        return _camera(int(source), wanted)
    if re.match(r"[a-z]+://", source):
        return _live(source, source, wanted)
    if path.is_dir():
        files = sorted(file for file in path.iterdir() if file.suffix.lower() in _PICTURES)
        if not files:
            raise ConfigError(f"{source} has no pictures ({', '.join(sorted(_PICTURES))})")
        return _files(files, wanted)
    if not path.exists():
        raise ConfigError(
            f"the file {source} does not exist; a camera is named by its number (--camera-id list shows them)"
        )
    if not os.access(path, os.R_OK):
        raise ConfigError(_not_permitted(source))
    if path.suffix.lower() in _PICTURES:
        return _files([path], wanted)
    return _live(source, source, wanted) if path.is_char_device() else _video(path, wanted)


def _camera(number: int, wanted: Wanted) -> Iterator[Picture]:
    if sys.platform == "linux":
        device = Path(f"/dev/video{number}")
        if not device.exists():
            cameras = ", ".join(f"{found} ({name})" for found, name in list_cameras().items())
            raise ConfigError(
                f"there is no camera {number}; {f'there are: {cameras}' if cameras else 'no camera was found'}"
            )
        if not os.access(device, os.R_OK | os.W_OK):
            raise ConfigError(_not_permitted(str(device)))
    return _live(number, f"camera {number}", wanted)


def _not_permitted(device: str) -> str:
    if device.startswith("/dev/"):
        return f"this user may not use {device}: add it to the group video (sudo usermod -aG video $USER), log in again"
    return f"this user may not read {device}"


def _live(source: str | int, name: str, wanted: Wanted) -> Iterator[Picture]:
    """Pictures of what does not wait: a thread reads all, and only the newest is kept."""
    cv2 = opencv()
    capture = cv2.VideoCapture(source)
    if not capture.isOpened():
        capture.release()
        raise ConfigError(
            f"{name} does not open: another program may be using it, or this one may not"
            " (macOS: System Settings, Privacy, Camera)"
        )
    if wanted.width and wanted.height:
        capture.set(cv2.CAP_PROP_FRAME_WIDTH, wanted.width)
        capture.set(cv2.CAP_PROP_FRAME_HEIGHT, wanted.height)
    capture.set(cv2.CAP_PROP_FPS, wanted.fps)
    return _Newest(capture, name)


class _Newest:
    """Reads a capture in a thread; the newest picture is the next."""

    def __init__(self, capture: Any, name: str) -> None:
        self._capture = capture
        self._name = name
        self._next: Picture | None = None
        self._number = 0
        self._ended = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._read, name="camera", daemon=True)
        self._thread.start()

    def __iter__(self) -> "_Newest":
        return self

    def __next__(self) -> Picture:
        patience = _FIRST_PICTURE_S if not self._number else _STALL_S
        with self._changed:
            self._changed.wait_for(lambda: self._next is not None or self._ended, patience)
            found, self._next = self._next, None
        if found is None:
            raise ConfigError(
                f"{self._name} gives no pictures any more" if self._number else f"{self._name} gives no pictures"
            )
        return found

    def close(self) -> None:
        """Let the camera go."""
        self._ended = True
        self._thread.join(_STALL_S)

    def _read(self) -> None:
        while not self._ended:
            there, image = self._capture.read()
            now = time.monotonic() * 1000
            with self._changed:
                if there:
                    self._next = Picture(image, now, self._number)
                    self._number += 1
                else:
                    self._ended = True
                self._changed.notify()
        self._capture.release()


def _video(path: Path, wanted: Wanted) -> Iterator[Picture]:
    cv2 = opencv()
    capture = cv2.VideoCapture(str(path))
    rate = capture.get(cv2.CAP_PROP_FPS) or wanted.fps
    first = capture.isOpened() and capture.grab()
    capture.release()
    if not first:
        raise ConfigError(f"{path} is not a video that OpenCV can read")
    return _paced(_frames(path, wanted.loop), rate)


def _frames(path: Path, loop: bool) -> Iterator[Callable[[], Image]]:
    """Give the captures of a video, each with a picture grabbed: it is decoded only when it is used."""
    cv2 = opencv()
    while True:
        capture = cv2.VideoCapture(str(path))
        try:
            while capture.grab():
                yield partial(_retrieve, capture)
        finally:
            capture.release()
        if not loop:
            return


def _retrieve(capture: Any) -> Image:
    return capture.retrieve()[1]


def _files(files: list[Path], wanted: Wanted) -> Iterator[Picture]:
    cv2 = opencv()

    def load(file: Path) -> Image:
        image = cv2.imread(str(file))
        if image is None:
            raise ConfigError(f"{file} is not a picture that OpenCV can read")
        return image

    def each() -> Iterator[Callable[[], Image]]:
        while True:
            for file in files:
                yield partial(load, file)
            if not wanted.loop:
                return

    return _paced(each(), wanted.fps, every=True)


def _paced(loads: Iterator[Callable[[], Image]], rate: float, every: bool = False) -> Iterator[Picture]:
    """Give each picture at its time; one that is too late is left out, unless ``every`` one is wanted."""
    step = 1 / rate
    started, number = time.monotonic(), 0
    following = next(loads, None)
    while following is not None:
        load, due = following, started + number * step
        ahead = due - time.monotonic()
        if ahead > 0:
            time.sleep(ahead)
        elif every:
            due = time.monotonic()
        if every or ahead > -step:
            yield Picture(load(), due * 1000, number)
        following = next(loads, None)
        number += 1
