"""The demo's steps: each really happens, or is reported as failed."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from posewire.errors import PosewireError


class StepError(PosewireError):
    """A step of the demo did not happen; the message says what was seen instead."""

    code = "demo"


@dataclass
class Step:
    """One step: its title, whether it happened, what was found, and how long it took."""

    title: str
    ok: bool
    found: str
    seconds: float
    details: dict[str, Any] = field(default_factory=dict)


class Story:
    """Runs steps in order and prints them. A failed step does not hide the others' results."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self.steps: list[Step] = []
        self._say = say

    @property
    def ok(self) -> bool:
        """Whether every step so far happened."""
        return all(step.ok for step in self.steps)

    def step(self, title: str, work: Callable[[dict[str, Any]], str], *, needed: bool = False) -> None:
        """Run one step. ``work`` gets a dictionary for details and returns one line on what was found.

        Raises:
            StepError: the step failed and the rest makes no sense without it (``needed``).
        """
        self._say(f"\n── {title}")
        details: dict[str, Any] = {}
        started = time.monotonic()
        try:
            found, ok = work(details), True
        except PosewireError as error:
            found, ok = str(error), False
        step = Step(title, ok, found, round(time.monotonic() - started, 2), details)
        self.steps.append(step)
        self._say(f"   {'✔' if ok else '✘'} {found}")
        if needed and not ok:
            raise StepError(found)
