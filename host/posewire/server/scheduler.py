"""Periodic jobs, all under one task group."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from posewire.log import EventLog


@dataclass(frozen=True)
class Job:
    """A job: ``run`` is called every ``every`` seconds, for the first time after one period."""

    name: str
    every: float
    run: Callable[[], Awaitable[None] | None]


class Scheduler:
    """Runs jobs until it is stopped. A job that fails is logged, counted, and run again at its next time.

    A job that takes longer than its period does not overlap itself: the times that it missed are left out.
    """

    def __init__(self, jobs: Sequence[Job], counters: Counter[str]) -> None:
        self._jobs = list(jobs)
        self._counters = counters
        self._log = EventLog()
        self._group: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Start a task for each job."""
        self._group = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Stop all jobs and wait for their end."""
        if self._group is not None:
            self._group.cancel()
            await asyncio.gather(self._group, return_exceptions=True)
            self._group = None

    async def _run(self) -> None:
        async with asyncio.TaskGroup() as group:
            for job in self._jobs:
                group.create_task(self._repeat(job), name=f"job {job.name}")

    async def _repeat(self, job: Job) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time() + job.every
        while True:
            await asyncio.sleep(due - loop.time())
            try:
                done = job.run()
                if done is not None:
                    await done
            except Exception:
                self._counters["job_failures"] += 1
                self._log.exception("job_failed", job=job.name)
            due = max(due + job.every, loop.time())
