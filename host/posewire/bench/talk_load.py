"""The boards of ``posewire bench talk``: each says a sentence, hears the reply, and stops it in one way or another.

Reads a ``TalkTask`` as JSON from standard input, prints the measurements as JSON.
"""

import asyncio
import itertools
import json
import random
import sys
import time
import wave
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from websockets.asyncio.client import ClientConnection, connect

from posewire.bench.talk_backends import TONE
from posewire.server.monitoring.file_limit import raise_file_limit
from posewire.sound.pcm import SAMPLE_RATE, Framer, Pcm
from posewire.voice.settings import VoiceSettings
from posewire.voice.vad.base import VAD_FRAME
from posewire.voice.vad.silero import SileroEngine
from posewire.wire.audio import FrameDecoder, frame_decoder, frame_encoder
from posewire.wire.frames import FrameType, build_frame
from posewire.wire.messages import AudioParams

FRAME_S = 0.06
FORMATS = ("ima-adpcm", "opus")
"""Boards of this project with frame protocol 3, and stock devices with frame protocol 1."""

_FRAME = AudioParams(frame_duration=round(1000 * FRAME_S)).frame_samples
_LEAD_S = 0.3
_SILENCE_FRAMES = 100
_START, _CONTINUE = 0.5, 0.35
_PLAY_S = 1.5
_PATIENCE = 30.0
_TONE_SHARE = 0.9
ENDINGS = ("listen", "abort", "barge")


@dataclass(frozen=True)
class TalkTask:
    """A task. ``token``: empty where the host wants none. ``end_silence_ms``: its setting, not its delay."""

    url: str
    token: str
    wav: str
    boards: int
    turns: int
    end_silence_ms: int
    seconds: float = 0.0
    """Time after which no turn is begun; 0: none."""

    audio: str = FORMATS[0]

    @property
    def frame_protocol(self) -> int:
        """The framing of such boards."""
        return 3 if self.audio == FORMATS[0] else 1

    @property
    def audio_params(self) -> AudioParams:
        """The format of both directions."""
        return AudioParams(self.audio, SAMPLE_RATE, 1, round(1000 * FRAME_S))


@dataclass
class Sentence:
    """A sentence as frames. ``onset`` and ``end``: the frames that hold the first and the last moment of speech."""

    frames: list[bytes]
    silence: list[bytes]
    """The frames that follow; the last frame is sent again and again."""

    onset: int
    end: int


@dataclass
class Findings:
    """Everything measured, in milliseconds."""

    hello: list[float] = field(default_factory=list)
    stt: list[float] = field(default_factory=list)
    stt_slow: list[float] = field(default_factory=list)
    first_audio: list[float] = field(default_factory=list)
    gaps: list[float] = field(default_factory=list)
    abort: list[float] = field(default_factory=list)
    barge: list[float] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)


class Board:
    """One board: a connection, a microphone that sends in real time, and a record of what comes."""

    def __init__(self, number: int, task: TalkTask, sentence: Sentence, findings: Findings) -> None:
        self._number = number
        self._task = task
        self._sentence = sentence
        self._findings = findings
        self._socket: ClientConnection | None = None
        self._audio_at: list[float] = []
        self._first_audio = asyncio.Event()
        self._said = asyncio.Event()
        self._seen: dict[str, asyncio.Future[tuple[float, str]]] = {}
        self._says: list[bytes] = []
        self._sent_at: list[float] = []
        self._quiet = 0
        self._open = False
        self._decoder: FrameDecoder | None = frame_decoder(task.audio_params) if task.audio == "opus" else None
        self._heard: list[Pcm] = []

    async def run(self, begin: float) -> None:
        """Connect, then talk from ``begin`` on, as often as asked."""
        chance = random.Random(self._number)
        await asyncio.sleep(chance.random())
        started = time.perf_counter()
        device = f"02:00:01:00:{self._number >> 8:02x}:{self._number & 255:02x}"
        headers = {"Device-Id": device, "Protocol-Version": str(self._task.frame_protocol)}
        if self._task.token:
            headers["Authorization"] = f"Bearer {self._task.token}"
        async with connect(self._task.url, additional_headers=headers, compression=None, open_timeout=None) as socket:
            self._socket = socket
            hello = self._expect("hello")
            reader = asyncio.create_task(self._read(socket))
            await self._send(
                type="hello",
                version=self._task.frame_protocol,
                transport="websocket",
                audio_params=self._task.audio_params.as_dict(),
            )
            at, _ = await hello
            self._findings.hello.append(1000 * (at - started))
            microphone = asyncio.create_task(self._hear())
            try:
                for turn in range(self._task.turns):
                    if 0 < self._task.seconds < time.perf_counter() - started:
                        break
                    await asyncio.sleep(max(0.0, begin - time.perf_counter()) + chance.random())
                    ending = ENDINGS[(self._number + turn) % len(ENDINGS)]
                    await asyncio.wait_for(self._turn(ending), _PATIENCE)
                    begin = time.perf_counter()
            finally:
                microphone.cancel()
                reader.cancel()

    async def _turn(self, ending: str) -> None:
        findings, sentence = self._findings, self._sentence
        self._audio_at.clear()
        self._heard.clear()
        self._first_audio.clear()
        heard, started = self._expect("stt"), self._expect("tts start")
        ended = self._expect("tts stop")
        await self._send(type="listen", state="start", mode="realtime" if ending == "barge" else "auto")
        spoken = await self._say()
        at, text = await heard
        delay = 1000 * (at - spoken[sentence.end]) - self._task.end_silence_ms
        (findings.stt_slow if text == "slow" else findings.stt).append(delay)
        await started
        await self._first_audio.wait()
        findings.first_audio.append(1000 * (self._audio_at[0] - spoken[sentence.end]) - self._task.end_silence_ms)
        if ending == "listen":
            await ended
            if self._heard:
                check_tone(np.concatenate(self._heard))
        elif ending == "abort":
            await asyncio.sleep(_PLAY_S)
            asked = time.perf_counter()
            await self._send(type="abort")
            await ended
            await asyncio.sleep(0.3)
            late = [when - asked for when in self._audio_at if when > asked]
            findings.abort.append(1000 * max(late, default=0.0))
        else:
            await asyncio.sleep(_PLAY_S)
            spoken = await self._say(until=ended)
            at, _ = await ended
            onset = spoken[sentence.onset] if len(spoken) > sentence.onset else time.perf_counter()
            findings.barge.append(1000 * (at - onset))
            await self._send(type="abort")
        self._open = False
        steady = self._audio_at[VoiceSettings().burst :]
        findings.gaps += [1000 * (now - before) for before, now in itertools.pairwise(steady)]
        await asyncio.sleep(0.5)

    async def _say(self, until: "asyncio.Future[Any] | None" = None) -> list[float]:
        """Speak the sentence, and leave the microphone open; returns when each of its frames was sent."""
        self._sent_at = []
        self._says, self._quiet = list(self._sentence.frames), 0
        self._said.clear()
        self._open = True
        said = asyncio.create_task(self._said.wait())
        await asyncio.wait([said, *([] if until is None else [until])], return_when=asyncio.FIRST_COMPLETED)
        said.cancel()
        return self._sent_at

    async def _hear(self) -> None:
        """The microphone: a frame every 60 ms while it is open."""
        due = time.perf_counter()
        while True:
            due += FRAME_S
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            if self._open and self._socket is not None:
                spoken = bool(self._says)
                await self._socket.send(self._says.pop(0) if spoken else self._silence())
                if spoken:
                    self._sent_at.append(time.perf_counter())
                    if not self._says:
                        self._said.set()

    def _silence(self) -> bytes:
        silence = self._sentence.silence
        frame = silence[min(self._quiet, len(silence) - 1)]
        self._quiet += 1
        return frame

    async def _read(self, socket: ClientConnection) -> None:
        async for message in socket:
            now = time.perf_counter()
            if isinstance(message, bytes):
                self._audio_at.append(now)
                self._first_audio.set()
                if self._decoder is not None:
                    self._heard.append(self._decoder.decode(message))
                continue
            parsed = json.loads(message)
            kind = parsed["type"] + (f" {parsed['state']}" if parsed["type"] == "tts" else "")
            waiting = self._seen.pop(kind, None)
            if waiting is not None and not waiting.done():
                waiting.set_result((now, str(parsed.get("text", ""))))

    def _expect(self, kind: str) -> "asyncio.Future[tuple[float, str]]":
        future = self._seen[kind] = asyncio.get_running_loop().create_future()
        return future

    async def _send(self, **message: Any) -> None:
        assert self._socket is not None
        await self._socket.send(json.dumps(message))


