"""A room in the Lab Streaming Layer (LSL): each landmark set of each member is a stream, messages are markers."""

import asyncio
import json
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from posewire.client.room.messages import RoomMessage
from posewire.client.room.pose_streams import ReceivedPose
from posewire.client.room.room import Room
from posewire.errors import ConfigError

_KIND = "MoCap"
_STREAMS = 256
_LONGEST_BUFFER = 360
"""Seconds that an outlet keeps for a recorder that has lost its connection."""

_CHANNELS = {"quat": ("w", "x", "y", "z"), "coco17": ("x", "y", "score")}
_OF_LANDMARKS = ("x", "y", "z", "visibility")


class LslBridge:
    """A bridge from a room to whatever records or shows LSL streams on the network."""

    publish = ()
    subscribe = ("pose",)

    def __init__(self) -> None:
        try:
            import pylsl
        except ImportError:
            raise ConfigError("this needs pylsl: pip install 'posewire[lsl]'") from None
        except RuntimeError as error:  # the package is there, the library that it loads is not
            raise ConfigError(f"pylsl finds no liblsl on this system: {error}") from None
        self._lsl = pylsl
        self._outlets: dict[tuple[str, int, str], Any] = {}
        self._markers: Any = None
        self._counts: Counter[str] = Counter()

    def counts(self) -> Mapping[str, int]:
        """Return the streams that there are, and the poses and messages that went out."""
        return {"streams": len(self._outlets), **{word: self._counts[word] for word in ("poses", "messages")}}

    async def run(self, room: Room, ready: Callable[[str], None]) -> None:
        """Work until cancelled."""
        self._markers = self._marker_outlet(room)
        room.on("pose", lambda pose: self._send(room, pose))
        room.on("message", self._mark)
        room.on("left", lambda event: self._forget(room))
        room.on("welcome", lambda event: self._forget(room))
        ready("LSL streams on this network")
        try:
            await asyncio.Event().wait()
        finally:
            # A stream is on the network for as long as its outlet is there.
            self._outlets.clear()
            self._markers = None

    def _send(self, room: Room, pose: ReceivedPose) -> None:
        if self._markers is None:
            return
        self._counts["poses"] += 1
        # Without the jitter of the network: as the sample would have come by the fastest way.
        at = self._lsl.local_clock() - pose.age_ms / 1000
        for name, values in pose.values.items():
            array = np.asarray(values)
            outlet = self._outlet(room, pose, name, array.shape)
            if outlet is not None:
                outlet.push_sample(array.ravel().tolist(), at)

    def _outlet(self, room: Room, pose: ReceivedPose, name: str, shape: tuple[int, ...]) -> Any:
        """The stream of a set; None where there are too many."""
        key = (pose.device, pose.pose.stream, name)
        outlet = self._outlets.get(key)
        if outlet is not None and outlet.channel_count == shape[0] * shape[1]:
            return outlet
        if len(self._outlets) >= _STREAMS:
            return None
        source = f"posewire:{room.name}:{pose.device}:{pose.pose.stream}:{name}"
        info = self._lsl.StreamInfo(f"{pose.device} {name}", _KIND, shape[0] * shape[1], 0.0, "float32", source)
        described = info.desc()
        for label, value in (("manufacturer", "Posewire"), ("room", room.name), ("device", pose.device), ("set", name)):
            described.append_child_value(label, value)
        channels = described.append_child("channels")
        for label in channel_labels(name, shape[0], shape[1]):
            channels.append_child("channel").append_child_value("label", label)
        outlet = self._outlets[key] = self._lsl.StreamOutlet(info, max_buffered=_LONGEST_BUFFER)
        return outlet

    def _marker_outlet(self, room: Room) -> Any:
        info = self._lsl.StreamInfo(
            f"{room.name} messages", "Markers", 1, 0.0, "string", f"posewire:{room.name}:messages"
        )
        return self._lsl.StreamOutlet(info)

    def _mark(self, message: RoomMessage) -> None:
        if self._markers is None:
            return
        said = message.data.hex() if isinstance(message.data, bytes) else message.data
        self._markers.push_sample([json.dumps({"device": message.device, "message": said})])
        self._counts["messages"] += 1

    def _forget(self, room: Room) -> None:
        """End the streams of those who have left."""
        present = {member.device for member in room.members.values()}
        for key in [key for key in self._outlets if key[0] not in present]:
            del self._outlets[key]


def channel_labels(name: str, landmarks: int, channels: int) -> list[str]:
    """Return the names of a stream's channels, ``13.x`` for x of landmark 13."""
    named = next((found for start, found in _CHANNELS.items() if name.startswith(start)), _OF_LANDMARKS)
    labels = [named[channel] if channel < len(named) else f"c{channel}" for channel in range(channels)]
    return [f"{landmark}.{label}" for landmark in range(landmarks) for label in labels]
