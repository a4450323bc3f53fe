"""A monitor of a connection, for programs without asyncio."""

from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any

from posewire.client.connection import HostConnection
from posewire.client.monitor import Monitor
from posewire.measure.alerts import Level, Rule
from posewire.measure.report import Report
from posewire.measure.summary import Summary
from posewire.sync.thread import LoopThread


class SyncMonitor:
    """A monitor of a connection; see ``Monitor``."""

    def __init__(self, thread: LoopThread, host: HostConnection, **options: Any) -> None:
        self._thread = thread
        self._monitor = thread.call(Monitor, host, **options)

    def __enter__(self) -> "SyncMonitor":
        self._thread.wait(self._monitor.__aenter__())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._thread.wait(self._monitor.__aexit__(kind, error, trace))

    def latest(self) -> dict[str, float]:
        """Return the newest sample."""
        return self._thread.call(self._monitor.latest)

    def summary(self, seconds: float | None = None) -> dict[str, Summary]:
        """Return what is said of the samples of the last seconds (None: of all that are kept), by name."""
        return self._thread.call(self._monitor.summary, seconds)

    def report(self, title: str = "", seconds: float | None = None) -> Report:
        """Return a report of the last seconds, or of all that is kept; ``save`` writes it into a file."""
        return self._thread.call(self._monitor.report, title, seconds)

    def on_alert(self, callback: Callable[[Mapping[str, Any]], None]) -> None:
        """Call a function, in the connection's thread, when an alert begins and when it is over."""
        self._thread.call(self._monitor.on_alert, callback)

    def alerts(self) -> list[dict[str, Any]]:
        """Return the alerts that are on now."""
        return self._thread.call(self._monitor.alerts)

    @property
    def thresholds(self) -> Sequence[Rule]:
        """The rules as they are now."""
        return self._monitor.thresholds

    def set_threshold(self, name: str, threshold: float, level: Level = "warning") -> None:
        """Change a threshold, or add one; raises ``ConfigError`` where there is no such name."""
        self._thread.call(self._monitor.set_threshold, name, threshold, level)

    def remove_threshold(self, name: str, level: Level = "warning") -> None:
        """Have no alert for a name at this level."""
        self._thread.call(self._monitor.remove_threshold, name, level)

    def reset_thresholds(self) -> None:
        """Go back to the thresholds of the beginning."""
        self._thread.call(self._monitor.reset_thresholds)
