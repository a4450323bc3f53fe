"""A board that is a satellite: real firmware, a real host, and Home Assistant's own package on the other side."""

import asyncio
import wave
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from wyoming.asr import Transcript
from wyoming.tts import Synthesize
from wyoming.vad import VoiceStopped

from posewire.server.host_process import HostProcess
from posewire.sim.board import SimBoard
from posewire.sim.memory_model import ROOMY_CHIP
from support.servers.wyoming_side import home_assistant

BLUE = Path(__file__).parents[2] / "host" / "posewire" / "demo" / "data" / "turn_the_light_blue.wav"


@pytest.fixture
def host(tmp_path: Path) -> Iterator[HostProcess]:
    config = tmp_path / "posewire.toml"
    config.write_text("[satellites]\nenabled = true\nport = 0\n")
    with HostProcess("--config", str(config)) as running:
        yield running


async def test_speech_goes_to_home_assistant_and_its_answer_is_heard(host: HostProcess) -> None:
    with SimBoard(url=host.url, chip=ROOMY_CHIP) as board:
        await asyncio.to_thread(board.wait_connected, 20)
        await asyncio.to_thread(board.wait, lambda: bool(host.logged("satellite")), 20, "the satellite")
        async with home_assistant(host.logged("satellite")[0]["port"]) as other:
            await other.run_satellite()
            spoken = board.mic.play(BLUE)
            board.button.press(hold=0.1)
            await other.until_run()
            await other.until_heard(spoken)
            assert likeness(other.heard, samples_of(BLUE)) > 0.9
            await other.send(VoiceStopped(timestamp=0))
            await other.send(Transcript(text="turn the light blue"))
            await other.send(Synthesize(text="It is blue."))
            await other.say(1.0)
            await other.until_played()
            await asyncio.to_thread(board.wait, lambda: board.stt == ["turn the light blue"], 20, "the words")
            assert board.sentences == ["It is blue."]
            assert board.tool_calls == []
            await asyncio.to_thread(board.wait, lambda: board.speaker.audible_seconds > 0.8, 20, "the answer")
        # Home Assistant is gone: the own pipeline knows what is to be done.
        await asyncio.to_thread(board.wait, lambda: bool(host.logged("satellite_free")), 20, "the board to be free")
        await asyncio.to_thread(board.wait, lambda: board.snapshot()["state"] == "idle", 30, "the board to be idle")
        board.mic.play(BLUE)
        board.button.press(hold=0.1)
        await asyncio.to_thread(board.wait, lambda: board.led.color == (0, 0, 255), 30, "the light to turn blue")


def samples_of(path: Path) -> np.ndarray:
    """Return the samples of a recording."""
    with wave.open(str(path)) as file:
        return np.frombuffer(file.readframes(file.getnframes()), "<i2")


def likeness(heard: bytearray, said: np.ndarray) -> float:
    """Return how well what was heard matches the recording, wherever in it that is: 1 is the same."""
    sound, wanted = np.frombuffer(heard[: len(heard) & ~1], "<i2").astype(float), said.astype(float)
    size = len(sound) + len(wanted)
    products = np.fft.irfft(np.fft.rfft(sound, size) * np.conj(np.fft.rfft(wanted, size)), size)
    return float(products.max() / (np.linalg.norm(sound) * np.linalg.norm(wanted)))
