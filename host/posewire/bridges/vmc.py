"""A room in the Virtual Motion Capture protocol (VMC): the body of one member moves an avatar, or an avatar moves one.

Out: ``/VMC/Ext/OK``, ``/VMC/Ext/T``, ``/VMC/Ext/Root/Pos``, ``/VMC/Ext/Bone/Pos`` of the bones, blend shapes of eyes
and mouth where there is a face, or those that the member says in messages, and ``/VMC/Ext/Tra/Pos`` of each member with
a single quaternion. In: root and bones, which the room gets as ``quat55`` (the rotation of each bone) and ``world33``
(the landmarks of such a body), and blend shapes, which it gets as messages.
"""

import asyncio
import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from time import monotonic
from typing import Any

import numpy as np

from posewire.bridges.osc_ends import OscEnds
from posewire.bridges.osc_packets import IncomingOsc, Message
from posewire.bridges.udp import Address, datagrams
from posewire.bridges.vmc_blends import Blends, face_blends, read_blends
from posewire.client.room.messages import RoomMessage
from posewire.client.room.pose_streams import ReceivedPose
from posewire.client.room.room import Room
from posewire.client.sending.pose_sender import PoseSender
from posewire.errors import WireError
from posewire.skeleton.body_landmarks import world_landmarks
from posewire.skeleton.body_rig import BODY_SETS, BONE_SET, BodyRig, hips_height
from posewire.skeleton.humanoid import BONE_NAMES, BONES, Pose
from posewire.skeleton.rotations import IDENTITY, Rotation, multiply, normalized
from posewire.skeleton.suit_rig import SuitRig

_BODIES = (*BODY_SETS, BONE_SET)
_FACES = ("face468", "face478")
_TOGETHER = 0.005
"""Seconds in which bones belong to the same pose."""

_NOWHERE = (0.0, 0.0, 0.0)


