"""A connection's place in a room."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from posewire.errors import WireError
from posewire.rooms.frame import RoomFrame
from posewire.rooms.member import Member
from posewire.rooms.room import Room
from posewire.server.connection.resume import forget_states, give_up_held
from posewire.server.transport.websocket import binary_frame
from posewire.wire.frames import LONGEST_HEADER, FrameType, build_frame
from posewire.wire.messages import RoomAction

if TYPE_CHECKING:
    from posewire.server.connection.handler import ConnectionHandler


class RoomSeat:
    """A member and its connection: the room's way to it (``rooms.member.Link``), and its way into the room.

    It is small, and beside the connection, because a room touches one for every frame that it delivers.
    """

    __slots__ = ("_conn", "_longest", "_protocol", "_websocket", "member", "room")

    room: Room
    member: Member

    def __init__(self, conn: "ConnectionHandler") -> None:
        self._conn = conn
        self._websocket = conn.websocket
        self._protocol = conn.protocol
        self._longest = max(0, conn.hello.max_message - LONGEST_HEADER) if conn.hello is not None else 0

    # --- from the room (rooms.member.Link)

    @property
    def congested(self) -> bool:
        """Whether the send buffer is over its limit."""
        return self._websocket.congested

    def send_room_frame(self, frame: RoomFrame, always: bool = False) -> bool:
        """Send another member's frame, unless it is longer than what this device takes: it would hang up.

        False: nothing was sent, the connection is congested (``always``: sent all the same).
        """
        websocket = self._websocket
        if websocket.congested and not always:
            return False
        if self._longest and len(frame.payload) > self._longest:
            self._conn.services.counters["room_frames_too_long"] += 1
            return True
        framed = frame.framed.get(self._protocol)
        if framed is None:
            framed = frame.framed[self._protocol] = binary_frame(frame.message(self._protocol))
        websocket.send_framed(framed)
        return True

    def send_room_event(self, event: Mapping[str, Any]) -> None:
        """Send a ``room`` message."""
        self._conn.send(event)

    def send_pose_control(self, packet: bytes) -> None:
        """Send this device, who publishes, a control packet."""
        self._websocket.send_binary(build_frame(FrameType.POSE, packet, self._protocol))

    def removed(self) -> None:
        """Learn that the room is no longer this connection's."""
        self._conn.log.info("removed", room=self.room.name)
        self._given_up()

    # --- from the device

    def take_pose(self, packet: bytes, slot: int) -> None:
        """Publish a pose packet, or pass a control packet (``slot`` not 0) to its publisher.

        Raises:
            PoseError: the packet's header does not parse.
            RoomError: see ``FanOut.publish_pose`` and ``FanOut.control_pose``.
        """
        if slot:
            self.room.fan_out.control_pose(self.member, slot, packet)
        else:
            self.room.fan_out.publish_pose(self.member, packet)

    def act(self, action: RoomAction) -> None:
        """Do what a member asks in its room.

        Raises:
            RoomError: the member does not own the room (``not_owner``), or the action is not possible.
        """
        room, member = self.room, self.member
        match action.action:
            case "subscribe":
                _check_kinds(self._conn, action)
                room.resubscribe(member, action.subscribe)
            case "lock" | "unlock":
                room.lock(member, action.action == "lock")
            case "kick":
                self._conn.log.info("kick", room=room.name, slot=action.slot, reason=action.reason)
                self._conn.services.rooms.kick(room, member, action.slot, action.reason)
            case "role":
                room.pass_on(member, action.slot)
            case "replay":
                room.replay(member, action.slot, action.frames)

    def leave(self) -> None:
        """Leave the room."""
        self._conn.log.info("left", room=self.room.name, dropped=sum(self.member.dropped.values()))
        self._conn.services.rooms.leave(self.room, self.member)
        self._given_up()

    # --- coming and going

    def sit(self, room: Room, member: Member) -> None:
        """Take the place that ``member`` is."""
        self.room, self.member = room, member

    def enter_group(self) -> None:
        """Be in the hub's group of the room."""
        self._conn.services.hub.join(self._conn.session_id, "room", self.room.name)

    def _given_up(self) -> None:
        conn = self._conn
        conn.seat = self.member.link = None  # the two hold each other
        conn.services.hub.leave(conn.session_id, "room", self.room.name)
        forget_states(conn.services, conn.device_id, self.room)


def join_room(conn: "ConnectionHandler", action: RoomAction) -> None:
    """Join a room; a peer is in one room at a time, and stays in it when the new one does not take it.

    Raises:
        RoomError: the room or the host is full.
        WireError: pose wanted without ``features.pose``.
    """
    _check_kinds(conn, action)
    seat = RoomSeat(conn)
    seat.sit(*conn.services.rooms.join(action, conn.device_id, seat, conn.audio))
    if conn.seat is not None:
        conn.seat.leave()
    give_up_held(conn.services, conn.device_id)
    conn.seat = seat
    seat.enter_group()
    conn.log.info("joined", room=action.room, slot=seat.member.slot, role=seat.member.role)


def come_back(conn: "ConnectionHandler", room: Room | None, member: Member | None) -> None:
    """Take the place that an earlier connection had, where it is still there and this one's token allows it."""
    if room is None or member is None or room.members.get(member.slot) is not member:
        return  # kicked, or the room was closed, meanwhile
    allows = conn.identity.principal.allows
    if not allows(f"room.join:{room.name}") or (member.publish and not allows(f"room.publish:{room.name}")):
        conn.services.rooms.leave(room, member)
        member.link = None  # the earlier connection's seat: the two hold each other
        forget_states(conn.services, conn.device_id, room)
        return
    conn.seat = RoomSeat(conn)
    conn.seat.sit(room, member)
    room.back(member, conn.seat, conn.audio)


def _check_kinds(conn: "ConnectionHandler", action: RoomAction) -> None:
    kinds = action.subscribe.kinds
    if "pose" in action.publish | kinds and not conn.pose:
        raise WireError('pose in a room needs frame protocol 3 and "features":{"pose":true} in the hello')
    if conn.protocol == 1 and "audio" in kinds:
        raise WireError("frame protocol 1 cannot tell a member's audio from the host's: use 2 or 3")
