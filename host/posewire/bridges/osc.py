"""A room in Open Sound Control: poses and messages out, poses and any other address in.

Out: ``/posewire/pose/DEVICE/SET`` with the values of a landmark set, landmark by landmark (or one message a landmark),
``/posewire/joined DEVICE``, ``/posewire/left DEVICE``, ``/posewire/message/DEVICE JSON``. In: ``/posewire/pose/SET`` or
``/posewire/pose/ANYTHING/SET`` with values, and every other address as a message to the room, which another such bridge
says again as the OSC that it was.
"""

import asyncio
import json
import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from posewire.bridges.osc_ends import OscEnds
from posewire.bridges.osc_packets import IncomingOsc, Message, address_part
from posewire.bridges.udp import Address, Datagrams, datagrams
from posewire.client.room.messages import RoomMessage
from posewire.client.room.pose_streams import ReceivedPose
from posewire.client.room.room import Room
from posewire.client.sending.pose_sender import PoseSender
from posewire.errors import PosewireError, WireError
from posewire.wire.pose import landmark_set

_PREFIX = "/posewire"
_STREAMS = 16
_ADDRESSES = 100
"""Other addresses whose newest values may wait for their message to the room."""

_MESSAGES_EVERY = 0.05


class OscBridge:
    """A bridge between a room and a program that speaks OSC.

    ``to``: where what the room says goes; None: nothing goes out. ``listen``: where OSC is received; None: nothing
    comes in. ``by_landmark``: one message a landmark instead of one a set. ``fps``: of what comes in, at most.
    """

    def __init__(
        self, to: Address | None, listen: Address | None, *, by_landmark: bool = False, fps: float = 60.0
    ) -> None:
        self._ends = OscEnds(to, listen)
        self.publish, self.subscribe = self._ends.publish, self._ends.subscribe
        self._by_landmark = by_landmark
        self._fps = fps
        self._counts: Counter[str] = Counter()
        self._senders: dict[str, PoseSender] = {}
        self._others: dict[str, list[Any]] = {}
        self._room: Room | None = None
        self._incoming = IncomingOsc(self._handle)

    def counts(self) -> Mapping[str, int]:
        """Return the poses and messages out and in, and what was refused of what came in."""
        words = ("poses out", "messages out", "poses in", "messages in")
        return {word: self._counts[word] for word in words} | {"refused": self._incoming.refused}

    async def run(self, room: Room, ready: Callable[[str], None]) -> None:
        """Work until cancelled."""
        self._room = room
        self._senders.clear()
        async with datagrams(self._receive, self._ends.listen) as socket:
            if self._ends.to is not None:
                room.on("pose", lambda pose: self._send(socket, self.pose_messages(pose), "poses out"))
                room.on("message", lambda message: self._say(socket, message))
                room.on("joined", lambda event: self._tell(socket, "joined", event["member"]["device"]))
                devices = {number: member.device for number, member in room.members.items()}
                room.on(
                    "joined", lambda event: devices.update({event["member"]["member_id"]: event["member"]["device"]})
                )
                room.on("left", lambda event: self._tell(socket, "left", devices.pop(event["member_id"], "")))
            ready(self._ends.described("OSC", socket))
            while True:
                await asyncio.sleep(_MESSAGES_EVERY)
                await self._post_others(room)

    # --- out

    def pose_messages(self, pose: ReceivedPose) -> Iterator[Message]:
        """Yield the messages of a pose."""
        device = address_part(pose.device)
        for name, values in pose.values.items():
            array = np.asarray(values)
            address = f"{_PREFIX}/pose/{device}/{name}"
            if not self._by_landmark:
                yield address, array.ravel().tolist()
                continue
            for number, landmark in enumerate(array.tolist()):
                if not math.isnan(landmark[0]):
                    yield f"{address}/{number}", landmark

    def _send(self, socket: Datagrams, messages: Iterator[Message], word: str) -> None:
        self._ends.send(socket, messages)
        self._counts[word] += 1

    def _tell(self, socket: Datagrams, what: str, device: str) -> None:
        self._send(socket, iter([(f"{_PREFIX}/{what}", [device])]), "messages out")

    def _say(self, socket: Datagrams, message: RoomMessage) -> None:
        said = message.data
        if isinstance(said, bytes):
            messages: list[Message] = [(f"{_PREFIX}/message/{address_part(message.device)}", [said])]
        elif isinstance(said, dict) and isinstance(said.get("osc"), dict):
            messages = [(str(address), values) for address, values in said["osc"].items() if _is_osc(address, values)]
        else:
            messages = [(f"{_PREFIX}/message/{address_part(message.device)}", [json.dumps(said)])]
        if messages:
            self._send(socket, iter(messages), "messages out")

    # --- in

    def _receive(self, data: bytes, sender: Address) -> None:
        if self._ends.listen is not None and self._room is not None:
            self._incoming.receive(data, sender)

    def _handle(self, address: str, values: list[Any]) -> None:
        assert self._room is not None
        parts = address.split("/")
        if parts[1:3] == ["posewire", "pose"] and len(parts) in (4, 5):
            self._publish(parts[-1], values)
        elif len(self._others) < _ADDRESSES or address in self._others:
            # Of a fader that moves only the newest value counts.
            self._others[address] = [value for value in values if isinstance(value, str | int | float | bool)]
        else:
            raise WireError(f"more than {_ADDRESSES} addresses in {1000 * _MESSAGES_EVERY:g} ms")

    def _publish(self, name: str, values: list[Any]) -> None:
        assert self._room is not None
        spec = landmark_set(name)
        if not values or not all(isinstance(value, int | float) for value in values):
            raise WireError(f"{name}: a pose must consist of numbers")
        if len(values) % spec.landmarks:
            raise WireError(f"{name} needs a multiple of {spec.landmarks} numbers, not {len(values)}")
        sender = self._senders.get(name)
        if sender is None:
            if len(self._senders) >= _STREAMS:
                raise WireError(f"more than {_STREAMS} landmark sets")
            sender = self._senders[name] = self._room.sender(fps=self._fps)
        sender.send({name: np.array(values, np.float32).reshape(spec.landmarks, -1)})
        self._counts["poses in"] += 1

    async def _post_others(self, room: Room) -> None:
        if not self._others:
            return
        said, self._others = self._others, {}
        try:
            room.post({"osc": said})
            self._counts["messages in"] += len(said)
        except PosewireError as error:
            self._incoming.refuse(str(error), len(said))


def _is_osc(address: Any, values: Any) -> bool:
    """Whether a message of a member may be said as OSC."""
    plain = isinstance(values, list) and all(isinstance(value, str | int | float | bool) for value in values)
    return plain and isinstance(address, str) and address.startswith("/") and address == _plain(address)


def _plain(address: str) -> str:
    return "/".join(part and address_part(part) for part in address.split("/"))
