"""Messages that wait for the host are bounded, in order, and resent once."""

from __future__ import annotations

from typing import Any

import pytest

from posewire.client.link import outbox as module
from posewire.client.link.outbox import CAPACITY, LIFETIME, Outbox
from posewire.errors import QueueFullError


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Any:
    now = [100.0]
    monkeypatch.setattr(module, "monotonic", lambda: now[0])
    return now


def texts(outbox: Outbox) -> list[str]:
    return [kept.message["text"] for kept in outbox.to_resend()]


def test_what_needs_no_confirmation_is_resent_once(clock: list[float]) -> None:
    outbox = Outbox()
    outbox.keep({"text": "posted"})
    outbox.keep({"text": "numbered"}, 5)
    assert texts(outbox) == ["posted", "numbered"]
    assert texts(outbox) == ["numbered"]
    outbox.confirmed(5)
    assert texts(outbox) == []


def test_the_order_is_that_in_which_it_was_said(clock: list[float]) -> None:
    outbox = Outbox()
    clock[0] += 1
    outbox.keep({"text": "later"}, 6)
    outbox.keep({"text": "found unsent"}, at=100.5)
    assert texts(outbox) == ["found unsent", "later"]


def test_what_is_too_old_is_dropped_and_counted(clock: list[float]) -> None:
    outbox = Outbox()
    outbox.keep({"text": "old"}, 1)
    clock[0] += LIFETIME / 2
    outbox.keep({"text": "new"})
    clock[0] += LIFETIME / 2 + 1
    assert texts(outbox) == ["new"]
    assert outbox.expired == 1


def test_it_is_bounded(clock: list[float]) -> None:
    outbox = Outbox()
    for _ in range(CAPACITY):
        outbox.keep({})
    with pytest.raises(QueueFullError) as full:
        outbox.keep({})
    assert (full.value.capacity, full.value.code) == (CAPACITY, "queue_full")
    lost = outbox.close()
    assert lost is not None
    assert lost.count == CAPACITY
    assert outbox.close() is None
