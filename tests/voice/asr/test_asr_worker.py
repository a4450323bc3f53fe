"""The worker's turns between utterances, with an engine that only counts; no process."""

import json
import threading
from collections import deque

import numpy as np

from posewire.sound.pcm import Pcm
from posewire.voice.asr.base import Transcript
from posewire.voice.asr.worker import AUDIO, CANCEL, END, FAILED, PARTIAL, RESULT, START, Worker


class Engine:
    """Takes two utterances at a time; the text of one is the sum of its samples."""

    def __init__(self) -> None:
        self.free = 2
        self.steps: list[str] = []

    def start(self, acoustics: str) -> "Utterance | None":
        if not self.free:
            return None
        self.free -= 1
        return Utterance(self, acoustics)


class Utterance:
    partial = ""

    def __init__(self, engine: Engine, acoustics: str) -> None:
        self.acoustics = acoustics
        self._engine = engine
        self._sum = 0

    def feed(self, pcm: Pcm) -> None:
        if pcm[0] < 0:
            raise ValueError("a negative sample")
        self._engine.steps.append(self.acoustics)
        self._sum += int(pcm.sum())

    def end(self) -> Transcript:
        self._engine.free += 1
        self.acoustics += "+"
        return Transcript(str(self._sum), accepted=True)

    def release(self) -> None:
        self._engine.free += 1


class Run:
    """A worker in a thread, and the frames that it has sent."""

    def __init__(self) -> None:
        self.engine = Engine()
        self.sent: deque[tuple[int, int, dict[str, object]]] = deque()
        self._changed = threading.Condition()
        self.worker = Worker(self.engine, self._send)
        self._thread = threading.Thread(target=self.worker.run)

    def _send(self, kind: int, number: int, body: bytes) -> None:
        with self._changed:
            self.sent.append((kind, number, json.loads(body) if kind != PARTIAL else {}))
            self._changed.notify()

    def until(self, count: int) -> dict[int, tuple[int, dict[str, object]]]:
        """Start the thread and wait for so many frames; return them by utterance."""
        self._thread.start()
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.sent) >= count, 10)
        self.worker.stop()
        self._thread.join()
        return {number: (kind, data) for kind, number, data in self.sent}


def samples(value: int, count: int) -> bytes:
    return np.full(count, value, np.int16).tobytes()


def test_utterances_come_round_in_turn_and_those_beyond_the_engine_wait() -> None:
    run = Run()
    for number, name in ((1, b"a"), (2, b"b"), (3, b"c")):
        run.worker.handle(START, number, name)
        run.worker.handle(AUDIO, number, samples(1, 5000))
        run.worker.handle(END, number, b"")
    results = run.until(3)
    assert [results[number][1]["transcript"]["text"] for number in (1, 2, 3)] == ["5000"] * 3  # type: ignore[index]
    assert [results[number][1]["acoustics"] for number in (1, 2, 3)] == ["a+", "b+", "c+"]
    assert run.engine.steps == ["a", "b", "a", "b", "a", "c", "b", "c", "c"]
    assert run.engine.free == 2


def test_a_failure_is_that_utterances_and_frees_its_place() -> None:
    run = Run()
    for number, value in ((1, -1), (2, 2)):
        run.worker.handle(START, number, b"")
        run.worker.handle(AUDIO, number, samples(value, 10))
        run.worker.handle(END, number, b"")
    results = run.until(2)
    assert results[1] == (FAILED, {"error": "a negative sample"})
    assert results[2][0] == RESULT
    assert run.engine.free == 2


def test_a_cancelled_utterance_sends_nothing_and_frees_its_place() -> None:
    run = Run()
    run.worker.handle(START, 1, b"")
    run.worker.handle(AUDIO, 1, samples(1, 10))
    run.worker.handle(CANCEL, 1, b"")
    run.worker.handle(START, 2, b"")
    run.worker.handle(END, 2, b"")
    assert list(run.until(1)) == [2]
    assert run.engine.free == 2
