"""The simulated board with the real firmware against a real WebSocket server."""

import json
import ssl
import time
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from posewire.errors import SimulatorError
from posewire.sim.fixtures import MakeBoard
from posewire.sim.parts.recording import Samples, write_wav
from posewire.sim.parts.wifi import SSID
from posewire.wire.pose import PoseDecoder
from support.certificates import self_signed
from support.servers.small_host import FRAME_SAMPLES, SmallHost


def tone(seconds: float, frequency: float = 440.0, rate: int = 16000, level: float = 8000.0) -> Samples:
    time_line = np.arange(round(seconds * rate)) / rate
    return np.round(level * np.sin(2 * np.pi * frequency * time_line)).astype(np.int16)


def strongest(samples: Samples, rate: int = 16000) -> float:
    """The loudest frequency in Hz."""
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return float(np.argmax(spectrum)) * rate / len(samples)


def test_the_board_introduces_itself(host: SmallHost, sim_board: MakeBoard) -> None:
    board = sim_board(host.url, room="studio", device_id="02:00:00:00:AB:CD", token="secret")
    board.wait_connected()
    hello = host.of_type("hello")[0]
    headers = host.sockets[0].request.headers
    assert board.session_id == "session-1"
    assert hello["features"]["pose"] is True
    assert headers["Device-Id"] == "02:00:00:00:ab:cd"
    assert headers["Authorization"] == "Bearer secret"
    assert headers["Host"] in host.url, "the proxy must not show in the Host header"
    assert board.wifi.status == 1010


@pytest.mark.parametrize("audio_format", ["pcm", "ima-adpcm"])
def test_what_the_microphone_hears_reaches_the_host(audio_format: str, sim_board: MakeBoard) -> None:
    with SmallHost(audio_format) as host:
        board = sim_board(host.url, audio_format=audio_format)
        board.wait_connected()
        board.button.down()
        board.wait(lambda: board.state == "listening", what="the board to listen")
        board.mic.play(tone(1.0))
        board.wait(lambda: not board.mic.playing, what="the tone to end")
        board.button.up()
        board.wait(lambda: host.of_type("listen", state="stop"), what="listen stop")
        heard = host.heard()
    loud = np.flatnonzero(np.abs(heard.astype(np.int32)) > 1000)
    middle = heard[loud[0] + 1600 : loud[0] + 14000]
    assert host.of_type("listen", state="start")[0]["mode"] == "manual"
    assert strongest(middle) == pytest.approx(440, abs=3)
    assert np.abs(middle.astype(np.int32)).max() == pytest.approx(8000, rel=0.05), "gain 4 restores the level"
    # ADPCM needs some samples to follow the tone's onset; what is lost or doubled would be a piece of 320.
    assert loud[-1] - loud[0] == pytest.approx(16000, abs=60), "nothing is lost and nothing doubled"
    assert board.snapshot()["mic"]["lost_samples"] == 0


def test_pcm_arrives_sample_for_sample(sim_board: MakeBoard) -> None:
    said = np.random.default_rng(1).integers(-20000, 20000, 16000).astype(np.int16)
    with SmallHost("pcm") as host:
        board = sim_board(host.url, audio_format="pcm")
        board.wait_connected()
        board.button.down()
        board.wait(lambda: board.state == "listening", what="the board to listen")
        board.mic.play(said)
        board.wait(lambda: len(host.heard()) > 18000, what="the recording")
        heard = host.heard().tobytes()
    assert said.tobytes() in heard


def test_a_recording_of_another_rate_is_resampled(sim_board: MakeBoard, tmp_path: Path) -> None:
    write_wav(tmp_path / "tone.wav", tone(1.0, 440.0, 44100), 44100)
    with SmallHost("pcm") as host:
        board = sim_board(host.url, audio_format="pcm")
        board.wait_connected()
        board.button.down()
        assert board.mic.play(tmp_path / "tone.wav") == pytest.approx(1.0, abs=0.001)
        board.wait(lambda: len(host.heard()) > 18000, what="the recording")
        heard = host.heard()
    loud = int(np.flatnonzero(np.abs(heard.astype(np.int32)) > 1000)[0])
    assert strongest(heard[loud : loud + 14000]) == pytest.approx(440, abs=3)


def test_a_quiet_room_is_not_digital_silence(sim_board: MakeBoard) -> None:
    with SmallHost("pcm") as host:
        board = sim_board(host.url, audio_format="pcm")
        board.wait_connected()
        board.button.down()
        board.wait(lambda: len(host.heard()) >= 8000, what="half a second of the room")
        heard = host.heard()
    assert set(np.unique(heard)) <= set(range(-10, 11))
    assert len(np.unique(heard)) == 21


