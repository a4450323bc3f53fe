"""Timers and alarms: kept in the store, rung through the announcer, also after a restart."""

import asyncio
import math
import sqlite3
import time
from collections.abc import Callable
from dataclasses import dataclass

from posewire.errors import StoreError, ToolError
from posewire.log import EventLog
from posewire.server.push.announcer import Announcement, Announcer, Outcome
from posewire.store import Domain, Store
from posewire.store.rows import readable

MAX_PER_DEVICE = 20
MAX_AHEAD = 366 * 24 * 3600.0
MAX_LABEL = 100

_KEEP = 3600.0
"""Seconds that a timer waits for a device that is away when it rings."""

_RETRY = 5.0
_LOOK = 60.0

TABLES = Domain(
    "reminders",
    (
        """
        CREATE TABLE reminders (
            id INTEGER PRIMARY KEY,
            device TEXT NOT NULL,
            due REAL NOT NULL,
            label TEXT NOT NULL
        );
        CREATE INDEX reminders_due ON reminders (due);
        CREATE INDEX reminders_device ON reminders (device);
        """,
    ),
)


@dataclass(frozen=True)
class Reminder:
    """A timer or an alarm. ``due``: seconds since 1970."""

    id: int
    device: str
    due: float
    label: str


class Reminders:
    """Keeps and rings reminders, with one task that sleeps until the next is due. ``clock``: seconds since 1970."""

    def __init__(self, store: Store, announcer: Announcer, clock: Callable[[], float] = time.time) -> None:
        self._store = store
        self._announcer = announcer
        self._clock = clock
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._ringing: dict[int, asyncio.Task[None]] = {}
        self._log = EventLog()

    def start(self) -> None:
        """Start; reminders that became due while no host ran are rung at once."""
        self._task = asyncio.create_task(self._watch())

    async def add(self, device: str, due: float, label: str = "") -> Reminder:
        """Set a timer or an alarm of a device.

        Raises:
            ToolError: the time is past or too far ahead, or the device has too many reminders.
            StoreError: it could not be saved.
        """
        label = " ".join(label.split())[:MAX_LABEL]
        if not 0 < due - self._clock() <= MAX_AHEAD:
            raise ToolError("a reminder must be at least a second and at most a year ahead")

        def work(connection: sqlite3.Connection) -> int:
            count = connection.execute("SELECT count(*) FROM reminders WHERE device = ?", (device,)).fetchone()[0]
            if count >= MAX_PER_DEVICE:
                raise ToolError(f"this device has {count} timers and alarms already: cancel one first")
            row = connection.execute(
                "INSERT INTO reminders (device, due, label) VALUES (?, ?, ?)", (device, due, label)
            )
            assert row.lastrowid is not None
            return row.lastrowid

        number = await self._store.run(work)
        self._changed.set()
        return Reminder(number, device, due, label)

    async def of(self, device: str) -> list[Reminder]:
        """Return a device's reminders, the next one first."""
        return await self._store.run(lambda connection: _select(connection, "WHERE device = ?", device))

    async def cancel(self, device: str, label: str = "") -> list[Reminder]:
        """Cancel a device's reminders, or those of that label, and return them. One that rings is stopped."""
        label = " ".join(label.split()).lower()

        def work(connection: sqlite3.Connection) -> list[Reminder]:
            found = [
                reminder
                for reminder in _select(connection, "WHERE device = ?", device)
                if not label or label in reminder.label.lower()
            ]
            connection.executemany("DELETE FROM reminders WHERE id = ?", [(reminder.id,) for reminder in found])
            return found

        cancelled = await self._store.run(work)
        for reminder in cancelled:
            ringing = self._ringing.get(reminder.id)
            if ringing is not None:
                ringing.cancel()
        self._changed.set()
        return cancelled

    async def close(self) -> None:
        """Stop; reminders that were not rung stay in the store."""
        tasks = [*self._ringing.values(), *([self._task] if self._task is not None else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # --- inside

    async def _watch(self) -> None:
        while True:
            self._changed.clear()
            try:
                now = self._clock()
                due, following = await self._store.run(lambda connection: _due(connection, now))  # noqa: B023
            except StoreError as exc:
                self._log.warning("reminders", why=str(exc))
                await asyncio.sleep(_RETRY)
                continue
            for reminder in due:
                if reminder.id not in self._ringing:
                    self._ringing[reminder.id] = asyncio.create_task(self._ring(reminder))
            try:
                # A clock that is set anew is noticed within a minute.
                async with asyncio.timeout(min(max(0.0, following - self._clock()), _LOOK)):
                    await self._changed.wait()
            except TimeoutError:
                continue

    async def _ring(self, reminder: Reminder) -> None:
        late = self._clock() - reminder.due
        announcement = Announcement(spoken(reminder, late), urgent=True, keep=_KEEP, source="reminder")
        outcome: Outcome | None = None
        try:
            self._announcer.announce(reminder.device, announcement)
            outcome = await announcement.outcome
            if outcome != "stopped":
                await self._store.run(
                    lambda connection: connection.execute("DELETE FROM reminders WHERE id = ?", (reminder.id,))
                )
        except Exception as exc:
            # The device's queue is full of what is as urgent, or the disk is full: again in a while.
            self._log.warning("reminder", device=reminder.device, why=str(exc))
            await asyncio.sleep(_RETRY)
        finally:
            if outcome is None:
                self._announcer.withdraw(reminder.device, announcement)
            del self._ringing[reminder.id]


def spoken(reminder: Reminder, late: float) -> str:
    """Return the text of a reminder that was due ``late`` seconds ago."""
    text = f"Reminder: {reminder.label}." if reminder.label else "Your time is up."
    return f"{text} This was {round(late / 60)} minutes ago." if late >= 90 else text


def _due(connection: sqlite3.Connection, now: float) -> tuple[list[Reminder], float]:
    """Return the reminders that are due, at most a thousand, and the time of the next one."""
    following = connection.execute("SELECT min(due) FROM reminders WHERE due > ?", (now,)).fetchone()[0]
    due = _select(connection, "WHERE due <= ? ORDER BY due LIMIT 1000", now)
    return due, math.inf if following is None else following


def _select(connection: sqlite3.Connection, where: str, *values: object) -> list[Reminder]:
    rows = connection.execute(f"SELECT id, device, due, label FROM reminders {where}", values)  # noqa: S608 - our own text
    return sorted(readable(rows, _reminder, "reminder"), key=lambda reminder: reminder.due)


def _reminder(number: int, device: str, due: float, label: str) -> Reminder:
    return Reminder(number, device, float(due), str(label))
