"""What the voice tests share: recordings, an ear that listens to a session, a board with tools."""

import asyncio
import wave
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from posewire.errors import ToolError
from posewire.voice.assistant import Assistant, ToolInfo, TurnReport, VoiceSession, VoiceSettings

SPEECH = Path(__file__).parent.parent / "data" / "speech"
COMMANDS = sorted(path.stem for path in SPEECH.glob("command-*.wav"))
OTHERS = sorted(path.stem for path in SPEECH.glob("other-*.wav"))
Pcm = NDArray[np.int16]


def recording(name: str) -> Pcm:
    with wave.open(str(SPEECH / f"{name}.wav")) as file:
        assert file.getframerate() == 16000
        return np.frombuffer(file.readframes(file.getnframes()), np.int16)


def text_of(name: str) -> str:
    """The text of a synthetic recording is in its name."""
    return name.split("-")[1].replace("_", " ")


def silence(seconds: float) -> Pcm:
    return np.zeros(round(seconds * 16000), np.int16)


def as_spoken(name: str) -> Pcm:
    """A recording with half a second of silence before and one second after."""
    return np.concatenate((silence(0.5), recording(name), silence(1.0)))


class Ear:
    """The connection's side of a session: notes what comes, in order."""

    def __init__(self) -> None:
        self.events: list[str] = []
        self.audio: list[Pcm] = []
        self.stages: dict[str, float] = {}
        self.reports: list[TurnReport] = []
        self.line = asyncio.Event()
        """Set: the downlink takes audio. Cleared: it is full."""
        self.line.set()
        self._changed = asyncio.Event()

    def _note(self, event: str) -> None:
        self.events.append(event)
        self._changed.set()

    def heard(self, text: str) -> None:
        self._note(f"heard {text}")

    def emotion(self, name: str) -> None:
        self._note(f"emotion {name}")

    def reply_started(self) -> None:
        self._note("started")

    def sentence(self, text: str) -> None:
        self._note(f"says {text}")

    async def play(self, pcm: Pcm) -> None:
        assert pcm.dtype == np.int16
        self.audio.append(pcm)
        self._note("audio")
        await self.line.wait()

    async def reply_ended(self) -> None:
        await self.line.wait()
        self._note("ended")

    def reply_cancelled(self) -> None:
        self._note("cancelled")

    def speech_started(self) -> None:
        self._note("speech")

    def hearing(self, text: str) -> None:
        self._note(f"hearing {text}")

    def turn(self, report: TurnReport) -> None:
        self.reports.append(report)
        self.stages = dict(report.stages)
        self._changed.set()

    def goodbye(self) -> None:
        self._note("goodbye")

    async def until_reported(self, times: int = 1) -> TurnReport:
        async with asyncio.timeout(30):
            while len(self.reports) < times:
                self._changed.clear()
                await self._changed.wait()
        return self.reports[-1]

    def clear(self) -> None:
        self.events.clear()
        self.audio.clear()
        self.stages.clear()

    @property
    def story(self) -> list[str]:
        """The events without the audio."""
        return [event for event in self.events if event != "audio"]

    async def until(self, event: str, times: int = 1) -> None:
        async with asyncio.timeout(30):
            while sum(noted.startswith(event) for noted in self.events) < times:
                self._changed.clear()
                await self._changed.wait()


class Board:
    """A board's tools; notes the calls."""

    def __init__(self, *tools: str, broken: bool = False, volume: int = 40) -> None:
        self.calls: list[tuple[str, dict[str, object]]] = []
        self._tools = {name: ToolInfo() for name in tools}
        self._broken = broken
        self._volume = volume

    def available(self) -> Mapping[str, ToolInfo]:
        return self._tools

    async def call(self, name: str, arguments: Mapping[str, object]) -> str:
        await asyncio.sleep(0)
        self.calls.append((name, dict(arguments)))
        if self._broken:
            raise ToolError("no power")
        return f'{{"audio_speaker": {{"volume": {self._volume}}}}}'


ALL_TOOLS = (
    "self.get_device_status",
    "self.audio_speaker.set_volume",
    "self.led.set_color",
    "self.led.turn_on",
    "self.led.turn_off",
    "self.identify",
    "self.restart",
    "self.robot.drive",
    "self.robot.stop",
)


@pytest.fixture
async def assistant() -> AsyncIterator[Assistant]:
    made = await asyncio.to_thread(Assistant.create, VoiceSettings(tts="espeak-lib"))
    yield made
    await made.close()


@pytest.fixture
def ear() -> Ear:
    return Ear()


@pytest.fixture
def board() -> Board:
    return Board(*ALL_TOOLS)


@pytest.fixture
async def session(assistant: Assistant, ear: Ear, board: Board) -> AsyncIterator[VoiceSession]:
    made = assistant.session(ear, board, device_name="kitchen")
    yield made
    await made.close()


def feed(session: VoiceSession, pcm: Pcm, size: int = 960) -> None:
    for start in range(0, len(pcm), size):
        session.feed(pcm[start : start + size])


async def eventually(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.005)