def test_what_the_host_says_comes_out_of_the_speaker(host: SmallHost, sim_board: MakeBoard, tmp_path: Path) -> None:
    board = sim_board(host.url)
    board.wait_connected()
    assert board.speaker.silent_since() is None
    host.speak(tone(1.2, 600.0))
    board.wait(lambda: board.state == "idle" and board.speaker.is_silent(0.1), what="the end of the speech")
    said = board.speaker.samples()
    board.speaker.save(tmp_path / "reply.wav")
    assert board.speaker.seconds == pytest.approx(1.2, abs=0.07)
    assert strongest(said[1600:16000]) == pytest.approx(600, abs=3)
    gaps = np.flatnonzero(np.convolve(np.abs(said[200:18000]) > 0, np.ones(64)) == 0)
    assert not len(gaps), "no hole in the middle"
    assert (tmp_path / "reply.wav").stat().st_size == 44 + 2 * len(said)


def test_the_button_silences_the_speaker(host: SmallHost, sim_board: MakeBoard) -> None:
    board = sim_board(host.url)
    board.wait_connected()
    board.wait(lambda: host.sockets, what="the board")
    pressed: list[float] = []

    def press_in_the_middle() -> bool:
        if not pressed and board.speaker.seconds > 0.8:
            pressed.append(time.monotonic())
            board.button.press()
        return bool(host.of_type("abort"))

    host.speak(tone(5.0), stop=press_in_the_middle)
    board.wait(lambda: board.speaker.is_silent(0.3), what="silence")
    silent = board.speaker.silent_since()
    assert silent is not None
    assert silent - pressed[0] < 0.2
    assert host.of_type("abort")[0]["reason"] == "button"


def test_a_tool_of_the_host_changes_the_led(host: SmallHost, sim_board: MakeBoard) -> None:
    board = sim_board(host.url)
    board.wait_connected()
    host.call("self.led.set_color", red=1, green=2, blue=250)
    board.wait(lambda: board.led.color == (1, 2, 250), what="the LED to turn blue")
    board.wait(lambda: board.tool_calls, what="the report of the call")
    assert board.tool_calls == [
        {"name": "self.led.set_color", "arguments": {"red": 1, "green": 2, "blue": 250}},
    ]
    board.kill()
    assert board.led.color == (0, 0, 0)


def test_the_firmware_reports_what_happens(host: SmallHost, sim_board: MakeBoard) -> None:
    board = sim_board(host.url)
    board.wait_connected()
    host.send(type="stt", text="grüß dich")
    host.send(type="llm", emotion="happy", text="🙂")
    host.send(type="tts", state="sentence_start", text="Hallo.")
    board.wait(lambda: board.sentences, what="the sentence")
    assert board.stt == ["grüß dich"]
    assert board.values("emotion") == ["happy"]
    assert board.sentences == ["Hallo."]
    assert [event.name for event in board.events][:2] == ["state", "connected"]
    moments = [event.at for event in board.events]
    assert moments == sorted(moments)


def test_landmarks_and_motion_reach_the_host(host: SmallHost, sim_board: MakeBoard) -> None:
    board = sim_board(host.url, room="studio")
    board.wait_connected()
    board.wait(lambda: board.snapshot()["member_id"], what="the room")
    frames = np.random.default_rng(2).random((20, 33, 4)).astype(np.float32)
    assert board.camera.play(frames, fps=50, kind="body33") == pytest.approx(0.4)
    board.imu.set(accel=(0, 1, 0), gyro=(10, 0, 0))
    board.wait(lambda: not board.camera.playing, what="the recording to end")
    # The second byte of a packet is its stream: the motion sensor was there first.
    board.wait(lambda: sum(packet[1] == 1 for packet in host.pose) == 20, what="20 packets of body33")
    board.wait(lambda: sum(packet[1] == 0 for packet in host.pose) > 20, what="packets of the motion sensor")
    assert host.of_type("room", action="join")[0]["room"] == "studio"
    assert board.snapshot()["keypoints"]["bad_frames"] == 0


def test_landmarks_are_smoothed_where_that_is_configured(host: SmallHost, sim_board: MakeBoard) -> None:
    settings = {"imu": False, "smooth": 0.5, "smooth_beta": 0}
    board = sim_board(host.url, room="studio", config={"pose": settings})
    board.wait_connected()
    board.wait(lambda: board.snapshot()["member_id"], what="the room")
    frames = np.full((20, 17, 3), 0.25, np.float32)
    frames[14:] = 0.75
    decoder, taken = PoseDecoder(), 0
    shown: list[float] = []

    def moves() -> bool:
        nonlocal taken
        for packet in host.pose[taken:]:
            pose = decoder.decode(packet)
            assert pose is not None
            shown.append(float(pose.values["coco17"][0, 0]))
            taken += 1
        return bool(shown) and shown[-1] > 0.25

    board.camera.play(frames, fps=25, kind="coco17")
    # A busy machine may lose some: the newest sample replaces one that was not sent yet.
    board.wait(moves, what="a packet that moves")
    board.wait(
        lambda: board.camera.frames_sent + board.camera.frames_skipped == len(frames), what="the whole recording"
    )
    moves()
    assert shown[0] == 0.25
    assert all(a <= b for a, b in pairwise(shown))
    # The step is to 0.75. 40 ms at a cutoff of 0.5 Hz are a weight of 0.11, and that at most six times.
    assert 0.25 < shown[-1] < 0.7


