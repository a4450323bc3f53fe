"""Worker processes for blocking recognisers, so that neither the event loop nor another utterance waits for one.

Some engines keep the interpreter's lock while they decode; in a process of their own they disturb nobody.
"""

import asyncio
import contextlib
import itertools
import json
import logging
import os
import sys
from collections.abc import Iterator, Mapping
from typing import Any

from posewire.child_process import ChildProcess, child_environment
from posewire.errors import ProviderError
from posewire.sound.pcm import SAMPLE_RATE, Pcm
from posewire.voice.asr.base import AcousticProfile, Transcript
from posewire.voice.asr.worker import AUDIO, CANCEL, CONFIGURE, END, FAILED, HEADER, PARTIAL, PING, READY, START

_log = logging.getLogger(__name__)

_MAX_SAMPLES = SAMPLE_RATE * 60
_MAX_UNSENT = 16 * 1024 * 1024
"""Bytes that wait for a worker; a worker behind which more wait is hung, and is replaced."""

_STOP_WITHIN = 2.0
_READY_WITHIN = 60.0
"""Longest time, in seconds, in which an engine loads its model."""

_PING_EVERY = 1.0
"""Seconds between two pings of a worker that has utterances."""

_MAX_FRAME = 1024 * 1024
"""Longest frame from a worker, in bytes."""


def default_workers() -> int:
    """Return the number of workers for this machine: one processor is left to the host itself."""
    return max(1, (os.cpu_count() or 2) - 1)


class WorkerPool:
    """A ``SpeechRecognizer`` whose engine runs in processes of its own.

    They start when they are needed, up to ``workers``; one that is dead, or silent for ``hung_after`` seconds, is
    replaced, and its utterances begin again. ``name`` is for people. ``engine`` is ``module:function``: the function
    makes a ``BlockingEngine`` of the ``configuration`` (as JSON). All methods but the constructor run on one event
    loop.
    """

    def __init__(
        self, name: str, engine: str, configuration: Mapping[str, Any], workers: int, hung_after: float = 4.0
    ) -> None:
        self.name = name
        self.restarts = 0
        self.hung_after = hung_after
        self._engine = engine
        self._configuration = json.dumps(configuration).encode()
        self._max_workers = workers
        self._workers: list[_Process] = []
        self._numbers = itertools.count(1)
        self._closed = False

    def prepare(self) -> None:
        """Start the first worker, before somebody speaks."""
        if not self._workers and not self._closed:
            self._start()

    def utterance(self, acoustics: AcousticProfile) -> "PooledUtterance":
        """Begin an utterance, at the worker that has the fewest."""
        return PooledUtterance(self, next(self._numbers), acoustics)

    def pids(self) -> list[int]:
        """Return the ids of the processes that run."""
        return [worker.pid for worker in self._workers if worker.pid]

    async def close(self) -> None:
        """Stop all worker processes."""
        self._closed = True
        await asyncio.gather(*(worker.stop() for worker in self._workers))
        self._workers.clear()

    def assign(self, utterance: "PooledUtterance") -> "_Process":
        """Give an utterance to a worker, and return that.

        Raises:
            ProviderError: the pool is closed.
        """
        if self._closed:
            raise ProviderError("the recogniser is closed")
        idlest = min(self._workers, key=lambda worker: len(worker.utterances), default=None)
        if idlest is None or (idlest.utterances and len(self._workers) < self._max_workers):
            idlest = self._start()
        idlest.add(utterance)
        return idlest

    def worker_ended(self, worker: "_Process") -> None:
        """Forget a worker whose process has ended."""
        if worker in self._workers:
            self._workers.remove(worker)
            self.restarts += not self._closed

    def _start(self) -> "_Process":
        worker = _Process(self, self._engine, self._configuration)
        self._workers.append(worker)
        return worker


class PooledUtterance:
    """An utterance that a worker decodes while it is spoken; an ``Utterance``."""

    def __init__(self, pool: WorkerPool, number: int, acoustics: AcousticProfile) -> None:
        self.partial = ""
        self.number = number
        self._pool = pool
        self._restarted = False
        self._size = 0
        self._acoustics = acoustics
        self._sent: list[tuple[int, bytes]] = [(START, acoustics.learned.encode())]
        self._result: asyncio.Future[Transcript] = asyncio.get_running_loop().create_future()
        # finish() raises a failure; after a cancel nobody asks for it.
        self._result.add_done_callback(lambda result: result.cancelled() or result.exception())
        self._worker: _Process | None = pool.assign(self)
        self._worker.send(START, number, self._sent[0][1])

    def feed(self, pcm: Pcm) -> None:
        """Add 16 kHz mono samples; returns at once. Samples after the first minute are ignored."""
        if self._size + len(pcm) <= _MAX_SAMPLES:
            self._size += len(pcm)
            self._send(AUDIO, pcm.tobytes())

    async def finish(self) -> Transcript:
        """Wait for the rest to be decoded.

        Raises:
            ProviderError: the engine failed.
        """
        self._send(END)
        return await self._result

    def cancel(self) -> None:
        """Stop decoding now. Harmless after the end."""
        self._result.cancel()
        if self._worker is not None:
            self._worker.utterances.pop(self.number, None)
            self._worker.send(CANCEL, self.number)
            self._worker = None

    # --- from the worker

    def handle(self, kind: int, body: bytes) -> None:
        """Handle a frame from the worker."""
        if kind == PARTIAL:
            self.partial = body.decode()
            return
        self._worker = None
        self._sent.clear()
        if self._result.done():
            return
        data = json.loads(body)
        if kind == FAILED:
            self._result.set_exception(ProviderError(data["error"]))
        else:
            self._acoustics.learned = data["acoustics"]
            self._result.set_result(Transcript(**data["transcript"]))

    def restart(self, reason: str) -> None:
        """Begin again at another worker, because this one has ended; fail when that happens a second time."""
        self._worker = None
        if self._result.done():
            return
        if self._restarted:
            self._result.set_exception(ProviderError(reason))
            return
        self._restarted = True
        try:
            self._worker = self._pool.assign(self)
        except ProviderError as exc:
            self._result.set_exception(exc)
            return
        for kind, body in self._sent:
            self._worker.send(kind, self.number, body)

    def _send(self, kind: int, body: bytes = b"") -> None:
        if self._worker is not None:
            self._sent.append((kind, body))
            self._worker.send(kind, self.number, body)


