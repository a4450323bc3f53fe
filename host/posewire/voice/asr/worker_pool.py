"""Worker processes for blocking recognisers, so that neither the event loop nor another session waits for one.

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

import numpy as np
from numpy.typing import NDArray

from posewire.child_process import child_environment
from posewire.errors import ProviderError
from posewire.voice.asr.base import Channel, Transcript
from posewire.voice.asr.worker import AUDIO, CANCEL, CONFIGURE, END, FAILED, HEADER, PARTIAL, READY, START

_log = logging.getLogger(__name__)

_MAX_SAMPLES = 16_000 * 60
_MAX_UNSENT = 16 * 1024 * 1024
"""Bytes that wait for a worker; one that takes no more is not alive any more."""

_STOP_WITHIN = 2.0


def default_workers() -> int:
    """Return how many workers suit this machine: a processor is left to the host itself."""
    return max(1, (os.cpu_count() or 2) - 1)


class WorkerPool:
    """A ``SpeechRecognizer`` whose engine runs in processes of its own.

    They start when they are needed, up to ``workers``; one that died is replaced, its utterances begin again. ``name``
    is for people. ``engine`` is ``module:function``: the function makes a ``BlockingEngine`` of the
    ``configuration`` (as JSON). Everything but the constructor on one event loop.
    """

    def __init__(self, name: str, engine: str, configuration: Mapping[str, Any], workers: int) -> None:
        self.name = name
        self.restarts = 0
        self._engine = engine
        self._configuration = json.dumps(configuration).encode()
        self._most = workers
        self._workers: list[_Process] = []
        self._numbers = itertools.count(1)
        self._closed = False

    def prepare(self) -> None:
        """Start the first worker, before somebody speaks."""
        if not self._workers and not self._closed:
            self._start()

    def utterance(self, channel: Channel) -> "PooledUtterance":
        """Begin an utterance, at the worker with the fewest."""
        return PooledUtterance(self, next(self._numbers), channel)

    def pids(self) -> list[int]:
        """Return the ids of the processes that run."""
        return [worker.pid for worker in self._workers if worker.pid]

    async def close(self) -> None:
        """Stop all workers."""
        self._closed = True
        await asyncio.gather(*(worker.stop() for worker in self._workers))
        self._workers.clear()

    def assign(self, utterance: "PooledUtterance") -> "_Process":
        """Choose a worker for an utterance.

        Raises:
            ProviderError: the pool is closed.
        """
        if self._closed:
            raise ProviderError("the recogniser is closed")
        idlest = min(self._workers, key=lambda worker: len(worker.utterances), default=None)
        if idlest is None or (idlest.utterances and len(self._workers) < self._most):
            idlest = self._start()
        idlest.utterances[utterance.number] = utterance
        return idlest

    def died(self, worker: "_Process") -> None:
        """Note that a worker is gone."""
        if worker in self._workers:
            self._workers.remove(worker)
            self.restarts += not self._closed

    def _start(self) -> "_Process":
        worker = _Process(self, self._engine, self._configuration)
        self._workers.append(worker)
        return worker


class PooledUtterance:
    """An utterance that a worker decodes while it is spoken; an ``Utterance``."""

    def __init__(self, pool: WorkerPool, number: int, channel: Channel) -> None:
        self.partial = ""
        self.number = number
        self._pool = pool
        self._again = False
        self._size = 0
        self._channel = channel
        self._sent: list[tuple[int, bytes]] = [(START, channel.learned.encode())]
        self._result: asyncio.Future[Transcript] = asyncio.get_running_loop().create_future()
        # A failure is raised by finish(); after a cancel nobody asks for it.
        self._result.add_done_callback(lambda result: result.cancelled() or result.exception())
        self._worker: _Process | None = pool.assign(self)
        self._worker.send(START, number, self._sent[0][1])

    def feed(self, pcm: NDArray[np.int16]) -> None:
        """Take 16 kHz mono samples; returns at once. After a minute nothing more is heard."""
        if self._size + len(pcm) <= _MAX_SAMPLES:
            self._size += len(pcm)
            self._send(AUDIO, pcm.astype(np.int16, copy=False).tobytes())

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

    def take(self, kind: int, body: bytes) -> None:
        """Take what the worker says."""
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
            self._channel.learned = data["channel"]
            self._result.set_result(Transcript(**data["transcript"]))

    def lost(self, why: str) -> None:
        """Begin again at another worker; the second time that is the end."""
        self._worker = None
        if self._result.done():
            return
        if self._again:
            self._result.set_exception(ProviderError(why))
            return
        self._again = True
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
    """One worker: frames to it and from it."""

    def __init__(self, pool: WorkerPool, engine: str, configuration: bytes) -> None:
        self.utterances: dict[int, PooledUtterance] = {}
        self._pool = pool
        self._early: list[bytes] = []
        self.pid = 0
        self._stdin: asyncio.StreamWriter | None = None
        self._stopped = False
        self.send(CONFIGURE, 0, configuration)
        self._life = asyncio.create_task(self._live(engine))

    def send(self, kind: int, number: int, body: bytes = b"") -> None:
        """Send a frame; before the process is there, keep it."""
        frame = HEADER.pack(kind, number, len(body)) + body
        if self._stdin is None:
            self._early.append(frame)
        elif self._stdin.transport.get_write_buffer_size() < _MAX_UNSENT:
            self._stdin.write(frame)
        else:
            self._life.cancel()

    async def stop(self) -> None:
        """End the process and wait for it."""
        self._stopped = True
        if self._stdin is not None:
            self._stdin.close()
        _, running = await asyncio.wait([self._life], timeout=_STOP_WITHIN)
        for life in running:
            life.cancel()
            await asyncio.wait([life])

    async def _live(self, engine: str) -> None:
        why = "the recogniser's process ended"
        process = None
        try:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "posewire.voice.asr.worker", engine,
                stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, env=child_environment(),
            )  # fmt: skip
            assert process.stdin is not None
            assert process.stdout is not None
            self.pid = process.pid
            self._stdin = process.stdin
            for frame in self._early:
                self._stdin.write(frame)
            self._early.clear()
            if self._stopped:
                self._stdin.close()
            why = await self._listen(process.stdout) or why
        except OSError as exc:
            why = f"the recogniser's process cannot be started: {exc}"
        finally:
            self._pool.died(self)
            if process is not None and process.returncode is None:
                if not self._stopped or asyncio.current_task().cancelling():  # type: ignore[union-attr]
                    with contextlib.suppress(ProcessLookupError):
                        process.kill()
                await process.wait()
            if not self._stopped:
                _log.warning("%s", why)
            for utterance in self._take_utterances():
                utterance.lost(why)

    async def _listen(self, stdout: asyncio.StreamReader) -> str:
        """Give results to their utterances until the process ends; returns its last words."""
        last = ""
        with contextlib.suppress(asyncio.IncompleteReadError):
            while True:
                kind, number, size = HEADER.unpack(await stdout.readexactly(HEADER.size))
                body = await stdout.readexactly(size)
                if number == 0:
                    last = "" if kind == READY else str(json.loads(body)["error"])
                    continue
                utterance = self.utterances.get(number)
                if utterance is None:
                    continue
                if kind != PARTIAL:
                    del self.utterances[number]
                utterance.take(kind, body)
        return last

    def _take_utterances(self) -> Iterator[PooledUtterance]:
        utterances = list(self.utterances.values())
        self.utterances.clear()
        yield from utterances