class VmcBridge:
    """A bridge between a room and a program that speaks VMC.

    ``to``: where the avatar is (a "marionette"); None: nothing goes out. ``listen``: where bones come in; None: nothing
    does. ``device``: whose body it is, else the first that has one. ``aspect``: see ``BodyRig``. ``fps``: of what comes
    in, at most. ``suit``: what the quaternions of a suit of motion sensors are of.
    """

    def __init__(
        self,
        to: Address | None,
        listen: Address | None,
        *,
        device: str = "",
        aspect: float = 4 / 3,
        fps: float = 30.0,
        suit: SuitRig | None = None,
    ) -> None:
        self._ends = OscEnds(to, listen)
        self.publish, self.subscribe = self._ends.publish, self._ends.subscribe
        self._device = device
        self._chosen = device
        self._fps = fps
        self._rig = BodyRig(aspect)
        self._suit = suit
        self._blends: dict[str, float] = {}
        self._counts: Counter[str] = Counter()
        self._started = monotonic()
        self._sender: PoseSender | None = None
        self._bones: dict[str, Rotation] = {}
        self._root = IDENTITY
        self._moved = 0
        self._due: asyncio.TimerHandle | None = None
        self._next = 0.0
        self._incoming = IncomingOsc(self._handle)
        self._incoming_blends: Blends | None = None

    def counts(self) -> Mapping[str, int]:
        """Return the poses out and in, and what was refused of what came in."""
        return {word: self._counts[word] for word in ("poses out", "poses in")} | {"refused": self._incoming.refused}

    async def run(self, room: Room, ready: Callable[[str], None]) -> None:
        """Work until cancelled."""
        async with datagrams(self._receive, self._ends.listen) as socket:
            if self._ends.to is not None:

                def send(pose: ReceivedPose) -> None:
                    present = any(member.device == self._chosen for member in room.members.values())
                    self._ends.send(socket, self.pose_messages(pose, present))

                room.on("pose", send)
                room.on("message", self._hear)
            if self._ends.listen is not None:
                self._sender = room.sender(fps=self._fps)
                self._incoming_blends = Blends(room)
            ready(self._ends.described("VMC", socket))
            await asyncio.Event().wait()

    # --- out

    def pose_messages(self, pose: ReceivedPose, chosen_is_present: bool = True) -> Iterator[Message]:
        """Yield the messages of a pose: the avatar's, or a tracker's.

        ``chosen_is_present``: whether the member whose body moves the avatar is still in the room; else another may.
        """
        values: Mapping[str, Any] = pose.values
        if "quat1" in values and "quat1" not in self._bodies:
            w, x, y, z = normalized(tuple(values["quat1"][0].tolist()))
            self._counts["poses out"] += 1
            yield "/VMC/Ext/Tra/Pos", [pose.device, *_NOWHERE, *_unity(x, y, z), w]
            return
        has_body = any(name in values for name in self._bodies)
        if not self._device and has_body and (not self._chosen or not chosen_is_present):
            self._chosen = pose.device
        if pose.device != self._chosen:
            return
        moved, looked = self._move(values), self._face(values)
        if not moved and not looked:
            return
        self._counts["poses out"] += 1
        yield "/VMC/Ext/OK", [1]
        yield "/VMC/Ext/T", [monotonic() - self._started]
        yield "/VMC/Ext/Root/Pos", ["root", *_NOWHERE, *_arguments(IDENTITY)]
        for name, rotation in self._pose.items():
            place = BONES[name].place if name != "Hips" else (0.0, hips_height(values), 0.0)
            yield "/VMC/Ext/Bone/Pos", [name, *place, *_arguments(rotation)]
        if self._blends:
            for name, value in self._blends.items():
                yield "/VMC/Ext/Blend/Val", [name, value]
            yield "/VMC/Ext/Blend/Apply", []

    @property
    def _bodies(self) -> tuple[str, ...]:
        """The landmark sets that are a body."""
        return _BODIES if self._suit is None else (f"quat{len(self._suit.bones)}",)

    @property
    def _pose(self) -> Pose:
        return self._rig.pose if self._suit is None else self._suit.pose

    def _move(self, values: Mapping[str, Any]) -> bool:
        if self._suit is None:
            return self._rig.update(values)
        (name,) = self._bodies
        return name in values and self._suit.update(values[name])

    def _face(self, values: Mapping[str, Any]) -> bool:
        face = next((values[name] for name in _FACES if name in values), None)
        if face is None:
            return False
        self._blends = face_blends(face)
        return True

    def _hear(self, message: RoomMessage) -> None:
        """Take the blend shapes of the member whose body moves the avatar; they go out with its next pose."""
        if message.device == self._chosen:
            self._blends.update(read_blends(message.data))

    # --- in

    def _receive(self, data: bytes, sender: Address) -> None:
        if self._sender is None:
            return
        before = self._moved
        self._incoming.receive(data, sender)
        if self._moved != before and self._due is None:
            # Some programs send each bone in a datagram of its own: a pose is what has come together.
            loop = asyncio.get_running_loop()
            wait = max(_TOGETHER, self._next - loop.time())
            self._due = loop.call_later(wait, self._publish)

    def _handle(self, address: str, values: list[Any]) -> None:
        if address == "/VMC/Ext/Root/Pos":
            self._root = _rotation(address, values)
        elif address == "/VMC/Ext/Bone/Pos":
            rotation, name = _rotation(address, values), values[0]
            if name not in BONES:
                raise WireError(f"{name!r} is not a bone of a humanoid")
            self._bones[name] = rotation
            self._moved += 1
        elif address == "/VMC/Ext/Blend/Val" and self._incoming_blends is not None:
            self._incoming_blends.set(values)
        elif address == "/VMC/Ext/Blend/Apply" and self._incoming_blends is not None:
            self._incoming_blends.apply()

    def _publish(self) -> None:
        self._due, self._next = None, asyncio.get_running_loop().time() + 1 / self._fps
        if self._sender is None:
            return
        pose = {**self._bones, "Hips": multiply(self._root, self._bones.get("Hips", IDENTITY))}
        bones = np.array([pose.get(name, IDENTITY) for name in BONE_NAMES], np.float32)
        self._sender.send({BONE_SET: bones, "world33": world_landmarks(pose)})
        self._counts["poses in"] += 1


def _arguments(rotation: Rotation) -> tuple[float, float, float, float]:
    """A rotation as VMC writes it: x, y, z, w."""
    w, x, y, z = rotation
    return x, y, z, w


def _unity(x: float, y: float, z: float) -> tuple[float, float, float]:
    """The axis of a rotation in a space whose z is up, in Unity's, whose y is, and which turns the other way round."""
    return -x, -z, -y


def _rotation(address: str, values: list[Any]) -> Rotation:
    if (
        len(values) < 8
        or not isinstance(values[0], str)
        or not all(isinstance(value, int | float) for value in values[1:8])
    ):
        raise WireError(f"{address} is a name, a place (3 numbers) and a rotation (4), not {values}")
    x, y, z, w = values[4:8]
    if not all(map(math.isfinite, (x, y, z, w))):
        raise WireError(f"{address}: the rotation has a value that is not a number")
    return normalized((w, x, y, z))
