"""Runs the board's workers, restarts what fails or stalls, feeds the watchdog, and keeps the memory figures."""

import asyncio
import gc

from micropython import const

from posewire_fw import log, memory

_PERIOD_MS = const(1000)
# Before a worker that failed is started again: doubled each time, up to this.
_RESTART_MS = const(1000)
_RESTART_MAX_MS = const(30000)
# A worker that has not moved at so many checks in a row is restarted. Checks and not seconds: while a DNS answer blocks
# the whole board nobody moves, and nobody is to blame.
_STALL_CHECKS = const(15)
# So many failures and stalls without so many good checks between, and only a reset can help.
_TROUBLE_MAX = const(6)
_WELL_CHECKS = const(60)
_COLLECTED = const(256)


class Poller:
    """A worker that calls poll() every so many milliseconds."""

    def __init__(self, poll, period_ms):
        self._poll = poll
        self._period_ms = period_ms
        self.beat = 0

    async def run(self):
        while True:
            self._poll()
            # Kept small: above 30 bits it would be an object on the heap of a 32-bit chip.
            self.beat = (self.beat + 1) & 0xFFFFFF
            await asyncio.sleep_ms(self._period_ms)


class _Watch:
    def __init__(self, name, worker, vital):
        self.name = name
        self.worker = worker
        self.vital = vital
        self.task = None
        self.beat = -1
        self.still = 0
        self.trouble = 0
        self.well = 0


class Supervisor:
    """add(name, worker, vital): worker has run(), which never ends, and beat, a count that changes while it lives.

    Without a vital worker the board is of no use: where one does not recover, give_up(text) is called, once. Others
    are started again for ever. frames_sent() and others() count what has happened so far: frames that must not
    allocate, and all that may. on_stall(text) hears of the first worker that has stalled.
    """

    def __init__(self, watchdog, frames_sent, others, on_stall=None, give_up=None):
        self._watchdog = watchdog
        self._frames_sent = frames_sent
        self._others = others
        self._on_stall = on_stall
        self._give_up = give_up
        self._watches = []
        self.restarts = 0
        self.heap_free_min = 0
        self._size = 0
        self._per_frame = None

    def add(self, name, worker, vital=False):
        self._watches.append(_Watch(name, worker, vital))

    def alloc_per_frame(self):
        """Heap bytes for each frame sent, in the best second in which frames went out and nothing else happened.

        What allocates for each frame does so in every such second. None when there was none yet.
        """
        return self._per_frame

    async def run(self):
        gc.collect()
        self._size = gc.mem_alloc() + memory.heap_free()
        self.heap_free_min = memory.heap_free()
        for watch in self._watches:
            self._start(watch)
        while True:
            frames = self._frames_sent()
            others = self._others()
            before = gc.mem_alloc()
            await asyncio.sleep_ms(_PERIOD_MS)
            grown = gc.mem_alloc() - before
            frames = self._frames_sent() - frames
            # Other things (text messages) may allocate. A large shrinking says that a collection came between; a small
            # one is a buffer that was under way when the second began, and evens out.
            if frames and self._others() == others and grown > -_COLLECTED:
                per_frame = max(0, grown) / frames
                if self._per_frame is None or per_frame < self._per_frame:
                    self._per_frame = per_frame
            self._note_heap()
            self._check()

    def _note_heap(self):
        free = self._size - gc.mem_alloc()
        if free < 0:
            # It has grown.
            self._size = gc.mem_alloc() + memory.heap_free()
            free = 0
        if free < self.heap_free_min:
            self.heap_free_min = free

    def _check(self):
        alive = True
        for watch in self._watches:
            if watch.worker.beat != watch.beat:
                watch.beat = watch.worker.beat
                watch.still = 0
                watch.well += 1
                if watch.well > _WELL_CHECKS:
                    watch.trouble = 0
                continue
            watch.still += 1
            if watch.still > _STALL_CHECKS:
                alive = False
                log.error("supervisor", "%s has stalled", watch.name)
                if not self.restarts and self._on_stall is not None:
                    # In case this is how it ends: a watchdog leaves no traceback.
                    self._on_stall("%s has stalled\n" % watch.name)
                watch.task.cancel()
                self._note_trouble(watch)
                self._start(watch)
        if alive and self._watchdog is not None:
            self._watchdog.feed()

    def _note_trouble(self, watch):
        self.restarts += 1
        watch.well = 0
        watch.trouble += 1
        if watch.trouble == _TROUBLE_MAX and watch.vital and self._give_up is not None:
            self._give_up("%s does not recover\n" % watch.name)

    def _start(self, watch):
        watch.still = 0
        watch.task = asyncio.create_task(self._guard(watch))

    async def _guard(self, watch):
        while True:
            try:
                await watch.worker.run()
            except Exception as exc:
                log.exception("supervisor", "%s failed" % watch.name, exc)
            self._note_trouble(watch)
            pause = min(_RESTART_MS << min(watch.trouble - 1, 5), _RESTART_MAX_MS)
            # Who waits has not stalled.
            watch.still = -(pause // _PERIOD_MS)
            await asyncio.sleep_ms(pause)
