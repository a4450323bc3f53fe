"""The quality of a pose stream: what its receivers report, and the level that follows from that."""

from collections.abc import Sequence
from dataclasses import dataclass

REPORT_EVERY = 0.5
"""Seconds between two reports of a receiver that is in trouble; of one that is well it is twice as long."""


@dataclass(frozen=True)
class Level:
    """A level of quality. ``size``: of its packets, as a share of those of the full quality; ``rate``: of its poses;
    ``without``: sets that are left out, by what their names begin with.
    """

    name: str
    size: float = 1.0
    rate: float = 1.0
    without: tuple[str, ...] = ()


LEVELS = (
    Level("full"),
    Level("good", 0.7),
    Level("fair", 0.5, 0.75, ("face",)),
    Level("low", 0.35, 0.5, ("face",)),
    Level("minimum", 0.25, 0.33, ("face", "hands")),
)


@dataclass(frozen=True)
class ReceiverReport:
    """A receiver's report of a stream: the share of packets that did not come, the age of what came, in ms, and how
    many poses wait there for the program.
    """

    loss: float = 0.0
    age_ms: float = 0.0
    buffer: int = 0

    @property
    def trouble(self) -> str:
        """The measure that asks for a lower quality: ``loss``, ``age``, ``buffer``, or nothing."""
        return _first_over(self, 0.05, 150.0, 8)

    @property
    def is_fine(self) -> bool:
        """Whether a higher quality may be tried."""
        return not _first_over(self, 0.02, 80.0, 3)

    @property
    def is_grave(self) -> bool:
        """Whether there is no time to look twice."""
        return bool(_first_over(self, 0.25, 500.0, 60))


def _first_over(report: ReceiverReport, loss: float, age_ms: float, buffer: int) -> str:
    if report.loss > loss:
        return "loss"
    if report.age_ms > age_ms:
        return "age"
    return "buffer" if report.buffer > buffer else ""


def add_up(reports: Sequence[ReceiverReport]) -> ReceiverReport:
    """Return what all receivers say together: of each figure the one that less than a quarter of them is worse than.

    So one bad network among four counts, and among many it does not take the quality from all.
    """
    if not reports:
        return ReceiverReport()
    index = (len(reports) - 1) // 4
    return ReceiverReport(
        sorted((report.loss for report in reports), reverse=True)[index],
        sorted((report.age_ms for report in reports), reverse=True)[index],
        sorted((report.buffer for report in reports), reverse=True)[index],
    )


_SURE = 0.4
_AFTER_DOWN = 0.9
"""Seconds that a lower level has to show its effect."""

_DRAINED, _FALLING = 4.0, 0.9
"""Seconds after a lower level for which no further one follows while the age falls to this share of what it was."""

_WAIT, _LONGEST_WAIT = 2.0, 120.0
"""Seconds for which all must be fine before a step up: the first time, and after many that were in vain."""

_LASTING = 30.0
"""Seconds after which a step up was no mistake."""


_REPORTED = 1.0
"""Seconds after which all was fine if nobody has reported."""

_STANDSTILL = 0.7
"""Growth of the age, as a share of time, that is more than the next level makes: a step up at most doubles a stream."""


class StepsUp:
    """Remembers which steps up were mistakes: each makes the next one to that level wait eight times as long."""

    def __init__(self) -> None:
        self._mistakes = [0] * len(LEVELS)
        self._raised: float | None = None

    def wait(self, level: int) -> float:
        """Return the seconds for which all must be fine before a step up to this level."""
        return min(_LONGEST_WAIT, _WAIT * 8.0 ** self._mistakes[level])

    def was_mistake(self, level: int) -> bool:
        """Whether a step up to this level was a mistake, lately."""
        return self._mistakes[level] > 0

    def next(self, level: int) -> int:
        """Return the level to try above this one: that below the last mistake at once, where the stream was well."""
        for known in range(level - 1, 0, -1):
            if self.was_mistake(known):
                break
            if self.was_mistake(known - 1):
                return known
        return level - 1

    def up(self, now: float) -> None:
        """Note that the quality has gone up by a level."""
        self._raised = now

    def down(self, level: int) -> bool:
        """Note a step down from this level; returns whether the step to it was a mistake: the last one, and lately."""
        mistake = self._raised is not None
        if mistake:
            self._mistakes[level] = min(2, self._mistakes[level] + 1)
        self._raised = None
        return mistake

    def lasts(self, level: int, now: float) -> None:
        """Note that this level goes well: after a while the step to it was no mistake."""
        if self._raised is not None and now - self._raised >= _LASTING:
            self._raised = None
            self._mistakes[level] = max(0, self._mistakes[level] - 1)


class QualityController:
    """Decides on the level by the reports: down in at most two seconds, up step by step.

    A step up that had to be taken back makes the next one to that level wait eight times as long: so the level does not
    swing.
    """

    def __init__(self) -> None:
        self.level = 0
        self.cause = ""
        """The cause of a lower level: ``loss``, ``age`` or ``buffer``; empty at the full quality."""

        self._steps = StepsUp()
        self._changed = float("-inf")
        self._age = 0.0
        self._heard, self._heard_age = float("-inf"), 0.0
        self._bad_since: float | None = None
        self._fine_since: float | None = None

    def update(self, report: ReceiverReport, now: float) -> bool:
        """Take a report of all receivers; returns whether the level has changed. ``now``: seconds on any clock."""
        trouble = report.trouble
        paused = self._was_pause(report, now)
        if trouble:
            self._fine_since = None
            if self._bad_since is None:
                self._bad_since = now
            if (report.is_grave and not paused) or now - self._bad_since >= _SURE:
                return self._lower(trouble, report, now)
            return False
        self._bad_since = None
        if not report.is_fine:
            self._fine_since = None
            return False
        if self._fine_since is None:
            self._fine_since = now
        self._steps.lasts(self.level, now)
        if self.level and now - max(self._fine_since, self._changed) >= self._steps.wait(self.level - 1):
            self.level = self._steps.next(self.level)
            self._changed = now
            self._steps.up(now)
            self.cause = self.cause if self.level else ""
            return True
        return False

    def _was_pause(self, report: ReceiverReport, now: float) -> bool:
        """Whether the age has grown faster than a stream of too many bytes makes it grow: the network stood still."""
        since = now - self._heard
        known = since <= _REPORTED
        growth = report.age_ms - (self._heard_age if known else 0.0)
        self._heard, self._heard_age = now, report.age_ms
        return growth > 1000 * _STANDSTILL * (since if known else _REPORTED)

    def _lower(self, cause: str, report: ReceiverReport, now: float) -> bool:
        since = now - self._changed
        if self.level == len(LEVELS) - 1 or since < _AFTER_DOWN:
            return False
        if cause == "age" and since < _DRAINED and report.age_ms < _FALLING * self._age:
            return False  # what waits in the network is becoming less
        # After a mistake the level before is known to do.
        steps = 1 if self._steps.down(self.level) or not report.is_grave else 2
        self.level = min(len(LEVELS) - 1, self.level + steps)
        self.cause = cause
        self._changed, self._age = now, report.age_ms
        return True
