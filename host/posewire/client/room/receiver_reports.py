"""Reports to the host about the pose streams that this program receives."""

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from time import monotonic
from typing import Any

from posewire.client.room.pose_streams import ReceivedPose, StreamCount
from posewire.measure.summary import percentile
from posewire.rooms.quality import REPORT_EVERY, ReceiverReport

_NEWEST = 8
"""Poses whose ages count: where those before were late and these are not, it is over."""


class ReceiverReports:
    """Collects, by publisher and stream, and sends every half second while something is wrong, else every second.

    ``counts``: the counts of the streams; ``waiting``: how many poses wait for the program; ``send``: sends a message.
    """

    def __init__(
        self,
        counts: Callable[[], Mapping[tuple[int, int], StreamCount]],
        waiting: Callable[[], int],
        send: Callable[[Mapping[str, Any]], None],
    ) -> None:
        self._counts = counts
        self._waiting = waiting
        self._send = send
        self._seen: dict[tuple[int, int], tuple[int, int]] = {}
        self._ages: dict[tuple[int, int], deque[float]] = {}

    def arrived(self, pose: ReceivedPose) -> None:
        """Note that a pose of a stream has arrived."""
        ages = self._ages.setdefault((pose.member_id, pose.pose.stream), deque(maxlen=_NEWEST))
        ages.append(pose.delay_ms + 1000 * (monotonic() - pose.arrived))

    async def run(self) -> None:
        """Report until cancelled."""
        quiet = False
        while True:
            await asyncio.sleep(REPORT_EVERY)
            troubles = self.collect()
            if not troubles and not quiet:
                quiet = True
                continue
            quiet = False
            streams = [
                {
                    "member_id": key[0],
                    "stream": key[1],
                    "loss": round(report.loss, 4),
                    "age_ms": round(report.age_ms, 1),
                    "buffer": report.buffer,
                }
                for key, report in troubles.items()
            ]
            self._send({"type": "room", "action": "report", "streams": streams})

    def collect(self) -> dict[tuple[int, int], ReceiverReport]:
        """Return the streams that are not fine, since the last call."""
        found: dict[tuple[int, int], ReceiverReport] = {}
        counts, ages, waiting = self._counts(), self._ages, self._waiting()
        self._ages = {}
        for key, count in counts.items():
            packets, missing = self._seen.get(key, (0, 0))
            came, lost = count.packets - packets, count.missing - missing
            self._seen[key] = count.packets, count.missing
            if came <= 0:
                continue  # it is silent, or its publisher has changed
            age = percentile(tuple(ages.get(key, ())), 0.5) or 0.0
            report = ReceiverReport(max(0, lost) / (came + max(0, lost)), age, waiting)
            if not report.is_fine:
                found[key] = report
        self._seen = {key: seen for key, seen in self._seen.items() if key in counts}
        return found
