"""The level of a stream that the way to the host carries."""

from posewire.client.sending.pacing import WIRE_OVERHEAD
from posewire.rooms.quality import LEVELS, StepsUp

_USED = 0.9
"""Share of what a narrow way carries that a stream may use."""

_SPARE = 1.25
"""What the way must carry, as a multiple of what a higher level needs, before that is tried without a long wait."""

_PLAIN = 2.0
_SOON = 1.0
"""Seconds from one step up to the next on a way that carries twice what the higher level needs."""

_NARROW_WAIT = 30.0
"""Seconds before a higher level is tried on a way that does not seem to carry it: what is measured may be wrong."""


class Uplink:
    """Decides on the level: down at once, up step by step, and to where it did not go well ever more rarely."""

    def __init__(self) -> None:
        self.level = 0
        self._steps = StepsUp()
        self._changed = float("-inf")
        self._fine_since: float | None = None

    def update(self, packet: float, fps: float, limit: float | None, carries: float | None, now: float) -> None:
        """Take what is known at this moment, in bytes a second.

        ``packet``, ``fps``: the bytes of a packet and the rate at the full quality. ``limit``: the capacity of a way
        that is congested; None: it is not. ``carries``: what the way carries at least, by how long the last poses took;
        None: not known.
        """
        wanted = 0
        if limit is not None:
            found = _USED * max(limit, carries or 0.0)
            wanted = next(
                (number for number in range(len(LEVELS)) if _needs(number, packet, fps) <= found), len(LEVELS) - 1
            )
        if wanted > self.level:
            self._steps.down(self.level)
            self.level, self._changed, self._fine_since = wanted, now, None
            return
        if not self.level or (limit is not None and wanted == self.level):
            self._fine_since = None
            return
        if self._fine_since is None:
            self._fine_since = now
        self._steps.lasts(self.level, now)
        if now - max(self._fine_since, self._changed) >= self._wait(_needs(self.level - 1, packet, fps), carries):
            self.level, self._changed = self.level - 1, now
            self._steps.up(now)

    def _wait(self, need: float, carries: float | None) -> float:
        wait = self._steps.wait(self.level - 1)
        if carries is None or carries < _SPARE * need:
            return max(wait, _NARROW_WAIT)
        return _SOON if carries >= _PLAIN * need and not self._steps.was_mistake(self.level - 1) else wait


def _needs(level: int, packet: float, fps: float) -> float:
    """Return the bytes a second of a level, headers included."""
    return (LEVELS[level].size * packet + WIRE_OVERHEAD) * LEVELS[level].rate * fps
