"""The place of one connection in a room."""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from posewire.address_group import limited_group
from posewire.errors import WireError
from posewire.hub import ConnectionHub
from posewire.rooms.directory import RoomDirectory
from posewire.rooms.frame import RoomFrame
from posewire.rooms.member import Member
from posewire.rooms.quality import ReceiverReport
from posewire.rooms.room import Room
from posewire.server.connection.datagram_way import PeerDatagrams
from posewire.server.connection.peer import Peer
from posewire.server.connection.resumable_state import ResumableState
from posewire.server.connection.resumption import SessionResumption
from posewire.server.state.shared_states import StateDirectory, room_state
from posewire.server.transport.framing import binary_frame
from posewire.server.transport.peer_socket import PeerSocket
from posewire.wire.frames import LONGEST_HEADER, FrameType, build_frame
from posewire.wire.room_actions import RoomAction

# Of a text message, beside the event: the session's id.
_ENVELOPE = 64


@dataclass(frozen=True)
class RoomAccess:
    """The parts of the host that the links of all connections share."""

    rooms: RoomDirectory
    hub: ConnectionHub[Peer]
    """Members are in its group of their room."""

    states: StateDirectory
    resumption: SessionResumption
    counters: Counter[str]


class RoomLink:
    """A connection in a room: the room's way to the peer (``rooms.member.Link``), and the peer's way into the room.

    It is small, and apart from the connection, because a room uses one for every frame that it delivers.
    """

    __slots__ = (
        "_access", "_audio_time", "_datagrams", "_longest", "_peer", "_protocol", "_websocket", "member", "room",
    )  # fmt: skip

    def __init__(self, peer: Peer, websocket: PeerSocket, access: RoomAccess) -> None:
        self.room: Room | None = None
        self.member: Member | None = None
        """The peer's place in ``room``: both are set, or neither."""

        self._peer = peer
        self._websocket = websocket
        self._access = access
        self._protocol = 1
        self._longest = 0
        self._audio_time = False
        self._datagrams: PeerDatagrams | None = None

    # --- from the room (rooms.member.Link)

    @property
    def congested(self) -> bool:
        """Whether the send buffer is over its limit."""
        return self._websocket.congested

    @property
    def queued_bytes(self) -> int:
        """Bytes that wait in the send buffer."""
        return self._websocket.queued_bytes

    @property
    def lossy(self) -> bool:
        """Whether expendable frames go by a way on which they may be lost."""
        return self._datagrams is not None and self._datagrams.works

    def send_room_frame(self, frame: RoomFrame, always: bool = False) -> bool:
        """Send another member's frame, unless it is longer than this device accepts: it would disconnect.

        Returns False if nothing was sent because the connection is congested (``always``: it is sent all the same).
        """
        websocket = self._websocket
        if self._datagrams is not None and not always and (sent := self._datagrams.send(frame)) is not None:
            return sent
        if websocket.congested and not always:
            return False
        if self._longest and len(frame.payload) > self._longest:
            self._access.counters["room_frames_too_long"] += 1
            return True
        if self._audio_time and frame.time_ms is not None:
            framed = frame.framed_timed or frame_for_all(frame, 3, timed=True)
        elif self._protocol == 3:
            framed = frame.framed_3 or frame_for_all(frame, 3)
        else:
            framed = frame.framed_2 or frame_for_all(frame, 2)
        websocket.send_framed(framed)
        return True

    def send_room_event(self, event: Mapping[str, Any]) -> None:
        """Send a ``room`` message; of a welcome that is longer than the device takes, without the other members."""
        if self._longest and len(event.get("members", ())) > 1 and len(json.dumps(event)) + _ENVELOPE > self._longest:
            own = [member for member in event["members"] if member["member_id"] == event["member_id"]]
            event = {**event, "members": own, "members_left_out": len(event["members"]) - len(own)}
        self._peer.send(event)

    def send_pose_control(self, packet: bytes) -> None:
        """Send this device, which publishes poses, a control packet."""
        self._websocket.send_binary(build_frame(FrameType.POSE, packet, self._protocol))

    def removed(self) -> None:
        """Note that the room has removed this member, or is closed."""
        self._peer.log.info("removed", room=self.name)
        self._detach()

    @property
    def held_bytes(self) -> int:
        """Bytes of frames that the room keeps for this member."""
        return self.member.held_bytes if self.member is not None else 0

    # --- from the peer (peer.PeerRoom)

    @property
    def name(self) -> str:
        """The name of the room; empty when there is none."""
        return self.room.name if self.room is not None else ""

    @property
    def version(self) -> int | None:
        """The number of changes of the room so far; None when there is none."""
        return self.room.version if self.room is not None else None

    def join(self, action: RoomAction) -> None:
        """Join a room, and leave the one before it; a refused peer stays where it is.

        Raises:
            RoomError: the room or the host is full, or the room does not admit this peer.
            WireError: the peer asks for frames that its frame protocol cannot carry.
        """
        peer = self._peer
        self._check_kinds(action)
        self._read_hello()
        room, member = self._access.rooms.join(action, peer.device_id, self, peer.uplink, limited_group(peer.address))
        self.leave()
        self._access.resumption.discard(peer.device_id)
        self.attach(room, member)
        self.enter_group()
        peer.log.info("joined", room=action.room, member_id=member.member_id, role=member.role)

    def leave(self) -> None:
        """Leave the room; does nothing when there is none."""
        room, member = self.room, self.member
        if room is not None and member is not None:
            self._peer.log.info("left", room=room.name, dropped=sum(member.dropped.values()))
            self._access.rooms.leave(room, member)
            self._detach()

    def handle(self, action: RoomAction) -> None:
        """Carry out an action of a member: ``subscribe``, ``kick``, ``send``, and so on.

        Raises:
            WireError: ``not_in_room``: the peer is in no room.
            RoomError: the peer does not own the room (``not_owner``), or the action is not possible.
        """
        room, member = self.room, self.member
        if room is None or member is None:
            if action.action == "report":
                return  # it was on its way when the room was over
            raise WireError("join a room first", "not_in_room")
        match action.action:
            case "subscribe":
                self._check_kinds(action)
                room.resubscribe(member, action.subscribe)
            case "lock" | "unlock":
                room.lock(member, action.action == "lock")
            case "kick":
                self._peer.log.info("kick", room=room.name, member_id=action.member_id, reason=action.reason)
                self._access.rooms.kick(room, member, action.member_id, action.reason)
            case "role":
                room.pass_on(member, action.member_id)
            case "replay":
                room.replay(member, action.member_id, action.frames)
            case "info":
                room.inform(member)
            case "report":
                troubles = {key: ReceiverReport(*figures) for key, figures in action.troubles.items()}
                room.reports.receive(member, troubles)
            case "send" if action.message is not None:
                room.send_message(member, action.message)
            case "catch_up":
                room.catch_up(member, action.after)

    def publish_audio(self, payload: bytes, time_ms: int | None = None) -> None:
        """Publish an audio frame, with its time where that is known; does nothing when there is no room."""
        if self.room is not None and self.member is not None:
            self.room.fan_out.publish_audio(self.member, payload, time_ms)

    def publish_pose(self, packet: bytes, member_id: int, lossy: bool = False) -> None:
        """Publish a pose packet, or pass a control packet on to the publisher ``member_id`` (not 0).

        ``lossy``: it came on a way on which others may be lost.

        Raises:
            WireError: ``not_in_room``: the peer is in no room.
            PoseError: the packet's header does not parse.
            RoomError: see ``FanOut.publish_pose`` and ``FanOut.control_pose``.
        """
        room, member = self.room, self.member
        if room is None or member is None:
            raise WireError("join a room before sending pose packets", "not_in_room")
        if member_id:
            room.fan_out.control_pose(member, member_id, packet)
        else:
            room.fan_out.publish_pose(member, packet, lossy)

    # --- the connection's life

    def attach(self, room: Room, member: Member) -> None:
        """Use the place that ``member`` is in ``room``."""
        self.room, self.member = room, member

    def resume(self, state: ResumableState) -> None:
        """Use the place of an earlier connection, if it is still there and this peer's token allows it.

        Call ``welcome`` when the peer has had the answer to its hello.
        """
        room, member, peer = state.room, state.member, self._peer
        if room is None or member is None or room.members.get(member.member_id) is not member:
            return  # kicked, or the room was closed, meanwhile
        allows = peer.identity.principal.allows
        enter = f"room.watch:{room.name}" if member.role == "watcher" else f"room.join:{room.name}"
        if not allows(enter) or (member.publish and not allows(f"room.publish:{room.name}")):
            self._access.rooms.leave(room, member)
            member.link = None  # the earlier connection's: the two hold each other
            self._access.states.drop_if_gone(room_state(room.name))
            return
        self._read_hello()
        self.attach(room, member)
        room.back(member, self, peer.uplink)

    def welcome(self) -> None:
        """Tell a peer that has resumed its place about the room; does nothing when there is none."""
        if self.room is not None and self.member is not None:
            self.enter_group()
            self.room.welcome(self.member)

    def enter_group(self) -> None:
        """Enter the hub's group of the room."""
        self._access.hub.join(self._peer.session_id, "room", self.name)

    def drained(self) -> None:
        """Let the room send the frames that waited for the send buffer."""
        if self.room is not None and self.member is not None:
            self.room.fan_out.drained(self.member)

    def hand_over(self) -> None:
        """Give the place up without leaving the room: another connection takes it."""
        self.room = self.member = None

    def close(self, leave: bool) -> None:
        """Leave the room, or be away from it until the session is resumed; drop the reference to the connection."""
        if leave:
            self.leave()
        elif self.room is not None and self.member is not None:
            self.room.away(self.member)
            self.hand_over()
        del self._peer  # the two hold each other

    def _read_hello(self) -> None:
        peer = self._peer
        self._protocol = peer.protocol
        self._audio_time = peer.audio_time
        self._datagrams = peer.datagrams
        self._longest = max(0, peer.hello.max_message - LONGEST_HEADER) if peer.hello is not None else 0

    def _detach(self) -> None:
        name = self.name
        if self.member is not None:
            self.member.link = None  # the two hold each other
        self.room = self.member = None
        self._access.hub.leave(self._peer.session_id, "room", name)
        self._access.states.drop_if_gone(room_state(name))

    def _check_kinds(self, action: RoomAction) -> None:
        kinds = action.subscribe.kinds
        if "pose" in action.publish | kinds and not self._peer.pose:
            raise WireError('pose in a room needs frame protocol 3 and "features":{"pose":true} in the hello')
        if self._peer.protocol == 1 and "audio" in kinds:
            raise WireError("frame protocol 1 cannot tell a member's audio from the host's: use 2 or 3")


def frame_for_all(frame: RoomFrame, protocol: int, timed: bool = False) -> bytes:
    """Serialise a frame for every link of a frame protocol, and keep that with the frame; ``timed``: with its time."""
    if timed:
        frame.framed_timed = binary_frame(*frame.timed())
        return frame.framed_timed
    framed = binary_frame(frame.payload, frame.header(protocol))
    if protocol == 3:
        frame.framed_3 = framed
    else:
        frame.framed_2 = framed
    return framed
