"""A recording becomes files of other programs: each is read back and holds what was recorded."""

import csv
import json
import re
from pathlib import Path

import numpy as np
import pytest

from posewire.cli import main
from posewire.errors import ConfigError
from posewire.export.command import export
from posewire.export.poses import RecordedPoses, Wanted
from posewire.rooms.recording import AUDIO, EVENT, POSE, Record, RecordingError, RecordingWriter
from posewire.skeleton.body_landmarks import world_landmarks
from posewire.skeleton.humanoid import BONES, placed
from posewire.skeleton.rotations import about
from posewire.sound.wav import read_wav
from posewire.wire.audio import frame_encoder
from posewire.wire.messages import AudioParams
from posewire.wire.pose import PoseEncoder
from posewire.wire.pose.recording import load_recording
from support.bvh import read_bvh

STEP_US = 40_000


def arm(step: int) -> dict[str, object]:
    return {"LeftUpperArm": about((0, 0, 1), -step * 3.0), "RightLowerArm": about((0, -1, 0), step * 2.0)}


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    """Two seconds of two members: a body with a hand that is sometimes missing, and a motion sensor."""
    file = tmp_path / "session.pwrec"
    camera = PoseEncoder(["world33", "hand21"])
    sensor = PoseEncoder("quat1", stream=3)
    members = [
        {"member_id": 1, "device": "camera", "role": "owner"},
        {"member_id": 2, "device": "wrist", "role": "member"},
    ]
    with RecordingWriter(file) as writer:
        writer.write(Record(0, EVENT, 0, json.dumps({"recording": 1, "room": "studio"}).encode()))
        welcome = {"type": "room", "event": "welcome", "member_id": 9, "members": members}
        writer.write(Record(0, EVENT, 0, json.dumps(welcome).encode()))
        for step in range(50):
            hand = np.full((21, 3), step / 100) if step % 10 else None
            packet = camera.encode({"world33": world_landmarks(arm(step)), "hand21": hand}, step * 40)  # type: ignore[arg-type]
            writer.write(Record(step * STEP_US, POSE, 1, packet))
            if step != 1:  # lost: the next ones may not decode
                packet = sensor.encode({"quat1": np.array([about((1, 0, 0), step)])}, step * 40)
                writer.write(Record(step * STEP_US + 5, POSE, 2, packet))
    return file


def test_csv(recording: Path, tmp_path: Path) -> None:
    out = tmp_path / "session.csv"
    assert export(recording, out) == 99
    with out.open(newline="") as file:
        rows = list(csv.DictReader(file))
    wrist = [row for row in rows if row["set"] == "quat1"]
    assert {(row["device"], row["stream"], row["landmark"], row["visibility"]) for row in wrist} == {
        ("wrist", "3", "0", "")
    }
    last = [float(wrist[-1][name]) for name in "wxyz"]
    assert abs(np.dot(last, about((1, 0, 0), 49))) == pytest.approx(1, abs=1e-3)
    elbow = [row for row in rows if row["set"] == "world33" and row["landmark"] == "13"]
    assert [float(row["time_s"]) for row in elbow] == pytest.approx([step * 0.04 for step in range(50)])
    expected = world_landmarks(arm(49))[13]  # type: ignore[arg-type]
    assert [float(elbow[-1][name]) for name in ("x", "y", "z", "visibility")] == pytest.approx(expected, abs=0.01)
    assert sum(row["set"] == "hand21" for row in rows) == 45 * 21


def test_jsonl(recording: Path, tmp_path: Path) -> None:
    out = tmp_path / "session.jsonl"
    export(recording, out, Wanted(["camera"]))
    poses = [json.loads(line) for line in out.read_text().splitlines()]
    assert len(poses) == 50
    assert {pose["device"] for pose in poses} == {"camera"}
    assert poses[0]["sent_ms"] == 0
    assert poses[-1]["time_s"] == pytest.approx(49 * 0.04)
    assert poses[7]["values"]["hand21"][20] == pytest.approx([0.07] * 3, abs=1e-3)
    assert "hand21" not in poses[10]["values"]


def test_npz_is_a_recording_of_poses_as_simulated_boards_play(recording: Path, tmp_path: Path) -> None:
    out = tmp_path / "body.npz"
    assert export(recording, out, Wanted(["camera"], ["world33"])) == 50
    read = load_recording(out)
    assert (read.kind, read.fps) == ("world33", pytest.approx(25))
    assert read.frames["world33"][30] == pytest.approx(world_landmarks(arm(30)), abs=0.01)  # type: ignore[arg-type]
    with np.load(out) as file:
        assert file["times"] == pytest.approx(np.arange(50) * 0.04)


def test_one_set_has_to_be_chosen_where_the_format_holds_one(recording: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"world33 of camera \(50 frames\), quat1 of wrist \(49 frames\)"):
        export(recording, tmp_path / "x.npz")
    assert not list(tmp_path.glob("x.npz*"))