class _Process:
    """One worker process, and the frames to and from it."""

    def __init__(self, pool: WorkerPool, engine: str, configuration: bytes) -> None:
        self.utterances: dict[int, PooledUtterance] = {}
        self._pool = pool
        self._early: list[bytes] = []
        self.pid = 0
        self._stdin: asyncio.StreamWriter | None = None
        self._stopped = False
        self._ready = False
        self._timer: asyncio.TimerHandle | None = None
        """Gives the process up, or pings it again; None while it has nothing to do."""

        self._pinged = False
        self._reason = "the recogniser's process ended"
        self.send(CONFIGURE, 0, configuration)
        self._task = asyncio.create_task(self._run(engine))

    def add(self, utterance: PooledUtterance) -> None:
        """Give the worker an utterance."""
        self.utterances[utterance.number] = utterance
        if self._ready and self._timer is None:
            self._ping()

    def send(self, kind: int, number: int, body: bytes = b"") -> None:
        """Send a frame; one that comes before the process runs is sent when it does."""
        frame = HEADER.pack(kind, number, len(body)) + body
        if self._stdin is None:
            self._early.append(frame)
        elif self._stdin.transport.get_write_buffer_size() < _MAX_UNSENT:
            self._stdin.write(frame)
        else:
            self._give_up("the recogniser's process takes no more audio")

    async def stop(self) -> None:
        """End the process and wait for it."""
        self._stopped = True
        if self._stdin is not None:
            self._stdin.close()
        _, running = await asyncio.wait([self._task], timeout=_STOP_WITHIN)
        for task in running:
            task.cancel()
            await asyncio.wait([task])

    async def _run(self, engine: str) -> None:
        child = None
        try:
            child = await ChildProcess.start(
                sys.executable, "-m", "posewire.voice.asr.worker", engine, environment=child_environment()
            )
            self.pid = child.pid
            self._stdin = child.stdin
            for frame in self._early:
                self._stdin.write(frame)
            self._early.clear()
            if self._stopped:
                self._stdin.close()
            late = f"the recogniser was not ready within {_READY_WITHIN:.0f} s"
            self._timer = asyncio.get_running_loop().call_later(_READY_WITHIN, self._give_up, late)
            await self._read(child.stdout)
        except OSError as exc:
            self._reason = f"the recogniser's process cannot be started: {exc}"
        finally:
            if self._timer is not None:
                self._timer.cancel()
            self._pool.worker_ended(self)
            if not self._stopped:
                _log.warning("%s", self._reason)
            # Before the process has ended: it may take a while.
            for utterance in self._remove_utterances():
                utterance.restart(self._reason)
            if child is not None:
                await child.end()

    def _give_up(self, reason: str) -> None:
        self._reason = reason
        self._task.cancel()

    def _ping(self) -> None:
        """Ask a worker that has work for a sign of life; wait for it, or ask again later."""
        loop = asyncio.get_running_loop()
        if not self.utterances:
            self._timer = None
            return
        self._pinged = True
        silent = f"the recogniser's process hangs: it was silent for {self._pool.hung_after:.0f} s"
        self._timer = loop.call_later(self._pool.hung_after, self._give_up, silent)
        self.send(PING, 0)

    def _answered(self) -> None:
        """Wait a second before the next ping."""
        if self._timer is not None:
            self._timer.cancel()
        self._ready, self._pinged = True, False
        self._timer = asyncio.get_running_loop().call_later(_PING_EVERY, self._ping)

    async def _read(self, stdout: asyncio.StreamReader) -> None:
        """Give results to their utterances until the process ends."""
        with contextlib.suppress(asyncio.IncompleteReadError):
            while True:
                kind, number, size = HEADER.unpack(await stdout.readexactly(HEADER.size))
                if size > _MAX_FRAME:
                    self._reason = f"the recogniser's process sent a frame of {size} bytes"
                    return
                body = await stdout.readexactly(size)
                if self._pinged or kind == READY:
                    self._answered()
                if number == 0:
                    if kind == FAILED:
                        self._reason = str(json.loads(body)["error"])
                    continue
                utterance = self.utterances.get(number)
                if utterance is None:
                    continue
                if kind != PARTIAL:
                    del self.utterances[number]
                utterance.handle(kind, body)

    def _remove_utterances(self) -> Iterator[PooledUtterance]:
        utterances = list(self.utterances.values())
        self.utterances.clear()
        yield from utterances
