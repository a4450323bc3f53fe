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
from numpy.typing import NDArray

from posewire.errors import PosewireError
from posewire.voice.asr.base import Transcript

HEADER = struct.Struct("<BII")
CONFIGURE, START, AUDIO, END, CANCEL = range(5)
READY, PARTIAL, RESULT, FAILED = range(4)

_PIECE = 2048
"""Samples decoded before another utterance, or a cancellation, gets its turn: some 10 ms of work."""


class BlockingUtterance(Protocol):
    """One utterance in a blocking engine."""

    partial: str
    """The words so far."""

    channel: str
    """After ``end``: what the session's next utterance begins with."""

    def feed(self, pcm: NDArray[np.int16]) -> None:
        """Decode 16 kHz mono samples."""
        ...

    def end(self) -> Transcript:
        """Return what was heard."""
        ...

    def drop(self) -> None:
        """Give up; after this or ``end`` its resources can serve another utterance."""
        ...


class BlockingEngine(Protocol):
    """What works in the process; all calls in one thread."""

    def start(self, channel: str) -> BlockingUtterance | None:
        """Begin an utterance with what the session's last one left (empty: nothing); None while it can take no more."""
        ...


class _Work:
    """An utterance that waits for its turn."""

    def __init__(self, channel: str) -> None:
        self.channel = channel
        self.audio: deque[bytes] = deque()
        self.ended = False
        self.cancelled = False
        self.utterance: BlockingUtterance | None = None


class Worker:
    """Decodes several utterances in turns, so that none waits for the end of another."""

    def __init__(self, engine: BlockingEngine, send: Callable[[int, int, bytes], None]) -> None:
        self._engine = engine
        self._send = send
        self._works: OrderedDict[int, _Work] = OrderedDict()
        self._changed = threading.Condition()
        self._over = False

    def take(self, kind: int, number: int, body: bytes) -> None:
        """Take a frame; from the reading thread."""
        with self._changed:
            if kind == START:
                self._works[number] = _Work(body.decode())
            elif (work := self._works.get(number)) is not None:
                if kind == AUDIO:
                    work.audio.append(body)
                work.ended = work.ended or kind == END
                work.cancelled = work.cancelled or kind == CANCEL
            self._changed.notify()

    def stop(self) -> None:
        """End ``run``."""
        with self._changed:
            self._over = True
            self._changed.notify()

    def run(self) -> None:
        """Work until stopped."""
        while (turn := self._next()) is not None:
            number, work, data, last = turn
            try:
                self._step(number, work, data, last)
            except Exception as exc:
                self._finish(number, FAILED, {"error": str(exc) or type(exc).__name__})

    def _next(self) -> tuple[int, _Work, bytes, bool] | None:
        """Wait for an utterance that has something to do; those in work come round in turn."""
        with self._changed:
            while True:
                if self._over:
                    return None
                for number, work in self._works.items():
                    if not (work.cancelled or work.audio or work.ended):
                        continue
                    if work.utterance is None and not work.cancelled:
                        work.utterance = self._engine.start(work.channel)
                        if work.utterance is None:
                            continue
                    self._works.move_to_end(number)
                    data = self._some(work.audio)
                    return number, work, data, work.ended and not work.audio
                self._changed.wait()

    @staticmethod
    def _some(audio: deque[bytes]) -> bytes:
        parts, size = [], 0
        while audio and size < 2 * _PIECE:
            parts.append(audio.popleft())
            size += len(parts[-1])
        whole = b"".join(parts)
        if size > 2 * _PIECE:
            audio.appendleft(whole[2 * _PIECE :])
        return whole[: 2 * _PIECE]

    def _step(self, number: int, work: _Work, data: bytes, last: bool) -> None:
        utterance = work.utterance
        if work.cancelled or utterance is None:
            self._finish(number)
            return
        if data:
            before = utterance.partial
            utterance.feed(np.frombuffer(data, np.int16))
            if utterance.partial != before:
                self._send(PARTIAL, number, utterance.partial.encode())
        if last:
            transcript = utterance.end()
            work.utterance = None
            self._finish(number, RESULT, {"transcript": asdict(transcript), "channel": utterance.channel})

    def _finish(self, number: int, kind: int | None = None, data: Mapping[str, Any] | None = None) -> None:
        with self._changed:
            work = self._works.pop(number, None)
        if work is not None and work.utterance is not None:
            work.utterance.drop()
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
    """Serve standard input until it ends."""
    # A Ctrl-C at the terminal is the host's business; this process ends with its input.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    source, sink = sys.stdin.buffer, sys.stdout.buffer
    # A library that prints must not get in between the frames.
    sys.stdout = sys.stderr

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
            worker.take(*frame)
        worker.stop()

    threading.Thread(target=read, daemon=True).start()
    send(READY, 0, b"")
    worker.run()


if __name__ == "__main__":
    main()