def test_bvh(recording: Path, tmp_path: Path) -> None:
    out = tmp_path / "body.bvh"
    assert export(recording, out, fps=50) == 99
    read = read_bvh(out)
    assert read.frame_time == pytest.approx(0.02)
    assert len({joint.name for joint in read.joints}) == len(read.joints)
    assert (read.joints[0].name, read.joints[0].channels[:2]) == ("Hips", ["Xposition", "Yposition"])
    for frame, step in ((0, 0), (50, 25), (98, 49)):
        bones = placed(arm(step))  # type: ignore[arg-type]
        places = read.places(frame)
        for name in ("LeftLowerArm", "LeftHand", "RightHand", "Head", "RightFoot"):
            # BVH is right-handed, in centimetres: the left is at positive x.
            x, y, z = (100 * value for value in bones[name].place)
            hips = places["Hips"][1] - 100 * BONES["Hips"].place[1]
            assert places[name] - [0, hips, 0] == pytest.approx([-x, y, z], abs=1.5), (frame, name)


def test_a_packet_that_was_lost_is_a_gap(recording: Path) -> None:
    poses = RecordedPoses(recording)
    first = [pose.sent_ms for pose in poses if pose.device == "wrist"]
    assert first[:2] == [0, 80]
    assert poses.undecodable == 0


def test_rerun(recording: Path, tmp_path: Path) -> None:
    pytest.importorskip("rerun", reason="the extra rerun (170 MB) is not installed")
    out = tmp_path / "session.rrd"
    assert export(recording, out) == 99
    assert out.read_bytes()[:3] == b"RRF"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["{file}", "out.txt"], "the name must end in one of"),
        (["none.pwrec", "out.csv"], "cannot read none.pwrec"),
        (["{file}", "/no/such/folder/out.csv"], "cannot write /no/such/folder/out.csv"),
        (["{file}", "out.csv", "--device", "nobody"], "has no poses of the devices and landmark sets asked for"),
        (["{file}", "out.bvh", "--device", "wrist"], "has no body: that is one of quat55, world33, body33"),
        (["{file}", "out.bvh", "--fps", "0"], "--fps must be more than 0"),
    ],
)
def test_errors_say_what_to_do(
    words: list[str],
    message: str,
    recording: Path,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["export", *(word.replace("{file}", str(recording)) for word in words)]) == 2
    assert message in capsys.readouterr().err
    assert [file.name for file in tmp_path.iterdir()] == ["session.pwrec"]


def test_the_command_reports(recording: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", str(recording), str(tmp_path / "a.jsonl"), "--set", "quat1", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"file": str(tmp_path / "a.jsonl"), "poses": 49}


@pytest.mark.parametrize("ending", [".csv", ".npz", ".bvh"])
def test_the_command_shows_on_a_terminal_how_far_it_is(
    ending: str, recording: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("posewire.terminal.is_live", lambda stream: True)
    monkeypatch.setattr("posewire.progress.is_live", lambda stream: True)
    monkeypatch.setattr("posewire.export.command.is_live", lambda stream: True)
    words = ["export", str(recording), str(tmp_path / f"out{ending}"), "--device", "camera", "--set", "world33"]
    assert main(words) == 0
    shown = [int(share) for share in re.findall(r"(\d+) %", capsys.readouterr().err)]
    assert shown == sorted(shown)
    assert shown[-1] == 100


def test_what_is_no_recording(tmp_path: Path) -> None:
    (tmp_path / "x.pwrec").write_bytes(b"hello")
    with pytest.raises(RecordingError, match="is not a recording"):
        export(tmp_path / "x.pwrec", tmp_path / "x.csv")


def sounding(file: Path, *devices: str) -> Path:
    """A recording of members that each say four frames of a tone, and after a second four more."""
    params = AudioParams("ima-adpcm")
    tone = (8000 * np.sin(np.arange(params.frame_samples) / 5)).astype(np.int16)
    with RecordingWriter(file) as writer:
        members = [
            {"member_id": number, "device": device, "role": "member", "audio": params.as_dict()}
            for number, device in enumerate(devices, 1)
        ]
        welcome = {"type": "room", "event": "welcome", "member_id": 9, "members": members}
        writer.write(Record(0, EVENT, 0, json.dumps(welcome).encode()))
        for start in (60_000, 1_300_000):
            for frame in range(4):
                for number in range(1, 1 + len(devices)):
                    encoded = b"broken" if (start, frame) == (60_000, 1) else frame_encoder(params).encode(tone)
                    late = 40_000 * (frame % 2)  # the network's unrest is no pause
                    writer.write(Record(start + 60_000 * frame + late, AUDIO, number, encoded))
    return file


def test_wav(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, out = sounding(tmp_path / "talk.pwrec", "microphone"), tmp_path / "talk.wav"
    assert main(["export", str(file), str(out), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"file": str(out), "frames": 8}
    samples, rate = read_wav(out.read_bytes())
    assert rate == 16_000
    assert len(samples) == pytest.approx(1.48 * rate, abs=0.05 * rate)
    loud = np.abs(samples.astype(int)) > 1000
    assert loud[:960].mean() > 0.5
    assert not loud[960:1920].any()  # the frame that does not decode
    assert loud[1920:3840].mean() > 0.5
    assert not loud[4000:19_000].any()  # the pause
    assert loud[20_000:].mean() > 0.5


def test_a_wav_file_holds_one_device(tmp_path: Path) -> None:
    file, out = sounding(tmp_path / "talk.pwrec", "anna", "ben"), tmp_path / "talk.wav"
    with pytest.raises(ConfigError, match="choose by --device among anna, ben"):
        export(file, out)
    assert export(file, out, Wanted(["ben"])) == 8
    with pytest.raises(ConfigError, match="no frames of the devices"):
        export(file, out, Wanted(["carl"]))
