"""How far sound is behind the poses of the same moment, by the times that their publisher has given both."""

from collections import deque
from statistics import median

_RECENT = 15
_CLOCK = 1 << 32


class _Lag:
    def __init__(self) -> None:
        self.poses: deque[int] = deque(maxlen=_RECENT)
        self.sounds: deque[int] = deque(maxlen=_RECENT)


class AudioLags:
    """Learns from what arrives, by member. A way is arrival minus time: it has the unknown difference of the two clocks
    in it, the same for both kinds.
    """

    def __init__(self) -> None:
        self._members: dict[int, _Lag] = {}

    def saw(self, member_id: int, time_ms: int, arrived: float) -> None:
        """Note a pose; ``arrived``: seconds."""
        self._members.setdefault(member_id, _Lag()).poses.append((round(1000 * arrived) - time_ms) % _CLOCK)

    def heard(self, member_id: int, time_ms: int, arrived: float) -> None:
        """Note a frame of audio."""
        self._members.setdefault(member_id, _Lag()).sounds.append((round(1000 * arrived) - time_ms) % _CLOCK)

    def lag_ms(self, member_id: int) -> float | None:
        """Return how much longer sound is on its way than poses: the middle of the last fifteen of each."""
        found = self._members.get(member_id)
        if found is None or not found.poses or not found.sounds:
            return None
        # Relative to one of them, since the clock runs over.
        base = found.poses[0]
        poses, sounds = ([_signed(way - base) for way in ways] for ways in (found.poses, found.sounds))
        return float(median(sounds) - median(poses))

    def forget(self, member_id: int) -> None:
        """Drop what was learned about a member, who has left."""
        self._members.pop(member_id, None)


def _signed(difference: int) -> int:
    return (difference + _CLOCK // 2) % _CLOCK - _CLOCK // 2
