"""A camera as a member of a room, with the real MediaPipe on a picture, a folder and a video (skipped without it)."""

import asyncio
import itertools
import json
import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest

cv2 = pytest.importorskip("cv2", reason="the extra camera (OpenCV, MediaPipe) is not installed")
pytest.importorskip("mediapipe", reason="the extra camera (OpenCV, MediaPipe) is not installed")

import posewire  # noqa: E402 - only where the extra is
from posewire.camera.program import CameraCounts, send_pictures, track  # noqa: E402
from posewire.camera.sources import Wanted, pictures  # noqa: E402
from posewire.camera.tracker import Tracker  # noqa: E402
from posewire.errors import ConfigError  # noqa: E402
from posewire.skeleton.body_rig import BodyRig  # noqa: E402
from posewire.skeleton.humanoid import placed  # noqa: E402
from support.hosts import running, settings  # noqa: E402

PERSON = Path(__file__).parents[1] / "data" / "pictures" / "astronaut.jpg"
ROOT = Path(__file__).parents[2]
NOSE, LEFT_EAR, RIGHT_EAR, LEFT_SHOULDER, RIGHT_SHOULDER = 0, 7, 8, 11, 12


def person() -> Any:
    return cv2.imread(str(PERSON))


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A person who moves to the right: a window that moves to the left over the picture, 40 pictures in 2 s."""
    file = tmp_path_factory.mktemp("video") / "person.avi"
    wide = cv2.copyMakeBorder(person(), 0, 0, 120, 120, cv2.BORDER_REPLICATE)
    writer = cv2.VideoWriter(str(file), cv2.VideoWriter_fourcc(*"MJPG"), 20.0, (480, 360))
    for number in range(40):
        left = 119 - 3 * number
        writer.write(np.ascontiguousarray(wide[:, left : left + 480]))
    writer.release()
    return file


def test_a_person_is_found() -> None:
    tracker = Tracker(["body", "face"], still=True)
    found = tracker.find(person())
    tracker.close()
    assert set(found) == {"body33", "world33", "face468"}
    body = found["body33"]
    assert body is not None
    assert body[NOSE, :2] == pytest.approx([0.45, 0.23], abs=0.05)
    # Who faces the camera has the left at the right of the picture.
    assert body[LEFT_SHOULDER, 0] > body[NOSE, 0] > body[RIGHT_SHOULDER, 0]
    assert found["face468"] is not None


def test_in_a_mirror_left_is_left() -> None:
    tracker = Tracker(["body"], mirror=True, still=True)
    body = tracker.find(person())["body33"]
    tracker.close()
    assert body is not None
    assert body[NOSE, 0] == pytest.approx(0.55, abs=0.05)


def test_the_avatar_of_a_person_in_a_picture_faces_the_camera() -> None:
    tracker = Tracker(["body"], still=True)
    found = tracker.find(person())
    tracker.close()
    rig = BodyRig(aspect=1.0)
    assert rig.update(found)
    bones = placed(rig.pose)
    assert bones["LeftUpperArm"].place[0] < bones["RightUpperArm"].place[0]
    assert bones["Head"].rotation[0] > 0.8


def test_nobody_is_nothing() -> None:
    tracker = Tracker(["body", "hands", "face"], still=True)
    found = tracker.find(np.zeros((240, 320, 3), np.uint8))
    tracker.close()
    assert found
    assert all(values is None for values in found.values())


@pytest.mark.parametrize("part", ["hands", "face"])
def test_each_part_has_a_model_of_its_own(part: str) -> None:
    tracker = Tracker([part], still=True)
    found = tracker.find(person())
    tracker.close()
    assert (set(found) == {"hand21", "hand21_right"}) if part == "hands" else (set(found) == {"face468"})


async def test_a_video_comes_into_a_room(video: Path) -> None:
    counts = CameraCounts()
    async with (
        running(settings()) as host,
        posewire.connect(host.url, device="screen") as screen,
        posewire.connect(host.url, device="camera") as connection,
    ):
        room = await screen.join("studio")
        poses = room.poses()
        looked: list[int] = []

        def look(picture: Any, tracker: Tracker) -> bool:
            looked.append(tracker.draw(picture.image).shape[0])
            return True

        await send_pictures(connection, "studio", pictures(str(video)), Tracker(["body"]), counts, look=look, fps=100)
        got = []
        async with asyncio.timeout(10):
            async for pose in poses:
                got.append(pose)
                if len(got) == counts.with_somebody:
                    break
    assert counts.pictures == len(looked) > 3
    assert counts.with_somebody > 0.8 * counts.pictures
    noses = [float(np.asarray(pose.values["body33"])[NOSE, 0]) for pose in got]
    assert noses[-1] - noses[0] > 0.15
    times = [pose.pose.time_ms for pose in got]
    assert all(later > earlier for earlier, later in itertools.pairwise(times))
    assert times[-1] - times[0] < 2000


def test_a_folder_is_shown_picture_by_picture(tmp_path: Path) -> None:
    for number in range(3):
        cv2.imwrite(str(tmp_path / f"{number}.png"), np.full((4, 4, 3), number, np.uint8))
    (tmp_path / "notes.txt").write_text("no picture")
    assert [int(picture.image[0, 0, 0]) for picture in pictures(str(tmp_path), Wanted(fps=1000))] == [0, 1, 2]
    again = pictures(str(tmp_path), Wanted(fps=1000, loop=True))
    assert [picture.number for picture in itertools.islice(again, 7)] == list(range(7))


def test_pictures_come_in_real_time_and_late_ones_are_left_out(video: Path) -> None:
    seen = []
    slow = threading.Event()
    for picture in pictures(str(video)):
        seen.append(picture)
        slow.wait(0.2)
    assert 5 <= len(seen) <= 12
    assert seen[-1].time_ms - seen[0].time_ms == pytest.approx(50 * (seen[-1].number - seen[0].number), abs=1)


def test_a_thread_that_tracks_can_be_stopped(video: Path) -> None:
    stop, counts = threading.Event(), CameraCounts()
    stop.set()
    track(pictures(str(video), Wanted(loop=True)), Tracker(["face"]), lambda found, at: None, counts, stop)
    assert counts.pictures == 1


def test_what_does_not_wait_is_read_to_the_newest_picture() -> None:
    """A camera on the network: MJPEG over HTTP, 50 pictures a second, each with its number in its brightness."""
    stop = threading.Event()

    class Camera(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=part")
            self.end_headers()
            for number in range(120):
                if stop.wait(0.02):
                    return
                picture = cv2.imencode(".jpg", np.full((48, 64, 3), 2 * number, np.uint8))[1].tobytes()
                head = f"--part\r\nContent-Type: image/jpeg\r\nContent-Length: {len(picture)}\r\n\r\n"
                self.wfile.write(head.encode() + picture + b"\r\n")

        def log_message(self, *arguments: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Camera)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    seen: list[tuple[int, int]] = []
    pause = threading.Event()
    with pytest.raises(ConfigError, match="gives no pictures any more"):
        for picture in pictures(f"http://127.0.0.1:{server.server_port}/camera.mjpg"):
            seen.append((picture.number, int(picture.image[20, 20, 0]) // 2))
            pause.wait(0.2)
    stop.set()
    server.shutdown()
    server.server_close()
    assert 3 <= len(seen) < 40
    numbers = [number for number, _ in seen]
    assert numbers == sorted(set(numbers))
    assert all(abs(number - shown) <= 3 for number, shown in seen)


def test_what_is_no_picture_says_so(tmp_path: Path) -> None:
    for name, message in (
        ("x.png", "is not a picture that OpenCV can read"),
        ("x.mp4", "is not a video that OpenCV can read"),
    ):
        file = tmp_path / name
        file.write_bytes(b"hello")
        with pytest.raises(ConfigError, match=message):
            next(pictures(str(file)))


async def test_the_command(tmp_path: Path) -> None:
    async with running(settings()) as host, posewire.connect(host.url, device="screen") as screen:
        room = await screen.join("studio")
        poses = room.poses()
        command = [sys.executable, "-m", "posewire", "camera", "--file", str(PERSON), "--loop", "--seconds", "6"]
        process = await asyncio.create_subprocess_exec(
            *[*command, "--url", host.url, "--track", "body,face", "--smooth", "--json", "--name", "webcam"],
            env={**os.environ, "PYTHONPATH": str(ROOT / "host")},
            stdout=subprocess.PIPE,
        )
        try:
            pose = await asyncio.wait_for(anext(poses), 60)
            said, _ = await asyncio.wait_for(process.communicate(), 60)
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
    assert pose.device == "webcam"
    assert set(pose.values) == {"body33", "world33", "face468"}
    report = json.loads(said)
    assert report["with_somebody"] == report["pictures"] > 0
    assert report["sent"] > 0
