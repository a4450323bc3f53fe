"""A board that speaks Opus: directly to a stock server, which hears, answers and is interrupted; and to this host."""

from collections.abc import Iterator

import numpy as np
import pytest
from numpy.typing import NDArray

from posewire.sim.board import SimBoard
from posewire.sim.fixtures import MakeBoard
from posewire.sim.memory_model import ROOMY_CHIP
from posewire.sound.pcm import Pcm
from posewire.voice.commands.sentences_file import load_sentences
from posewire.voice.providers import load_provider
from posewire.voice.settings import VoiceSettings
from support.programs.sphinx import recognise
from support.recordings import recording
from support.servers.stock_server import TONE_HZ, BackgroundStockServer

SPOKEN = "command-turn_on_the_light-rms"
PACKET = 179
"""Bytes of 60 ms at 24 kbit/s."""


@pytest.fixture
def server() -> Iterator[BackgroundStockServer]:
    with BackgroundStockServer() as running:
        running.answers_aborts = True
        running.speaks_pcm = True
        yield running


def talk(board: SimBoard, server: BackgroundStockServer, pcm: Pcm) -> None:
    """Hold the button while something is said to the board."""
    board.button.down()
    board.wait(lambda: server.texts("listen", state="start"), what="the beginning of the turn")
    seconds = board.mic.play(pcm)
    board.wait(lambda: not board.mic.playing, seconds + 10, what="the end of what is said")
    board.button.up()
    board.wait(lambda: server.texts("listen", state="stop"), what="the end of the turn")


def spectrum(pcm: NDArray[np.int16]) -> NDArray[np.float64]:
    """Power in bands of 500 Hz, in dB."""
    power = np.abs(np.fft.rfft(pcm.astype(np.float64))) ** 2
    frequencies = np.fft.rfftfreq(len(pcm), 1 / 16000)
    bands = [power[(frequencies >= low) & (frequencies < low + 500)].sum() for low in range(0, 8000, 500)]
    return 10 * np.log10(np.array(bands) + 1)


async def words(pcm: Pcm) -> str:
    """The words that the grammar recogniser hears."""
    settings, sentences = VoiceSettings(asr_decoders=2), load_sentences()
    recognizer = load_provider("asr", "pocketsphinx", settings, sentences)
    try:
        return str((await recognise(recognizer, pcm)).text)
    finally:
        await recognizer.close()


async def test_a_spoken_turn_with_a_stock_server(server: BackgroundStockServer, sim_board: MakeBoard) -> None:
    board = sim_board(server.url, chip=ROOMY_CHIP, audio_format="auto", config={"audio": {"gain": 4}})
    board.wait_connected()
    hello = server.messages[0]
    assert hello["audio_params"]["format"] == "opus"
    said = np.concatenate((recording(SPOKEN), np.zeros(12000, np.int16)))
    talk(board, server, said)
    # heard
    assert server.bad_packets == 0
    assert {len(packet) for packet in server.packets} == {PACKET}, "bare packets, without a header"
    heard = server.sound()
    assert abs(level(heard) - level(said)) < 1.5
    difference = spectrum(heard) - spectrum(said)
    assert np.abs(difference[:14]).max() < 4
    assert await words(heard) == "turn on the light"
    # answered
    server.run(server.reply("it works", "turn on the light"))
    board.wait(lambda: board.state == "idle", what="the end of the reply")
    assert board.stt == ["turn on the light"]
    assert board.sentences == ["it works"]
    assert board.snapshot()["speaker"]["undecodable"] == 0
    assert tone_of(board.speaker.samples()) == pytest.approx(TONE_HZ, abs=5)


def level(pcm: NDArray[np.int16]) -> float:
    """The level of the loudest second, in dB."""
    power = np.convolve(pcm.astype(np.float64) ** 2, np.ones(16000), "valid")
    return float(10 * np.log10(power.max()))


def tone_of(pcm: NDArray[np.int16]) -> float:
    """The loudest frequency."""
    return float(np.abs(np.fft.rfft(pcm)).argmax() * 16000 / len(pcm))


def test_a_reply_is_interrupted_and_the_next_turn_is_heard(server: BackgroundStockServer, sim_board: MakeBoard) -> None:
    server.reply_frames = 100
    board = sim_board(server.url, chip=ROOMY_CHIP, audio_format="auto")
    board.wait_connected()
    server.do({"type": "tts", "state": "start"})
    board.wait(lambda: board.state == "speaking", what="the reply")
    before = len(server.packets)
    board.button.down()
    board.wait(lambda: server.texts("abort"), what="the abort")
    board.wait(lambda: server.texts("listen", state="start", mode="manual"), what="the next turn")
    board.mic.play(recording(SPOKEN))
    board.wait(lambda: len(server.packets) > before + 15, what="what is said next")
    board.button.up()
    board.wait(lambda: server.texts("listen", state="stop"), what="its end")
    assert server.bad_packets == 0


def test_a_server_that_speaks_opus_is_told_of_clearly(server: BackgroundStockServer, sim_board: MakeBoard) -> None:
    server.speaks_pcm = False
    board = sim_board(server.url, chip=ROOMY_CHIP, audio_format="auto")
    board.wait_connected()
    board.wait(lambda: any("no sound: the server speaks opus" in line for line in board.errors), what="the reason")
    server.run(server.reply())
    board.wait(lambda: board.sentences == ["it works"], what="the reply's text")
    assert len([line for line in board.errors if "no sound" in line]) == 1


def test_a_chip_without_room_for_it_says_so_and_speaks_as_before(
    server: BackgroundStockServer, sim_board: MakeBoard
) -> None:
    board = sim_board(server.url, board="esp32-devkit", profile="voice", chip="esp32", audio_format="opus")
    board.wait_connected()
    assert [hello["audio_params"]["format"] for hello in server.texts("hello")] == ["ima-adpcm"]
    for words in ("left out: opus: it needs a board with PSRAM", "not heard: the server takes a voice only as opus"):
        board.wait(lambda words=words: any(words in line for line in board.errors), what=words)  # type: ignore[misc]
