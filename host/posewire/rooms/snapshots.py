"""Snapshots of pose streams, made from their packets when somebody needs one: the publisher need not send keys.

Nothing is decoded while nobody needs it, and never in this process: the event loop shares the interpreter with its
threads, and everybody in a room would feel a chain being decoded.
"""

import asyncio
import logging
import sys
from collections import Counter
from collections.abc import Callable, Sequence

from posewire.child_process import ChildProcess, child_environment
from posewire.rooms.snapshot_worker import SIZE, pack_chain
from posewire.task_scope import TaskScope

_log = logging.getLogger(__name__)

MAX_PENDING = 8
"""Chains that may wait to be decoded; beyond it the publisher is asked for a key."""

_ANSWER_WITHIN = 10.0
_END_WITHIN = 2.0
_MAX_SNAPSHOT = 1024 * 1024
_IDLE = 60.0
"""Seconds without a chain after which the process ends: it takes as much memory as the host."""


class SnapshotMaker:
    """Has chains decoded, one after the other, by a process that lives while there is something to do."""

    def __init__(self, counters: Counter[str] | None = None) -> None:
        self._counters: Counter[str] = Counter() if counters is None else counters
        self._tasks: set[asyncio.Task[None]] = set()
        self._ending = TaskScope()
        self._turn = asyncio.Lock()
        self._process: ChildProcess | None = None
        self._idle: asyncio.TimerHandle | None = None

    def make(self, packets: Sequence[bytes], done: Callable[[bytes | None], None]) -> bool:
        """Call ``done`` with a snapshot (None: there can be none) later; False when there is too much to do."""
        if len(self._tasks) >= MAX_PENDING:
            return False
        task = asyncio.get_running_loop().create_task(self._make(tuple(packets), done))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return True

    async def close(self) -> None:
        """End the process; chains that wait are given up."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._end()
        await self._ending.join()

    async def _make(self, packets: tuple[bytes, ...], done: Callable[[bytes | None], None]) -> None:
        snapshot = None
        try:
            async with self._turn:
                snapshot = await self._ask(packets)
        except (OSError, ValueError, TimeoutError, asyncio.IncompleteReadError) as error:
            # The publisher can still be asked for a key.
            _log.warning("a snapshot could not be made: %r", error)
        self._counters["pose_snapshots"] += snapshot is not None
        done(snapshot)

    async def _ask(self, packets: tuple[bytes, ...]) -> bytes | None:
        self._stop_idling()
        try:
            process = self._process
            if process is None or process.returncode is not None:
                process = self._process = await _begin()
            process.stdin.write(pack_chain(packets))
            async with asyncio.timeout(_ANSWER_WITHIN):
                snapshot = await _answer(process)
        except BaseException:
            # What it would still answer belongs to this chain, not to the next one.
            await self._end()
            raise
        self._idle = asyncio.get_running_loop().call_later(_IDLE, self._let_go)
        return snapshot or None

    def _let_go(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            self._ending.spawn(process.end(_END_WITHIN))

    def _stop_idling(self) -> None:
        if self._idle is not None:
            self._idle.cancel()
            self._idle = None

    async def _end(self) -> None:
        self._stop_idling()
        process, self._process = self._process, None
        if process is not None:
            await process.end()


async def _begin() -> ChildProcess:
    command = (sys.executable, "-m", "posewire.rooms.snapshot_worker")
    return await ChildProcess.start(*command, environment=child_environment())


async def _answer(process: ChildProcess) -> bytes:
    size = SIZE.unpack(await process.stdout.readexactly(SIZE.size))[0]
    if size > _MAX_SNAPSHOT:
        raise ValueError(f"the snapshot has {size} bytes, which is not plausible")
    return await process.stdout.readexactly(size)
