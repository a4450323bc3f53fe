"""Periodic jobs."""

import asyncio
from collections import Counter

from posewire.server.scheduler import Job, Scheduler


async def test_a_job_that_fails_is_run_again_and_disturbs_no_other() -> None:
    runs: Counter[str] = Counter()
    counters: Counter[str] = Counter()
    enough = asyncio.Event()

    def fail() -> None:
        runs["fail"] += 1
        raise ValueError("no")

    async def work() -> None:
        runs["work"] += 1
        if runs["work"] >= 5 and runs["fail"] >= 2:
            enough.set()

    scheduler = Scheduler([Job("fail", 0.01, fail), Job("work", 0.01, work)], counters)
    scheduler.start()
    await enough.wait()
    await scheduler.stop()
    assert counters["job_failures"] == runs["fail"]
