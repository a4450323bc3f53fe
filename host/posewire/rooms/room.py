"""A room: its members, their slots and roles, and the fan-out of what they publish."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from posewire.errors import PoseError, RoomError
from posewire.rooms.pose_stream import PoseStream
from posewire.rooms.settings import RoomSettings
from posewire.wire.frames import FrameType, build_frame
from posewire.wire.messages import RoomKind
from posewire.wire.pose import Control, Kind, control, parse_control, parse_header

_SLOTS = 255


class RoomFrame:
    """One published frame on its way to many: serialised once per frame protocol."""

    def __init__(self, kind: RoomKind, payload: bytes, slot: int) -> None:
        self.kind = kind
        self.payload = payload
        self.slot = slot
        self.framed: dict[int, bytes] = {}
        """What links made of the message for their transport, by frame protocol: made once, sent to many."""
        self._messages: dict[int, bytes] = {}

    def message(self, protocol: int) -> bytes:
        """Return the binary message in frame protocol 2 or 3."""
        message = self._messages.get(protocol)
        if message is None:
            frame_type = FrameType.POSE if self.kind == "pose" else FrameType.AUDIO
            message = self._messages[protocol] = build_frame(frame_type, self.payload, protocol, self.slot)
        return message


class Link(Protocol):
    """A member's connection, as a room sees it."""

    @property
    def congested(self) -> bool:
        """Whether its send buffer is over the limit."""

    def send_room_event(self, event: Mapping[str, Any]) -> None:
        """Send a ``room`` message; never dropped."""

    def send_room_frame(self, frame: RoomFrame) -> None:
        """Send a frame of another member."""

    def send_pose_control(self, packet: bytes) -> None:
        """Send a control packet (a key request, a byte budget) to this member, who publishes."""


@dataclass
class Member:
    """One member of a room. ``link`` is None while its connection is away and may still be resumed."""

    slot: int
    device: str
    publish: frozenset[RoomKind]
    subscribe: frozenset[RoomKind]
    link: Link | None
    echo: bool = False
    role: str = "member"
    streams: dict[int, PoseStream] = field(default_factory=dict)
    dropped: dict[RoomKind, int] = field(default_factory=lambda: {"pose": 0, "audio": 0})
    """Frames not sent to this member because its connection was congested."""

    def describe(self) -> dict[str, Any]:
        """Return the JSON form that other members see."""
        return {"slot": self.slot, "device": self.device, "role": self.role, "publish": sorted(self.publish)}


