"""``posewire sim device`` against a small host: what it does, prints and returns."""

import argparse
import json
import os
import signal
import ssl
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from posewire import cli
from posewire.sim.device_command import Press, add_arguments
from posewire.sim.memory_model import ROOMY_CHIP
from posewire.sim.parts.recording import read_wav, write_wav
from support.certificates import self_signed
from support.servers.small_host import SmallHost

Run = Callable[..., tuple[int, dict[str, Any], str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], host: SmallHost) -> Run:
    """``run("--for", "1")`` returns the exit status, the report and the live lines."""

    def call(*options: str) -> tuple[int, dict[str, Any], str]:
        status = cli.main(["sim", "device", "--url", host.url, "--json", "--chip", ROOMY_CHIP, *options])
        captured = capsys.readouterr()
        return status, json.loads(captured.out), captured.err

    return call


class Answerer:
    """Answers each utterance as a host does: what it heard, a tool call, a sentence of 0.6 s."""

    def __init__(self, host: SmallHost, seconds: float = 0.6) -> None:
        self._host = host
        self._seconds = seconds
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        answered = 0
        while not self._stop.wait(0.01):
            over = self._host.of_type("listen", state="stop")
            loud = np.abs(self._host.heard().astype(np.int32)) > 1000
            started = self._host.of_type("listen", state="start", mode="auto")
            # A manual utterance ends with listen stop; in auto mode the host decides: here, after half a second of it.
            if len(over) > answered or (len(started) > answered and loud.sum() > 4000 * (answered + 1)):
                answered += 1
                self._host.send(type="stt", text=f"utterance {answered}")
                self._host.call("self.led.set_color", red=0, green=0, blue=255)
                self._host.send(type="llm", emotion="happy", text="🙂")
                tone = 6000 * np.sin(np.arange(round(16000 * self._seconds)) / 5)
                self._host.speak(tone.astype(np.int16), lambda: bool(self._host.of_type("abort")))


@pytest.fixture
def speech(tmp_path: Path) -> Path:
    noise = np.random.default_rng(5).normal(0, 4000, 16000)
    write_wav(tmp_path / "speech.wav", noise.astype(np.int16), 16000)
    return tmp_path / "speech.wav"


def test_a_turn_from_tap_to_reply(run: Run, host: SmallHost, speech: Path, tmp_path: Path) -> None:
    with Answerer(host):
        status, report, story = run("--mic", str(speech), "--speaker", str(tmp_path / "reply.wav"), "--no-imu")
    assert status == 0
    assert report["connected"] is True
    assert report["url"] == host.url
    assert report["session_id"] == "session-1"
    assert report["stt"] == ["utterance 1"]
    assert report["tool_calls"] == [{"name": "self.led.set_color", "arguments": {"red": 0, "green": 0, "blue": 255}}]
    assert report["led"] == [0, 0, 255]
    assert report["sent"]["audio"] == len(host.audio) > 5
    assert report["received"]["audio"] == 10
    assert report["speaker_seconds"] == pytest.approx(0.6, abs=0.05)
    assert report["reconnects"] == 0
    assert report["heap_free_min"] > 0
    assert "alloc_per_frame" in report
    assert report["errors"] == []
    assert "heard: utterance 1" in story
    # All of it; on a busy machine with gaps in between, as it was heard.
    assert len(read_wav(tmp_path / "reply.wav", 16000)) >= 9100
    assert host.of_type("listen", state="start")[0]["mode"] == "auto"


def test_holding_the_button_is_manual(run: Run, host: SmallHost, speech: Path) -> None:
    with Answerer(host):
        status, report, _ = run("--mic", str(speech), "--press", "0.2:1.2", "--format", "ima-adpcm")
    assert status == 0
    assert report["stt"] == ["utterance 1"]
    assert [text.get("mode") or text["state"] for text in host.of_type("listen")] == ["manual", "stop"]
    loud = np.abs(host.heard().astype(np.int32)) > 1000
    assert loud.sum() > 8000, "the file was played while the button was held"