def test_without_motion_sensor_nothing_of_it_is_sent(host: SmallHost, sim_board: MakeBoard) -> None:
    board = sim_board(host.url, room="studio", imu=False)
    board.wait_connected()
    board.wait(lambda: board.snapshot()["member_id"], what="the room")
    board.camera.play(np.zeros((10, 17, 3), np.float32), fps=20, kind="coco17")
    camera = board.camera  # on a machine that was held up it leaves frames out
    board.wait(lambda: camera.frames_sent + camera.frames_skipped == 10 and host.pose, what="the camera's packets")
    assert {packet[1] for packet in host.pose} == {0}


@pytest.mark.parametrize(("ca", "accepted"), [("right", True), ("wrong", False), (None, True)])
def test_tls_passes_through_the_simulated_network(
    sim_board: MakeBoard, tmp_path: Path, ca: str | None, accepted: bool
) -> None:
    for name in ("right", "wrong"):
        self_signed(tmp_path, name)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "right.pem", tmp_path / "right.key")
    with SmallHost(tls=context) as host:
        url = host.url.replace("ws://127.0.0.1", "wss://localhost")
        file = str(tmp_path / f"{ca}.der") if ca else None
        board = sim_board(url, config={"host": {"ca": file}})
        if accepted:
            board.wait_connected()
        else:
            refusal = " W connection: The certificate is not" if ca else " W connection"
            board.wait(lambda: any(refusal in line for line in board.log), what="the refusal")
            assert not board.connected


def test_wifi_goes_and_comes_back(host: SmallHost, sim_board: MakeBoard) -> None:
    board = sim_board(host.url)
    board.wait_connected()
    board.wifi.drop()
    board.wait(lambda: not board.connected, what="the board to notice")
    board.wifi.restore()
    board.wait_connected()
    board.wait(lambda: board.session_id == "session-2", what="a new session")
    assert host.of_type("hello")[-1]["resume"] == "session-1"
    assert board.snapshot()["reconnects"] == 1


def test_a_connection_that_breaks_is_made_again(host: SmallHost, sim_board: MakeBoard) -> None:
    board = sim_board(host.url)
    board.wait_connected()
    board.network.reset()
    board.wait(lambda: board.session_id == "session-2", what="a new session")


def test_a_host_that_is_not_there(sim_board: MakeBoard) -> None:
    board = sim_board("ws://127.0.0.1:9/posewire/v1/")
    board.wait(lambda: sum(" W connection" in line for line in board.log) >= 2, what="two attempts")
    with pytest.raises(SimulatorError, match=r"waited 0\.1 s for the board to connect"):
        board.wait_connected(timeout=0.1)


def test_power_cycle_keeps_the_flash(host: SmallHost, sim_board: MakeBoard) -> None:
    board = sim_board(host.url)
    board.wait_connected()
    client = host.sockets[0].request.headers["Client-Id"]
    board.restart()
    board.wait(lambda: len(host.sockets) == 2 and board.session_id == "session-2", what="the board to come back")
    assert host.sockets[1].request.headers["Client-Id"] == client


def test_the_restart_tool_resets_the_board(host: SmallHost, sim_board: MakeBoard) -> None:
    board = sim_board(host.url)
    board.wait_connected()
    host.call("self.restart")
    board.wait(lambda: board.resets == 1, what="the reset")
    board.wait(lambda: board.session_id == "session-2", what="a new session")


def test_settings_go_into_the_firmwares_config(host: SmallHost, sim_board: MakeBoard) -> None:
    board = sim_board(host.url, config={"audio": {"volume": 31}, "listen": {"mode": "realtime"}})
    board.wait_connected()
    config = json.loads((board.flash / "config.json").read_text())
    assert config["audio"] == {"format": "ima-adpcm", "volume": 31}
    assert config["wifi"][0]["ssid"] == SSID
    assert board.snapshot()["speaker"]["volume"] == 31


def test_own_tools_are_on_the_board(host: SmallHost, sim_board: MakeBoard) -> None:
    board = sim_board(host.url)
    board.wait_connected()
    host.call("self.robot.drive", direction="forward", meters=1)
    board.wait(lambda: board.outputs.duty("motor_forward") > 0, what="the wheels to turn")
    assert board.outputs.duty("motor_backward") == 0.0
    host.call("self.robot.stop")
    board.wait(lambda: board.outputs.duty("motor_forward") == 0, what="the wheels to stop")


def test_nothing_stays_behind(host: SmallHost, sim_board: MakeBoard) -> None:
    board = sim_board(host.url)
    board.wait_connected()
    folder = board.flash.parent
    assert folder.is_dir()
    board.close()
    assert not folder.exists()
    assert not board.running


def test_the_report_is_complete(host: SmallHost, sim_board: MakeBoard) -> None:
    board = sim_board(host.url)
    board.wait_connected()
    host.speak(tone(0.3))
    board.wait(lambda: board.snapshot()["received"]["audio"] == 0.3 * 16000 // FRAME_SAMPLES, what="five frames")
    report = json.loads(json.dumps(board.report()))
    assert report["connected"] is True
    assert report["session_id"] == "session-1"
    assert report["sent"]["text"] == len(host.texts)
    assert report["heap_size"] > report["heap_free_min"] > 0
    assert report["errors"] == []
