"""Programs on a desktop or a robot that take part in a room; ``posewire.connect`` is the way in."""

from posewire.client.connection import HostConnection
from posewire.client.endpoints import Endpoint
from posewire.client.room.frames import ReceivedFrame
from posewire.client.room.pose_streams import ReceivedPose
from posewire.client.room.room import Room
from posewire.client.room_client import RoomClient
from posewire.errors import HostUnreachableError

__all__ = [
    "Endpoint", "HostConnection", "HostUnreachableError", "ReceivedFrame", "ReceivedPose", "Room", "RoomClient",
]  # fmt: skip
