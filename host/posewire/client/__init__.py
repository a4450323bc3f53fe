"""Programs on a desktop or a robot that take part in a room; ``posewire.connect`` is the way in."""

from posewire.client.connection import HostConnection
from posewire.client.endpoints import Endpoint
from posewire.client.pose_streams import ReceivedPose
from posewire.client.room import ReceivedFrame, Room
from posewire.client.room_client import RoomClient
from posewire.errors import HostUnreachableError

__all__ = [
    "Endpoint", "HostConnection", "HostUnreachableError", "ReceivedFrame", "ReceivedPose", "Room", "RoomClient",
]  # fmt: skip