def load_sentence(path: Path, task: TalkTask) -> Sentence:
    """Read a 16 kHz mono WAV file, encode it as a board does, and find where the detector hears speech in it."""
    with wave.open(str(path)) as file:
        pcm = np.frombuffer(file.readframes(file.getnframes()), np.int16)
    pcm = np.concatenate((np.zeros(round(_LEAD_S * SAMPLE_RATE), np.int16), pcm))
    pcm = np.pad(pcm, (0, -len(pcm) % _FRAME))
    detector = SileroEngine().detector()
    frames = Framer(VAD_FRAME).push(np.pad(pcm, (0, VAD_FRAME)))
    heard = [detector.probability(frame) for frame in frames]
    onset = next(at for at in range(len(heard) - 2) if min(heard[at : at + 3]) >= _START)
    end = max(at for at, probability in enumerate(heard) if probability >= _CONTINUE)
    encoder = frame_encoder(task.audio_params)

    def encode(samples: Pcm) -> bytes:
        return build_frame(FrameType.AUDIO, encoder.encode(samples), task.frame_protocol)

    return Sentence(
        [encode(pcm[at : at + _FRAME]) for at in range(0, len(pcm), _FRAME)],
        [encode(np.zeros(_FRAME, np.int16)) for _ in range(_SILENCE_FRAMES)],
        onset * VAD_FRAME // _FRAME,
        min((end + 1) * VAD_FRAME // _FRAME, len(pcm) // _FRAME - 1),
    )


def check_tone(heard: Pcm) -> None:
    """Raise ValueError unless a reply is the stand-ins' tone and not much else."""
    samples = heard.astype(np.float64)
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples)))) ** 2 if len(samples) else np.zeros(1)
    middle, width = round(TONE * len(samples) / SAMPLE_RATE), len(samples) // 1000
    share = spectrum[max(0, middle - width) : middle + width + 1].sum() / (spectrum.sum() or 1.0)
    if share < _TONE_SHARE:
        raise ValueError(f"the reply that was decoded is no tone of {TONE} Hz: {share:.0%} of it is")


async def _run(task: TalkTask) -> Findings:
    sentence, findings = load_sentence(Path(task.wav), task), Findings()
    begin = time.perf_counter() + 2.5
    boards = [Board(number, task, sentence, findings) for number in range(task.boards)]
    for result in await asyncio.gather(*(board.run(begin) for board in boards), return_exceptions=True):
        if isinstance(result, BaseException):
            findings.failed.append(f"{type(result).__name__}: {result}")
    return findings


def main() -> None:
    """Run the task of standard input."""
    raise_file_limit()
    task = TalkTask(**json.load(sys.stdin))
    print(json.dumps(vars(asyncio.run(_run(task)))))  # noqa: T201 - for the process that started this one


if __name__ == "__main__":
    main()
