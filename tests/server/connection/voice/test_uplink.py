"""Audio from one device to the host."""

import numpy as np
import pytest

from posewire.errors import FrameError
from posewire.server.connection.voice.uplink import AudioUplink
from posewire.wire.messages import AudioParams


def test_samples_at_16_khz_come_as_they_are() -> None:
    samples = np.arange(960, dtype=np.int16)
    assert AudioUplink(AudioParams("pcm", 16000, 1, 60)).decode(samples.tobytes()).tolist() == samples.tolist()


@pytest.mark.parametrize("rate", [8000, 24000, 48000])
def test_other_rates_become_16_khz(rate: int) -> None:
    uplink = AudioUplink(AudioParams("pcm", rate, 1, 60))
    tone = (8000 * np.sin(2 * np.pi * 440 * np.arange(rate) / rate)).astype(np.int16)
    size = rate * 60 // 1000
    heard = np.concatenate([uplink.decode(tone[at : at + size].tobytes()) for at in range(0, len(tone), size)])
    assert 15000 < len(heard) <= 16000
    spectrum = np.abs(np.fft.rfft(heard[2000:14000].astype(np.float64)))
    assert abs(np.argmax(spectrum) * 16000 / 12000 - 440) < 3


def test_what_is_no_frame_is_refused() -> None:
    with pytest.raises(FrameError):
        AudioUplink(AudioParams("pcm", 16000, 1, 60)).decode(b"\0")
