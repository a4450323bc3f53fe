"""Tasks of one owner."""

import asyncio
import logging

import pytest

from posewire.task_scope import TaskScope


async def _forever() -> None:
    await asyncio.Event().wait()


async def test_a_task_is_held_until_it_has_ended() -> None:
    scope = TaskScope()
    go = asyncio.Event()

    async def work() -> int:
        await go.wait()
        return 7

    task = scope.spawn(work())
    assert len(scope) == 1
    go.set()
    assert await task == 7
    await scope.join()
    assert len(scope) == 0


async def test_closing_cancels_and_waits_until_every_task_has_cleaned_up() -> None:
    scope = TaskScope()
    cleaned = []

    async def work(number: int) -> None:
        try:
            await _forever()
        finally:
            await asyncio.sleep(0)
            cleaned.append(number)

    for number in range(3):
        scope.spawn(work(number))
    await asyncio.sleep(0)
    await scope.close()
    assert sorted(cleaned) == [0, 1, 2]
    assert len(scope) == 0


async def test_joining_waits_for_what_a_task_starts_too() -> None:
    scope = TaskScope()
    done = []

    async def second() -> None:
        done.append("second")

    async def first() -> None:
        scope.spawn(second())
        done.append("first")

    scope.spawn(first())
    await scope.join()
    assert done == ["first", "second"]


async def test_a_failure_is_reported_once_and_a_cancelled_task_is_none() -> None:
    failures: list[BaseException] = []
    scope = TaskScope(failures.append)

    async def work() -> None:
        raise ValueError("broken")

    scope.spawn(work())
    scope.spawn(_forever())
    await scope.wait_any()
    await scope.close()
    assert [str(error) for error in failures] == ["broken"]


async def test_a_failure_that_nobody_asked_for_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    scope = TaskScope()

    async def work() -> None:
        raise ValueError("broken")

    scope.spawn(work(), name="the work")
    with caplog.at_level(logging.ERROR):
        await scope.join()
    assert "the work" in caplog.text
    assert "ValueError: broken" in caplog.text


async def test_waiting_for_one_of_none_returns_at_once() -> None:
    await TaskScope().wait_any()