def test_a_second_press_interrupts(run: Run, host: SmallHost, speech: Path) -> None:
    with Answerer(host, seconds=8):
        status, report, _ = run("--mic", str(speech), "--press", "0:0.8", "--press", "2.5")
    assert status == 0
    assert len(host.of_type("abort")) == 1
    assert 0.2 < report["speaker_seconds"] < 4


def test_landmarks_are_published_once(run: Run, host: SmallHost, tmp_path: Path) -> None:
    data = np.random.default_rng(6).random((15, 33, 4)).astype(np.float32)
    np.savez(tmp_path / "dance.npz", data=data, fps=30.0, kind="body33")
    status, report, _ = run("--pose", str(tmp_path / "dance.npz"), "--room", "stage", "--no-imu")
    assert status == 0
    camera = report["camera"]  # on a machine that was held up it leaves a frame out, as a slow line does
    assert camera["frames"] + camera["skipped"] == 15
    assert report["sent"]["pose"] == len(host.pose) >= camera["frames"] - 1 > 0
    assert host.of_type("room")[0]["room"] == "stage"


def test_landmarks_that_are_played_again_and_again_are_never_over(run: Run, host: SmallHost, tmp_path: Path) -> None:
    data = np.random.default_rng(6).random((6, 33, 4)).astype(np.float32)
    np.savez(tmp_path / "dance.npz", data=data, fps=30.0, kind="body33")

    def end_when_it_was_played_often() -> None:
        until = time.monotonic() + 60
        while len(host.pose) < 30 and time.monotonic() < until:
            time.sleep(0.05)
        os.kill(os.getpid(), signal.SIGTERM)

    ending = threading.Thread(target=end_when_it_was_played_often)
    ending.start()
    status, report, story = run("--pose", str(tmp_path / "dance.npz"), "--pose-loop", "--no-imu")
    ending.join()
    assert status == 0
    assert report["sent"]["pose"] >= 30
    assert "stopped" in story


def test_for_so_many_seconds(run: Run, host: SmallHost) -> None:
    status, report, _ = run("--for", "4", "--device-id", "02:00:00:00:00:77", "--heap", "400000")
    assert status == 0
    assert report["device_id"] == "02:00:00:00:00:77"
    assert report["sent"]["pose"] > 0, "the motion sensor"
    assert report["heap_free_min"] > 150_000


def test_protocol_2_carries_no_pose(capsys: pytest.CaptureFixture[str]) -> None:
    with SmallHost(protocol=2) as host:
        status = cli.main(["sim", "device", "--url", host.url, "--chip", ROOMY_CHIP, "--for", "3", "--protocol", "2"])
    assert status == 0
    assert host.sockets[0].request.headers["Protocol-Version"] == "2"
    assert host.pose == []
    assert "connected, session session-1" in capsys.readouterr().out


