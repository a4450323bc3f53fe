"""Programs on a desktop or a robot that take part in a room; ``RoomClient`` is the way in."""

from posewire.client.room_client import HostUnreachableError, ReceivedFrame, ReceivedPose, RoomClient

__all__ = ["HostUnreachableError", "ReceivedFrame", "ReceivedPose", "RoomClient"]
