"""A process in which a blocking recogniser works: ``python -m posewire.voice.asr.worker module:engine``.

Frames come on standard input and go to standard output: a kind, the utterance's number, a length, then so many bytes.
The first frame configures the engine. The process ends with its input, so that it never outlives the host.
"""

import json
import signal
import struct
import sys
import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Mapping
from dataclasses import asdict
from importlib import import_module
from typing import Any, BinaryIO, Protocol

import numpy as np

from posewire.errors import PosewireError
from posewire.sound.pcm import Pcm
from posewire.termination import discard_output
from posewire.voice.asr.base import Transcript

HEADER = struct.Struct("<BII")
CONFIGURE, START, AUDIO, END, CANCEL, PING = range(6)
READY, PARTIAL, RESULT, FAILED, PONG = range(5)

_STEP_BYTES = 2 * 2048
"""Bytes decoded before another utterance, or a cancellation, gets its turn: some 10 ms of work."""


class BlockingUtterance(Protocol):
    """One utterance in a blocking engine."""

    partial: str
    """The words so far."""

    acoustics: str
    """After ``end``: the acoustic profile for the stream's next utterance."""

    def feed(self, pcm: Pcm) -> None:
        """Decode 16 kHz mono samples."""
        ...

    def end(self) -> Transcript:
        """Return the transcript."""
        ...

    def release(self) -> None:
        """Give up; after this or ``end`` its resources can serve another utterance."""
        ...


class BlockingEngine(Protocol):
    """The recogniser that works in the process; it is called from one thread only."""

    def start(self, acoustics: str) -> BlockingUtterance | None:
        """Begin an utterance with the acoustic profile of the stream's last one (empty: none).

        Return None while the engine can decode no more utterances.
        """
        ...


class _Job:
    """An utterance that is decoded step by step."""

    def __init__(self, acoustics: str) -> None:
        self.acoustics = acoustics
        self.audio: deque[bytes] = deque()
        self.ended = False
        self.cancelled = False
        self.utterance: BlockingUtterance | None = None


class Worker:
    """Decodes several utterances in turns, so that none waits for the end of another."""

    def __init__(self, engine: BlockingEngine, send: Callable[[int, int, bytes], None]) -> None:
        self._engine = engine
        self._send = send
        self._jobs: OrderedDict[int, _Job] = OrderedDict()
        self._changed = threading.Condition()
        self._stopping = False
        self._pinged = False

    def handle(self, kind: int, number: int, body: bytes) -> None:
        """Queue a frame from the host; called by the reading thread."""
        with self._changed:
            if kind == PING:
                self._pinged = True
            elif kind == START:
                self._jobs[number] = _Job(body.decode())
            elif (job := self._jobs.get(number)) is not None:
                if kind == AUDIO:
                    job.audio.append(body)
                job.ended = job.ended or kind == END
                job.cancelled = job.cancelled or kind == CANCEL
            self._changed.notify()

    def stop(self) -> None:
        """Let ``run`` return after the task at hand."""
        with self._changed:
            self._stopping = True
            self._changed.notify()

    def run(self) -> None:
        """Decode until stopped. Pings are answered from here, between two steps: they ask whether decoding goes on."""
        while (step := self._next_step()) is not None:
            number, job, data, last = step
            try:
                self._decode(number, job, data, last)
            except Exception as exc:
                self._finish(number, FAILED, {"error": str(exc) or type(exc).__name__})

    def _next_step(self) -> tuple[int, _Job, bytes, bool] | None:
        """Wait for a job that has something to decode; jobs come round in turn."""
        with self._changed:
            while True:
                if self._stopping:
                    return None
                if self._pinged:
                    self._pinged = False
                    self._send(PONG, 0, b"")
                for number, job in self._jobs.items():
                    if not (job.cancelled or job.audio or job.ended):
                        continue
                    if job.utterance is None and not job.cancelled:
                        job.utterance = self._engine.start(job.acoustics)
                        if job.utterance is None:
                            continue
                    self._jobs.move_to_end(number)
                    data = self._pop_step(job.audio)
                    return number, job, data, job.ended and not job.audio
                self._changed.wait()

    @staticmethod
    def _pop_step(audio: deque[bytes]) -> bytes:
        """Remove the samples of one step from the queue."""
        parts, size = [], 0
        while audio and size < _STEP_BYTES:
            parts.append(audio.popleft())
            size += len(parts[-1])
        whole = b"".join(parts)
        if size > _STEP_BYTES:
            audio.appendleft(whole[_STEP_BYTES:])
        return whole[:_STEP_BYTES]

    def _decode(self, number: int, job: _Job, data: bytes, last: bool) -> None:
        utterance = job.utterance
        if job.cancelled or utterance is None:
            self._finish(number)
            return
        if data:
            before = utterance.partial
            utterance.feed(np.frombuffer(data, np.int16))
            if utterance.partial != before:
                self._send(PARTIAL, number, utterance.partial.encode())
        if last:
            transcript = utterance.end()
            job.utterance = None
            self._finish(number, RESULT, {"transcript": asdict(transcript), "acoustics": utterance.acoustics})

    def _finish(self, number: int, kind: int | None = None, data: Mapping[str, Any] | None = None) -> None:
        with self._changed:
            job = self._jobs.pop(number, None)
        if job is not None and job.utterance is not None:
            job.utterance.release()
        if kind is not None:
            self._send(kind, number, json.dumps(data).encode())


def _read(stream: BinaryIO) -> tuple[int, int, bytes] | None:
    head = stream.read(HEADER.size)
    if len(head) < HEADER.size:
        return None
    kind, number, size = HEADER.unpack(head)
    body = stream.read(size)
    return (kind, number, body) if len(body) == size else None


def main() -> None:
    """Serve standard input until it ends, or until nobody reads the answers."""
    # A Ctrl-C at the terminal is the host's business; this process ends with its input.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    source, sink = sys.stdin.buffer, sys.stdout.buffer
    # A library that prints must not get in between the frames.
    sys.stdout = sys.stderr
    try:
        _serve(source, sink)
    except BrokenPipeError:
        discard_output(sink)


def _serve(source: BinaryIO, sink: BinaryIO) -> None:
    def send(kind: int, number: int, body: bytes) -> None:
        sink.write(HEADER.pack(kind, number, len(body)) + body)
        sink.flush()

    first = _read(source)
    if first is None:
        return
    module, _, name = sys.argv[1].partition(":")
    try:
        engine: BlockingEngine = getattr(import_module(module), name)(json.loads(first[2]))
    except PosewireError as exc:
        send(FAILED, 0, json.dumps({"error": str(exc)}).encode())
        return
    worker = Worker(engine, send)

    def read() -> None:
        while (frame := _read(source)) is not None:
            worker.handle(*frame)
        worker.stop()

    threading.Thread(target=read, daemon=True).start()
    send(READY, 0, b"")
    worker.run()


if __name__ == "__main__":
    main()