def test_no_host_is_a_clear_failure(capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--url", "ws://127.0.0.1:9/", "--chip", ROOMY_CHIP, "--for", "5", "--json"]
    status = cli.main(["sim", "device", *options])
    captured = capsys.readouterr()
    assert status == 1
    assert json.loads(captured.out)["connected"] is False
    # With --for the board goes on trying: the host may come up late.
    told = "the host at ws://127.0.0.1:9 cannot be reached (Connection refused): is posewire serve running there?"
    assert captured.err.count(told) == 2
    assert "; the board goes on trying" in captured.err


def test_landmarks_that_the_board_has_no_room_for_are_told(
    capsys: pytest.CaptureFixture[str], host: SmallHost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As on a machine without the compiler of native code.
    monkeypatch.setattr("posewire.sim.programs.can_compile", lambda: False)
    np.savez(tmp_path / "dance.npz", data=np.full((9, 33, 4), 0.5, np.float32), fps=30.0, kind="body33")
    status = cli.main(["sim", "device", "--url", host.url, "--chip", "esp32", "--pose", str(tmp_path / "dance.npz")])
    told = capsys.readouterr().out
    assert status == 1
    assert "failed: the board has no room for the landmarks of --pose: --chip esp32s3-psram has" in told
    assert "a simulated board has room for it with --chip esp32s3-psram" in told


def test_files_are_looked_at_first(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert cli.main(["sim", "device", "--mic", str(tmp_path / "nothing.wav")]) == 2
    assert "nothing.wav: not a PCM WAV file that can be read" in capsys.readouterr().err
    assert cli.main(["sim", "device", "--pose", str(tmp_path / "nothing.npz")]) == 2
    assert "nothing.npz" in capsys.readouterr().err


@pytest.mark.parametrize("wrong", [("--url", "ftp://127.0.0.1/"), ("--device-id", "kitchen")])
def test_addresses_are_looked_at_first(capsys: pytest.CaptureFixture[str], wrong: tuple[str, str]) -> None:
    assert cli.main(["sim", "device", *wrong]) == 2
    assert wrong[1] in capsys.readouterr().err


def test_sigterm_ends_the_run_in_order(run: Run, host: SmallHost) -> None:
    def end_when_it_is_there() -> None:
        until = time.monotonic() + 30
        while not host.of_type("hello") and time.monotonic() < until:
            time.sleep(0.05)
        time.sleep(0.5)
        os.kill(os.getpid(), signal.SIGTERM)

    ending = threading.Thread(target=end_when_it_is_there)
    ending.start()
    status, report, story = run("--no-imu")
    ending.join()
    assert status == 0
    assert report["connected"] is True
    assert "stopped" in story


@pytest.mark.parametrize(
    ("wrong", "says"),
    [(("--heap", "1000"), "at least"), (("--heap", "much"), "at least"), (("--for", "-1"), "above 0")],
)
def test_numbers_are_checked(capsys: pytest.CaptureFixture[str], wrong: tuple[str, str], says: str) -> None:
    with pytest.raises(SystemExit):
        cli.main(["sim", "device", *wrong])
    assert says in capsys.readouterr().err


def test_presses_are_checked() -> None:
    parser = argparse.ArgumentParser(exit_on_error=False)
    add_arguments(parser)
    assert parser.parse_args(["--press", "1.5", "--press", "2:0.5"]).press == [Press(1.5, 0.1), Press(2.0, 0.5)]
    for wrong in ("x", "1:y", "-1", "1:0"):
        with pytest.raises(argparse.ArgumentError):
            parser.parse_args([f"--press={wrong}"])


def test_a_heap_that_the_firmware_does_not_start_with_is_told(run: Run) -> None:
    status, report, story = run("--for", "2", "--heap", "60000")
    assert status == 1
    assert report["session_id"] is None
    assert "crashed: MemoryError" in story


def test_a_reply_that_cannot_be_written_is_told_in_one_line(run: Run, tmp_path: Path) -> None:
    status, _, story = run("--for", "1.5", "--no-imu", "--speaker", str(tmp_path / "no" / "reply.wav"))
    assert status == 1
    assert "reply.wav: No such file or directory" in story
    assert "Traceback" not in story


def test_a_host_is_verified_with_a_certificate_of_its_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    self_signed(tmp_path, "right")
    self_signed(tmp_path, "wrong")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "right.pem", tmp_path / "right.key")
    with SmallHost(tls=context) as host:
        options = ["sim", "device", "--url", host.url.replace("ws://127.0.0.1", "wss://localhost")]
        options += ["--chip", ROOMY_CHIP, "--for", "3"]
        assert cli.main([*options, "--ca", str(tmp_path / "right.der")]) == 0
        reached = len(host.sockets)
        assert cli.main([*options, "--token", "a-secret", "--ca", str(tmp_path / "wrong.der")]) == 1
        assert len(host.sockets) == reached  # nobody who is not the host gets the token
        assert "the board says: connection: The certificate is not" in capsys.readouterr().out
        assert cli.main([*options, "--ca", str(tmp_path / "right.pem")]) == 2
        assert "not a certificate in DER form" in capsys.readouterr().err
