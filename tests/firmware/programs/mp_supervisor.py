"""Workers that fail or hang are started again, and the watchdog learns of it. Runs on MicroPython only."""

import asyncio

from posewire_fw import log
from posewire_fw import supervisor as supervisor_module
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


class Failing:
    """Does a little, then fails, each time; well: how often it does not."""

    def __init__(self, well=0):
        self.beat = 0
        self.well = well

    async def run(self):
        self.beat += 1
        while self.well:
            self.well -= 1
            self.beat += 1
            await asyncio.sleep_ms(0)
        raise MemoryError("no room for it")


def supervise(watchdog, hopeless=None, vital=(), **workers):
    supervisor = Supervisor(watchdog, lambda: 0, lambda: 0, None, hopeless)
    for name, worker in workers.items():
        supervisor.add(name, worker, name in vital)
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


def troubles_of(vital):
    """The log of a worker that fails whenever it is started; its pauses pass in no time."""
    log.set_level(log.ERROR + 1)
    said = []
    pauses = []
    real = supervisor_module.asyncio.sleep_ms

    async def sleep_ms(milliseconds):
        if milliseconds >= 1000:
            pauses.append(milliseconds)
        await real(0)

    async def scene():
        supervise(None, said.append, ("failing",) if vital else (), failing=Failing())
        while len(pauses) < 9:
            await real(0)

    asyncio.new_event_loop()  # without what earlier tests have left running
    supervisor_module.asyncio.sleep_ms = sleep_ms
    try:
        asyncio.run(scene())
    finally:
        supervisor_module.asyncio.sleep_ms = real
    assert pauses[:7] == [1000, 2000, 4000, 8000, 16000, 30000, 30000], pauses
    return said


def test_a_vital_worker_that_does_not_recover_is_told_once_and_others_are_tried_for_ever():
    assert troubles_of(vital=True) == ["failing does not recover\n"]
    assert troubles_of(vital=False) == []


def test_a_vital_worker_that_stalls_again_and_again_is_told():
    log.set_level(log.ERROR + 1)
    said = []

    class Stuck:
        beat = 0

        async def run(self):
            await asyncio.sleep_ms(1000000)

    async def scene():
        supervisor = supervise(None, said.append, ("stuck",), stuck=Stuck())
        for _ in range(120):
            supervisor._check()
        assert said == ["stuck does not recover\n"]

    asyncio.run(scene())


def test_trouble_is_forgotten_after_a_good_time():
    log.set_level(log.ERROR + 1)

    async def scene():
        worker = Failing()
        supervisor = supervise(None, None, ("worker",), worker=worker)
        while not supervisor.restarts:
            await asyncio.sleep_ms(1)
        watch = supervisor._watches[0]
        assert watch.trouble == 1
        for _ in range(70):
            worker.beat += 1
            supervisor._check()
        assert watch.trouble == 0

    asyncio.run(scene())
