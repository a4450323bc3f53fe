"""Handlers of events."""

from __future__ import annotations

import asyncio
import logging

import pytest

from posewire.client.listeners import Listeners
from posewire.task_scope import TaskScope


async def test_handlers_are_called_in_order_and_can_be_removed() -> None:
    called: list[object] = []
    listeners = Listeners(TaskScope())

    async def later(value: int) -> None:
        await asyncio.sleep(0)
        called.append(("later", value))

    remove = listeners.on("event", lambda value: called.append(("first", value)))
    listeners.on("event", later)
    assert listeners.emit("event", 1)
    await asyncio.sleep(0.01)
    remove()
    remove()
    listeners.emit("event", 2)
    await asyncio.sleep(0.01)
    assert called == [("first", 1), ("later", 1), ("later", 2)]
    assert not listeners.emit("other")


async def test_a_failure_goes_to_the_handlers_of_errors_else_to_the_log(caplog: pytest.LogCaptureFixture) -> None:
    listeners, errors = Listeners(TaskScope()), []
    listeners.on("event", lambda: 1 / 0)
    with caplog.at_level(logging.ERROR):
        listeners.emit("event")
    assert "a handler of 'event' failed" in caplog.text
    listeners.on("error", errors.append)
    listeners.emit("event")
    assert [type(error) for error in errors] == [ZeroDivisionError]
    listeners.on("error", lambda error: 1 / 0)
    listeners.emit("event")  # a handler of errors that fails calls no handler of errors
    assert len(errors) == 2
