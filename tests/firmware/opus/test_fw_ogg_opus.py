"""The Opus encoder by itself: installed with mip as another project does, then recording into a file for players."""

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from posewire.sim.interpreter import find_micropython
from posewire.wire.opus import OpusDecoder
from support.recordings import recording
from support.servers.package_server import FIRMWARE, package_server

ROOT = Path(__file__).parents[3]
PROGRAM = ROOT / "tests" / "firmware" / "programs" / "mip_recorder.py"
PACKAGE = "opus-package.json"
SECONDS = 3


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The file that the example has made of three seconds of speech."""
    folder = tmp_path_factory.mktemp("recorder")
    said = np.resize(recording("numbers"), 16000 * SECONDS).astype("<i4") << 16
    (folder / "samples").write_bytes(said.tobytes())
    with package_server() as web:
        environment = {
            **os.environ,
            "MICROPYPATH": ".frozen",
            "POSEWIRE_TEST_PACKAGE": f"{web}/{PACKAGE}",
            "POSEWIRE_TEST_TARGET": str(folder / "lib"),
            "POSEWIRE_TEST_EXAMPLE": str(ROOT / "examples/opus_recorder"),
            "POSEWIRE_TEST_SAMPLES": str(folder / "samples"),
            "POSEWIRE_TEST_OUTPUT": str(folder / "memo.opus"),
            "POSEWIRE_TEST_SECONDS": str(SECONDS),
        }
        command = [*find_micropython(), str(PROGRAM)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=100, env=environment, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "recorded" in done.stdout
    installed = {path.name for path in (folder / "lib/posewire_fw").iterdir()}
    listed = json.loads((FIRMWARE / PACKAGE).read_text())["urls"]
    assert installed == {target.rpartition("/")[2] for target, _ in listed}
    yield folder / "memo.opus"


def correlation(sound: NDArray[np.float64], original: NDArray[np.float64]) -> float:
    """The best over a delay of a few ms."""
    best = 0.0
    for delay in range(200):
        a = sound[delay:]
        b = original[: len(a)]
        a = a[: len(b)]
        best = max(best, float(a @ b / (np.linalg.norm(a) * np.linalg.norm(b))))
    return best


def test_a_player_plays_it(recorded: Path) -> None:
    with av.open(str(recorded)) as file:
        stream = file.streams.audio[0]
        assert stream.codec_context.name in ("opus", "libopus")
        resampler = av.AudioResampler("s16", "mono", 16000)
        frames = [part for frame in file.decode(stream) for part in resampler.resample(frame)]
        parts = [frame.to_ndarray()[0] for frame in [*frames, *resampler.resample(None)]]
    heard = np.concatenate(parts).astype(np.float64)
    assert abs(len(heard) / 16000 - SECONDS) < 0.03
    said = np.resize(recording("numbers"), 16000 * SECONDS).astype(np.float64)
    assert correlation(heard, said) > 0.9


def test_every_page_is_as_the_rfcs_say(recorded: Path) -> None:
    data = recorded.read_bytes()
    pages, packets, at = 0, [], 0
    rest = b""
    positions = []
    while at < len(data):
        assert data[at : at + 5] == b"OggS\0"
        kind, count = data[at + 5], data[at + 26]
        segments = data[at + 27 : at + 27 + count]
        end = at + 27 + count + sum(segments)
        page = bytearray(data[at:end])
        page[22:26] = bytes(4)
        assert int.from_bytes(data[at + 22 : at + 26], "little") == crc(page)
        assert int.from_bytes(data[at + 18 : at + 22], "little") == pages
        assert kind == (2 if pages == 0 else 4 if end == len(data) else 0)
        positions.append(int.from_bytes(data[at + 6 : at + 14], "little"))
        place = at + 27 + count
        for size in segments:
            rest += data[place : place + size]
            place += size
            if size < 255:
                packets.append(rest)
                rest = b""
        pages, at = pages + 1, end
    assert packets[0][:8] == b"OpusHead"
    assert packets[0][8:10] == b"\x01\x01"
    assert packets[1].startswith(b"OpusTags")
    assert len(packets) == 2 + SECONDS * 1000 // 60
    assert positions[:2] == [0, 0]
    assert positions == sorted(positions)
    assert positions[-1] == 120 + 2880 * (len(packets) - 2)
    decoder = OpusDecoder(16000)
    assert sum(len(decoder.decode(packet)) for packet in packets[2:]) == 960 * (len(packets) - 2)


def crc(page: bytes) -> int:
    """RFC 3533, section 6."""
    value = 0
    for byte in page:
        value ^= byte << 24
        for _ in range(8):
            value = (value << 1 ^ (0x04C11DB7 if value & 0x80000000 else 0)) & 0xFFFFFFFF
    return value
