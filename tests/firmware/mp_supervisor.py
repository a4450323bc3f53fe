"""Workers that fail or hang are started again, and the watchdog learns of it. Runs on MicroPython only."""

import asyncio

from posewire_fw import log
from posewire_fw.supervisor import Poller, Supervisor


class Watchdog:
    def __init__(self):
        self.fed = 0

    def feed(self):
        self.fed += 1


class Hanging:
    """Waits for something that never comes, the first time."""

    def __init__(self):
        self.beat = 0
        self.starts = 0

    async def run(self):
        self.starts += 1
        while self.starts < 2:
            await asyncio.sleep_ms(1000000)
        while True:
            self.beat += 1
            await asyncio.sleep_ms(0)


def supervise(watchdog, **workers):
    supervisor = Supervisor(watchdog, lambda: 0, lambda: 0)
    for name, worker in workers.items():
        supervisor.add(name, worker)
    for watch in supervisor._watches:
        supervisor._start(watch)
    return supervisor


def test_a_worker_that_fails_is_started_again():
    log.set_level(log.ERROR + 1)
    calls = []

    def poll():
        calls.append(1)
        if len(calls) == 3:
            raise ValueError("once")

    async def scene():
        supervisor = supervise(None, poller=Poller(poll, 1))
        while len(calls) < 6:
            await asyncio.sleep_ms(10)
        assert supervisor.restarts == 1

    asyncio.run(asyncio.wait_for(scene(), 10))


def test_a_worker_that_hangs_is_started_again_and_the_dog_is_not_fed_meanwhile():
    log.set_level(log.ERROR + 1)
    watchdog = Watchdog()
    hanging = Hanging()

    async def scene():
        supervisor = supervise(watchdog, hanging=hanging, healthy=Poller(lambda: None, 0))
        checks = 0
        while hanging.starts < 2:
            await asyncio.sleep_ms(1)
            supervisor._check()
            checks += 1
            assert checks < 100
        assert supervisor.restarts == 1
        fed = watchdog.fed
        assert fed < checks  # the check that found it hanging did not feed
        await asyncio.sleep_ms(5)
        supervisor._check()
        assert watchdog.fed == fed + 1

    asyncio.run(scene())