class Room:
    """A named room. The first member hosts; the role passes on to the longest-standing member when the host leaves."""

    def __init__(self, name: str, settings: RoomSettings) -> None:
        self.name = name
        self.settings = settings
        self.members: dict[int, Member] = {}
        self._last_slot = 0

    def join(
        self,
        device: str,
        publish: frozenset[RoomKind],
        subscribe: frozenset[RoomKind],
        link: Link,
        *,
        echo: bool = False,
    ) -> Member:
        """Add a member; it is welcomed, the others are told, and it gets what it needs to follow running streams.

        Raises:
            RoomError: the room is full (``too_many``).
        """
        if len(self.members) >= self.settings.max_members:
            raise RoomError(f'the room "{self.name}" is full ({self.settings.max_members} members)', "too_many")
        member = Member(self._free_slot(), device, publish, subscribe, link, echo)
        member.role = "member" if self.members else "host"
        self._tell(self.members.values(), "joined", member=member.describe())
        self.members[member.slot] = member
        self.welcome(member)
        return member

    def welcome(self, member: Member) -> None:
        """Tell a member (who joined, or came back) where it is, and bring it up to date on all pose streams."""
        members = [other.describe() for other in self.members.values()]
        self._tell([member], "welcome", slot=member.slot, role=member.role, members=members)
        if "pose" in member.subscribe:
            for publisher in self.members.values():
                for stream in publisher.streams.values():
                    if publisher is not member:
                        self._catch_up(member, publisher, stream)

    def leave(self, member: Member, reason: str = "left") -> None:
        """Remove a member and tell the others; the host's role passes on."""
        if self.members.pop(member.slot, None) is None:
            return
        self._tell(self.members.values(), "left", slot=member.slot, reason=reason)
        if member.role == "host" and self.members:
            heir = next(iter(self.members.values()))
            heir.role = "host"
            self._tell(self.members.values(), "role", slot=heir.slot, role="host")
        for other in self.members.values():
            for stream in other.streams.values():
                stream.forget(member.slot)

    def publish_audio(self, member: Member, payload: bytes) -> int:
        """Relay one audio frame to the subscribers of audio; returns how many got it."""
        if "audio" not in member.publish:
            return 0
        return self._fan_out(RoomFrame("audio", payload, member.slot), self._subscribers("audio", member))

    def publish_pose(self, member: Member, packet: bytes) -> int:
        """Relay one pose packet to the subscribers of pose; returns how many got it.

        Raises:
            RoomError: the member did not join to publish pose.
            PoseError: the packet's header does not parse.
        """
        header = parse_header(packet)
        if header is None:
            raise PoseError("a pose packet of a version or kind that this host does not know")
        if header.kind is Kind.CONTROL:
            raise PoseError("a control packet goes to a publisher: name its slot")
        if "pose" not in member.publish:
            raise RoomError('this member does not publish pose: join with "publish":["pose"]')
        stream = member.streams.setdefault(header.stream, PoseStream(header.stream))
        stream.append(header, packet)
        ready = []
        for other in self._subscribers("pose", member):
            if other.link is None or other.link.congested:
                stream.miss(other.slot, header)
                other.dropped["pose"] += 1
            elif stream.can_follow(other.slot, header):
                ready.append(other)
            else:
                other.dropped["pose"] += 1
                self._request_key(member, stream)
        return self._fan_out(RoomFrame("pose", packet, member.slot), ready)

    def control_pose(self, slot: int, packet: bytes) -> None:
        """Pass a subscriber's control packet on to the publisher in ``slot``.

        Key requests of all subscribers become at most a few a second. Acknowledgements and byte budgets speak for one
        receiver, so they are passed on only where there is one.

        Raises:
            PoseError: damaged, or not a control packet.
            RoomError: nobody publishes such a stream there (``not_in_room``).
        """
        message = parse_control(packet)
        if message is None:
            raise PoseError("only control packets are sent to a publisher")
        publisher = self.members.get(slot)
        stream = publisher.streams.get(message.stream) if publisher is not None else None
        if publisher is None or stream is None:
            raise RoomError(f"slot {slot} publishes no such pose stream", "not_in_room")
        if message.control is Control.KEY_REQUEST:
            self._request_key(publisher, stream)
        elif publisher.link is not None and len(self._subscribers("pose", publisher)) == 1:
            publisher.link.send_pose_control(packet)

    # --- inside

    def _catch_up(self, member: Member, publisher: Member, stream: PoseStream) -> None:
        if member.link is None:
            return
        chain = stream.chain()
        if chain is None:
            stream.wait_for_key(member.slot)
            self._request_key(publisher, stream)
            return
        for packet in chain:
            member.link.send_room_frame(RoomFrame("pose", packet, publisher.slot))
        stream.caught_up(member.slot)

    def _request_key(self, publisher: Member, stream: PoseStream) -> None:
        if publisher.link is not None and stream.may_request():
            publisher.link.send_pose_control(control(Control.KEY_REQUEST, stream.number, 0))

    def _subscribers(self, kind: RoomKind, publisher: Member) -> list[Member]:
        return [
            other
            for other in self.members.values()
            if kind in other.subscribe and (other is not publisher or other.echo)
        ]

    def _fan_out(self, frame: RoomFrame, receivers: Iterable[Member]) -> int:
        sent = 0
        for other in receivers:
            if other.link is not None:
                other.link.send_room_frame(frame)
                sent += 1
        return sent

    def _tell(self, receivers: Iterable[Member], event: str, **fields: Any) -> None:
        for member in receivers:
            if member.link is not None:
                member.link.send_room_event({"type": "room", "event": event, "room": self.name, **fields})

    def _free_slot(self) -> int:
        for step in range(1, _SLOTS + 1):
            slot = (self._last_slot + step - 1) % _SLOTS + 1
            if slot not in self.members:
                self._last_slot = slot
                return slot
        raise RoomError("no free slot", "too_many")
