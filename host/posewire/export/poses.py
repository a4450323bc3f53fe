"""The poses of a recording, decoded, one after the other."""

from collections import Counter
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from posewire.client.room.member import RoomMember, follow_members
from posewire.errors import ConfigError, PoseError
from posewire.rooms.recording import EVENT, POSE, read_recording
from posewire.wire.pose import Kind, PoseDecoder, parse_header

Told = Callable[[int], None]


@dataclass(frozen=True)
class RecordedPose:
    """A pose of a recording. ``time_s``: since the recording began; ``sent_ms``: on its publisher's clock."""

    time_s: float
    sent_ms: int
    device: str
    stream: int
    values: dict[str, NDArray[np.float32]]


@dataclass(frozen=True)
class Wanted:
    """The part of a recording that is wanted; where nothing is named, everything."""

    devices: Collection[str] = ()
    sets: Collection[str] = ()

    def of(self, pose: RecordedPose) -> RecordedPose | None:
        """Return what is wanted of a pose; None: nothing."""
        if self.devices and pose.device not in self.devices:
            return None
        if not self.sets:
            return pose
        values = {name: found for name, found in pose.values.items() if name in self.sets}
        return RecordedPose(pose.time_s, pose.sent_ms, pose.device, pose.stream, values) if values else None


class RecordedPoses:
    """Iterates over the poses of a recording, in the order in which they came.

    ``told`` is called with the number of bytes read so far.
    ``undecodable``: how many packets did not decode so far: those before a stream's first key, and after a loss.
    """

    def __init__(self, file: Path, wanted: Wanted | None = None, told: Told | None = None) -> None:
        self.undecodable = 0
        self._told = told
        self._file = file
        self._wanted = wanted or Wanted()

    def __iter__(self) -> Iterator[RecordedPose]:
        """Begin at the beginning."""
        self.undecodable = 0
        members: dict[int, RoomMember] = {}
        decoders: dict[tuple[str, int], PoseDecoder] = {}
        for record in read_recording(self._file, self._told):
            if record.kind == EVENT:
                follow_members(members, record.event())
            elif record.kind == POSE and (header := parse_header(record.payload)) is not None:
                if header.kind is Kind.CONTROL:
                    continue
                member = members.get(record.member_id)
                device = member.device if member is not None else str(record.member_id)
                decoder = decoders.get((device, header.stream))
                if decoder is None:
                    decoder = decoders[device, header.stream] = PoseDecoder(stream=header.stream)
                try:
                    frame = decoder.decode(record.payload, record.time_us / 1000)
                except PoseError:
                    self.undecodable += 1
                    continue
                if frame is None:
                    continue
                pose = RecordedPose(record.time_us / 1e6, frame.time_ms, device, header.stream, frame.values)
                if (found := self._wanted.of(pose)) is not None:
                    yield found


Source = tuple[str, int, str]
"""A device, a stream of it, a landmark set in that."""


def only_source(file: Path, wanted: Wanted, sets: Collection[str] = (), told: Told | None = None) -> Source:
    """Return the one device, stream and set that is wanted of a recording. ``sets``: those that will do.

    Raises:
        ConfigError: there are several, which the message names, or none.
    """
    found: Counter[Source] = Counter()
    for pose in RecordedPoses(file, wanted, told):
        found.update((pose.device, pose.stream, name) for name in pose.values if not sets or name in sets)
    if not found:
        raise ConfigError(f"{file} has no poses {'of ' + ', '.join(sorted(sets)) if sets else 'that are wanted'}")
    if len(found) > 1:
        what = ", ".join(f"{name} of {device} ({count} frames)" for (device, _, name), count in sorted(found.items()))
        raise ConfigError(
            f"this format holds one landmark set of one device: choose by --device and --set among {what}"
        )
    return next(iter(found))


def plain(values: NDArray[np.float32]) -> list[list[Any]]:
    """Return values as lists, None for what is missing; with the digits that a float32 has."""
    return [[None if value != value else float(f"{value:.7g}") for value in row] for row in values.tolist()]
