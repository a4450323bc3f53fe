"""A room in SlimeVR's tracker protocol: each member with a motion sensor is a tracker."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

from posewire.bridges.slimevr_tracker import SlimeTracker
from posewire.bridges.udp import Address
from posewire.client.room.pose_streams import ReceivedPose
from posewire.client.room.room import Room
from posewire.errors import PosewireError
from posewire.skeleton.orientation import Orientation
from posewire.skeleton.rotations import normalized
from posewire.task_scope import TaskScope
from posewire.terminal import warn

_REPORTS_EVERY = 10.0
_TRACKERS = 64
_EMPTY_VOLTS, _FULL_VOLTS = 3.3, 4.2

Reports = Callable[[], Awaitable[Iterable[Mapping[str, Any]]]]
"""Asks the host for its devices (``GET /api/devices``)."""


class SlimeBridge:
    """A bridge from a room to a SlimeVR server.

    A member with ``quat1`` or ``imu6`` becomes a tracker; of ``imu6`` the rotation is worked out here. ``reports``:
    asks for the boards' telemetry, for signal and battery. ``devices``: only these.
    """

    publish = ()
    subscribe = ("pose",)

    def __init__(self, server: Address, *, reports: Reports | None = None, devices: Iterable[str] = ()) -> None:
        self._server = server
        self._reports = reports
        self._only = set(devices)
        self._trackers: dict[str, SlimeTracker] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._orientations: dict[str, Orientation] = {}
        self._counts: Counter[str] = Counter()
        self._scope = TaskScope()

    def counts(self) -> Mapping[str, int]:
        """Return the trackers, those of them that the server knows, and the rotations that it got."""
        known = sum(tracker.known for tracker in self._trackers.values())
        return {"trackers": len(self._trackers), "known to the server": known, "rotations": self._counts["rotations"]}

    async def run(self, room: Room, ready: Callable[[str], None]) -> None:
        """Work until cancelled."""
        room.on("pose", self._follow)
        room.on("left", lambda event: self._forget(room))
        room.on("welcome", lambda event: self._forget(room))
        ready(f"SlimeVR at {self._server[0]}:{self._server[1]}")
        try:
            while True:
                await self._report()
                await asyncio.sleep(_REPORTS_EVERY)
        finally:
            await self._scope.close()
            for known in (self._trackers, self._tasks, self._orientations):
                known.clear()

    def _follow(self, pose: ReceivedPose) -> None:
        values: Mapping[str, Any] = pose.values
        if ("quat1" not in values and "imu6" not in values) or (self._only and pose.device not in self._only):
            return
        tracker = self._trackers.get(pose.device)
        if tracker is None:
            if len(self._trackers) >= _TRACKERS:
                return
            tracker = self._trackers[pose.device] = SlimeTracker(pose.device, self._server)
            self._tasks[pose.device] = self._scope.spawn(tracker.run(), f"tracker {pose.device}")
            self._orientations[pose.device] = Orientation()
        orientation, acceleration = self._orientations[pose.device], None
        if "imu6" in values:
            # Also while the server is away: it learns the gyroscope's error.
            orientation.update(values["imu6"].tolist(), pose.pose.time_ms / 1000)
            rotation, acceleration = orientation.rotation, orientation.acceleration
        if "quat1" in values:
            rotation = normalized(tuple(values["quat1"][0].tolist()))
        self._counts["rotations"] += tracker.turn(rotation, acceleration)

    def _forget(self, room: Room) -> None:
        """End the trackers of those who have left."""
        present = {member.device for member in room.members.values()}
        for device in [device for device in self._trackers if device not in present]:
            self._tasks.pop(device).cancel()
            del self._trackers[device], self._orientations[device]

    async def _report(self) -> None:
        if self._reports is None:
            return
        try:
            found = await self._reports()
        except PosewireError as error:
            warn(f"trackers show no signal and no battery: {error}")
            self._reports = None
            return
        for device in found:
            tracker, report = self._trackers.get(device["device"]), device.get("report") or {}
            if tracker is not None:
                tracker.report(report.get("rssi"), _battery(report))


def _battery(report: Mapping[str, Any]) -> tuple[float, float] | None:
    """The voltage and the share of a battery in a board's telemetry; what is missing is worked out from the other."""
    millivolts: int | None = report.get("battery_mv")
    percent: int | None = report.get("battery")
    span = _FULL_VOLTS - _EMPTY_VOLTS
    if percent is None:
        if millivolts is None:
            return None
        percent = round(100 * (millivolts / 1000 - _EMPTY_VOLTS) / span)
    share = min(max(percent / 100, 0.0), 1.0)
    return (_EMPTY_VOLTS + span * share if millivolts is None else millivolts / 1000), share
