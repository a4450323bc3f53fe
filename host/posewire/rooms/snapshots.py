"""Snapshots of pose streams, made from their packets when somebody needs one: the publisher need not send keys.

Nothing is decoded while nobody needs it, and never in the event loop: a chain of packets is decoded in a thread.
"""

import asyncio
import logging
import sys
from collections import Counter
from collections.abc import Callable, Coroutine, Sequence
from importlib.util import find_spec

from posewire.wire.pose import PoseRelay
from posewire.wire.pose.warm import warm

_log = logging.getLogger(__name__)

MAX_PENDING = 8
"""Chains being decoded at once; beyond it the publisher is asked for a key."""


def snapshot_of(packets: Sequence[bytes], compiled: bool) -> bytes | None:
    """Return one packet in place of a chain that begins with a key or snapshot; None where it does not decode."""
    relay = PoseRelay(compiled=compiled)
    return relay.snapshot() if all(relay.feed(packet) for packet in packets) else None


class SnapshotMaker:
    """Decodes chains in threads; with the extra ``fast`` compiled, as soon as another process has compiled it."""

    def __init__(self, counters: Counter[str] | None = None) -> None:
        self._counters: Counter[str] = Counter() if counters is None else counters
        self._tasks: set[asyncio.Task[None]] = set()
        self._pending = 0
        self._compiled = False
        self._may_compile = find_spec("numba") is not None

    def make(self, packets: Sequence[bytes], done: Callable[[bytes | None], None]) -> bool:
        """Call ``done`` with a snapshot (None: there can be none) later; False when there is too much to do."""
        if self._pending >= MAX_PENDING:
            return False
        self._pending += 1
        self._start(self._make(tuple(packets), done))
        if self._may_compile:
            self._may_compile = False
            self._start(self._compile())
        return True

    async def _make(self, packets: tuple[bytes, ...], done: Callable[[bytes | None], None]) -> None:
        snapshot = None
        try:
            snapshot = await asyncio.to_thread(snapshot_of, packets, self._compiled)
        except Exception:  # whatever it is: the publisher can still be asked for a key
            _log.exception("a snapshot could not be made")
        finally:
            self._pending -= 1
        self._counters["pose_snapshots"] += snapshot is not None
        done(snapshot)

    async def _compile(self) -> None:
        """Compiling would hold up this process for seconds, so another one does it and leaves the result on disk."""
        process = await asyncio.create_subprocess_exec(sys.executable, "-m", "posewire.wire.pose.warm")
        try:
            if await process.wait() == 0:
                await asyncio.to_thread(warm)
                self._compiled = True
        finally:
            if process.returncode is None:
                process.kill()

    def _start(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
