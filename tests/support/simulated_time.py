"""An event loop whose time passes only while nothing is to be done: minutes take seconds, and runs are repeatable."""

import asyncio
import selectors
import sys
from collections.abc import Coroutine
from typing import Any, TypeVar

import pytest

_T = TypeVar("_T")


class _Selector(selectors.SelectSelector):
    now = 1000.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise RuntimeError("everything waits for something that will not happen")
        self.now += max(0.0, timeout)
        return super().select(0)


class SimulatedLoop(asyncio.SelectorEventLoop):
    """Waits by letting its clock go on at once."""

    def __init__(self) -> None:
        self._simulated = _Selector()
        super().__init__(self._simulated)

    def time(self) -> float:
        """Return the simulated time, in seconds."""
        return self._simulated.now


def run_simulated(monkeypatch: pytest.MonkeyPatch, work: Coroutine[Any, Any, _T], packages: tuple[str, ...]) -> _T:
    """Run a coroutine in simulated time; modules of these packages that use ``monotonic`` have that clock."""
    with asyncio.Runner(loop_factory=SimulatedLoop) as runner:
        clock = runner.get_loop().time
        for name, module in list(sys.modules.items()):
            if name.startswith(packages) and hasattr(module, "monotonic"):
                monkeypatch.setattr(module, "monotonic", clock)
        return runner.run(work)
