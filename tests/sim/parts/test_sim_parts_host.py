"""The Python sides of the simulated parts: recordings, the camera's frames, the speaker's time line, bytecode."""

import struct
import time
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from posewire.errors import SimulatorError
from posewire.sim.firmware.bytecode import without_machine_code
from posewire.sim.parts.camera import encode_frame, load_recording
from posewire.sim.parts.flash import merged
from posewire.sim.parts.recording import read_wav, to_int16, write_wav
from posewire.sim.parts.speaker import Speaker


def wav(path: Path, data: bytes, rate: int, channels: int, width: int) -> Path:
    header = struct.pack(
        "<4sI4s4sIHHIIHH4sI", b"RIFF", 36 + len(data), b"WAVE", b"fmt ", 16, 1, channels, rate,
        rate * channels * width, channels * width, width * 8, b"data", len(data),
    )  # fmt: skip
    path.write_bytes(header + data)
    return path


@pytest.mark.parametrize(
    ("width", "data"),
    [
        (1, bytes([128, 192, 64])),
        (2, struct.pack("<3h", 0, 16384, -16384)),
        (3, b"\x00\x00\x00" + b"\x00\x00\x40" + b"\x00\x00\xc0"),
        (4, struct.pack("<3i", 0, 1 << 30, -(1 << 30))),
    ],
)
def test_all_widths_of_pcm_are_read(tmp_path: Path, width: int, data: bytes) -> None:
    assert read_wav(wav(tmp_path / "a.wav", data, 16000, 1, width), 16000).tolist() == [0, 16384, -16384]


def test_channels_are_mixed(tmp_path: Path) -> None:
    path = wav(tmp_path / "a.wav", struct.pack("<4h", 1000, 3000, -2000, 2000), 16000, 2, 2)
    assert read_wav(path, 16000).tolist() == [2000, 0]


def test_writing_and_reading_is_the_same(tmp_path: Path) -> None:
    samples = np.arange(-500, 500, dtype=np.int16)
    write_wav(tmp_path / "a.wav", samples, 16000)
    assert np.array_equal(read_wav(tmp_path / "a.wav", 16000), samples)
    assert to_int16(np.array([2.0, -2.0])).tolist() == [32767, -32768]


@pytest.mark.parametrize("content", [b"", b"RIFF", b"ID3 this is an mp3"])
def test_what_is_no_wav_file_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.wav").write_bytes(content)
    with pytest.raises(SimulatorError, match=r"a\.wav: not a PCM WAV file"):
        read_wav(tmp_path / "a.wav", 16000)
    with pytest.raises(SimulatorError, match="not a PCM WAV file"):
        read_wav(tmp_path / "missing.wav", 16000)


def test_a_frame_of_keypoints_has_its_bytes_where_the_documentation_says() -> None:
    frame = encode_frame(6, 0x01020304, np.array([[1.0, -2.0, 0.5]], np.float32))
    assert frame[:10] == bytes([0xA5, 0x5A, 6, 3, 1, 0, 4, 3, 2, 1])
    assert struct.unpack("<3f", frame[10:22]) == (1.0, -2.0, 0.5)
    crc = 0xFFFF
    for byte in frame[2:22]:
        crc ^= byte << 8
        for _ in range(8):
            crc = (crc << 1 ^ 0x1021 if crc & 0x8000 else crc << 1) & 0xFFFF
    assert frame[22:] == struct.pack("<H", crc)


@pytest.mark.parametrize(
    ("kind", "shape", "number"),
    [
        ("body33", (33, 4), 1),
        ("hands42", (42, 3), 2),
        ("world33", (33, 3), 0),
        ("quat1", (1, 4), 7),
        ("robot", (5, 2), 0),
    ],
)
def test_kind_and_shape_make_the_set(tmp_path: Path, kind: str, shape: tuple[int, int], number: int) -> None:
    np.savez(tmp_path / "a.npz", data=np.zeros((2, *shape), np.float32), fps=25.0, kind=kind)
    data, fps, set_id = load_recording(str(tmp_path / "a.npz"))
    assert (data.shape, fps, set_id) == ((2, *shape), 25.0, number)


def test_recordings_that_are_none_are_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", other=np.zeros(3))
    with pytest.raises(SimulatorError, match="no array 'data'"):
        load_recording(tmp_path / "a.npz")
    np.savez(tmp_path / "b.npz", data=np.zeros((3, 3)))
    with pytest.raises(SimulatorError, match="must be"):
        load_recording(tmp_path / "b.npz")
    (tmp_path / "c.npz").write_bytes(b"nothing")
    with pytest.raises(SimulatorError, match=r"not an \.npz recording"):
        load_recording(tmp_path / "c.npz")


def loud(count: int) -> bytes:
    samples: NDArray[np.int16] = np.full(count, 5000, np.int16)
    return samples.tobytes()


def test_what_lies_in_the_future_has_not_been_heard() -> None:
    speaker = Speaker()
    now = time.monotonic()
    speaker.written(now - 1.0, loud(8000))
    speaker.written(now + 10.0, loud(8000))
    assert speaker.seconds == pytest.approx(0.5)
    assert speaker.silent_since() == pytest.approx(now - 0.5)
    assert speaker.is_silent(0.4)
    assert not speaker.is_silent(0.9)
    assert speaker.sounding_since(now - 0.9) == pytest.approx(now - 0.9, abs=0.001)
    assert speaker.sounding_since(now) is None


def test_closing_takes_back_what_was_not_heard_yet() -> None:
    speaker = Speaker()
    start = time.monotonic() - 3.0
    speaker.written(start, loud(8000))
    speaker.written(start + 0.5, loud(8000))
    speaker.closed(start + 0.75)
    assert speaker.seconds == pytest.approx(0.75)
    speaker.closed(start + 0.2)
    assert speaker.seconds == pytest.approx(0.2)


def test_a_pause_is_silence_in_the_recording() -> None:
    speaker = Speaker()
    start = time.monotonic() - 3.0
    speaker.written(start, loud(160))
    speaker.written(start + 0.02, loud(160))
    assert speaker.samples().tolist() == [5000] * 160 + [0] * 160 + [5000] * 160
    assert len(speaker.samples(since=start + 0.015)) == 160


def test_other_rates_are_resampled() -> None:
    speaker = Speaker()
    speaker.opened(24000, 0)
    speaker.written(time.monotonic() - 3.0, loud(24000))
    assert len(speaker.samples()) == 16000
    assert speaker.samples()[100:-100].tolist() == pytest.approx([5000] * 15800, abs=5)


def test_settings_are_merged_by_section() -> None:
    base = {"audio": {"format": "pcm", "volume": 70}, "protocol": 3}
    assert merged(base, {"audio": {"volume": 5}, "new": 1}) == {
        "audio": {"format": "pcm", "volume": 5},
        "protocol": 3,
        "new": 1,
    }


def test_viper_becomes_bytecode_line_by_line() -> None:
    text = "import micropython\n\n@micropython.viper\ndef f(a: ptr8, n: int, ü):\n    'ü'; return int(a[int(n)])\n"
    assert without_machine_code(text) == (
        "import micropython\n\n@viper_cast('ptr8', '', '')\n"
        "def f(a: ptr8, n: int, ü):\n    'ü'; return viper_int(a[viper_int(n)])\n"
    )
    native = "class A:\n    @micropython.native\n    def f(self):\n        return int(1)\n"
    assert without_machine_code(native) == "class A:\n\n    def f(self):\n        return int(1)\n"
