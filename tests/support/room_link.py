"""A member's connection, as a room sees it."""

from collections.abc import Mapping
from typing import Any

from posewire.rooms.frame import RoomFrame


class NotingLink:
    """A ``Link`` that notes what it is told, and takes frames while it is not ``congested``."""

    def __init__(self) -> None:
        self.congested = False
        self.lossy = False
        self.queued_bytes = 0
        self.events: list[dict[str, Any]] = []
        self.frames: list[RoomFrame] = []
        self.controls: list[bytes] = []
        self.out = False
        """Whether the room has removed it."""

    def send_room_event(self, event: Mapping[str, Any]) -> None:
        self.events.append(dict(event))

    def send_room_frame(self, frame: RoomFrame, always: bool = False) -> bool:
        if self.congested and not always:
            return False
        self.frames.append(frame)
        return True

    def send_pose_control(self, packet: bytes) -> None:
        self.controls.append(packet)

    def removed(self) -> None:
        self.out = True

    @property
    def payloads(self) -> list[bytes]:
        """The payloads of the frames."""
        return [frame.payload for frame in self.frames]

    def story(self) -> list[str]:
        """Return the names of the events since the last call."""
        names = [event["event"] for event in self.events]
        self.events.clear()
        return names
