"""The time of one turn: how long its stages take, and what happens if it does not go on."""

import asyncio
import time
from collections.abc import Callable
from typing import Any


class TurnClock:
    """Measures stages by name, and calls back after a time, once for each name of an alarm."""

    def __init__(self) -> None:
        self.stages: dict[str, float] = {}
        """The stages that are over: milliseconds by name."""

        self._began: dict[str, float] = {}
        self._alarms: dict[str, asyncio.TimerHandle] = {}

    def begin(self, *stages: str) -> None:
        """Begin stages."""
        self._began.update(dict.fromkeys(stages, time.monotonic()))

    def end(self, *stages: str) -> None:
        """End stages; those that have not begun, or are over, are left as they are."""
        for stage in stages:
            began = self._began.pop(stage, None)
            if began is not None:
                self.stages[stage] = (time.monotonic() - began) * 1000

    def restart(self) -> None:
        """Forget all stages: another turn begins."""
        self.stages, self._began = {}, {}

    def alarm(self, name: str, seconds: float, then: Callable[[], Any]) -> None:
        """Call a function after a time, in place of an earlier alarm of that name."""
        if name in self._alarms:
            self._alarms[name].cancel()
        self._alarms[name] = asyncio.get_running_loop().call_later(seconds, then)

    def silence(self) -> None:
        """Cancel all alarms."""
        for alarm in self._alarms.values():
            alarm.cancel()
        self._alarms.clear()
