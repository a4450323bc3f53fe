"""A room: its members, their slots and roles, and the fan-out of what they publish."""

import base64
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from time import monotonic
from typing import Any

from posewire.errors import PoseError, RoomError
from posewire.rooms.frame import RoomFrame
from posewire.rooms.member import Link, Member
from posewire.rooms.pose_stream import PoseStream
from posewire.rooms.settings import RoomSettings
from posewire.rooms.snapshots import SnapshotMaker
from posewire.wire.messages import AudioParams, RoomKind, Subscription
from posewire.wire.pose import Control, Kind, control, parse_control, parse_header
from posewire.wire.pose.packet import Header

_SLOTS = 255
_WAITING = 8
"""Audio frames that wait for a congested member, half a second of one voice: more would be the past."""

_MAX_STREAMS = 16
_LARGE = 2048
_KEPT_BYTES = 256 * 1024
"""Of a member's last frames, where some are larger than ``_LARGE``; a hundred smaller ones are less by themselves."""

_REPLAY_BYTES = 24 * 1024
"""Of base64 in one ``replay`` message: an ESP32 could not take more at once."""


class Room:
    """A named room. The first member hosts; the role passes on to the longest-standing member when the host leaves.

    ``counters`` are the host's: deliveries and drops of all rooms, by kind.
    """

    def __init__(
        self,
        name: str,
        settings: RoomSettings,
        counters: Counter[str] | None = None,
        snapshots: SnapshotMaker | None = None,
    ) -> None:
        self.name = name
        self.settings = settings
        self.members: dict[int, Member] = {}
        self.locked = False
        self.frames = 0
        """Frames published here since the room began; a room where it stands still is idle."""

        self._counters: Counter[str] = Counter() if counters is None else counters
        self._snapshots = snapshots or SnapshotMaker(self._counters)
        self._last_slot = 0
        self._banned: set[str] = set()
        self._receivers: dict[tuple[int, RoomKind], list[Member]] = {}

    # --- coming and going

    def join(
        self,
        device: str,
        publish: frozenset[RoomKind],
        subscribe: Subscription,
        link: Link,
        *,
        echo: bool = False,
        audio: AudioParams | None = None,
    ) -> Member:
        """Add a member; it is welcomed, the others are told, and it gets what it needs to follow running streams.

        ``audio``: how its frames are encoded, for those who hear them. A device that has a place here already, from
        before it restarted, takes that one's role and lets it go. It is no newcomer to a locked room.

        Raises:
            RoomError: the room is full (``too_many``), locked (``room_locked``), or has kicked this device
                (``room_denied``).
        """
        if device in self._banned:
            raise RoomError(f'the host of the room "{self.name}" has removed this device', "room_denied")
        earlier = next((member for member in self.members.values() if member.device == device), None)
        if self.locked and earlier is None:
            raise RoomError(f'the room "{self.name}" is locked', "room_locked")
        if earlier is None and len(self.members) >= self.settings.max_members:
            raise RoomError(f'the room "{self.name}" is full ({self.settings.max_members} members)', "too_many")
        member = Member(self._free_slot(), device, publish, subscribe, link, echo, audio=audio)
        member.role = "member" if self.members else "host"
        if earlier is not None:
            member.role, earlier.role = earlier.role, "member"
            self.leave(earlier, "replaced")
        self._tell(self.members.values(), "joined", member=member.describe())
        self.members[member.slot] = member
        self._receivers.clear()
        self.welcome(member)
        return member

    def welcome(self, member: Member) -> None:
        """Tell a member (who joined, or came back) where it is, and bring it up to date on all pose streams."""
        members = [other.describe() for other in self.members.values()]
        self._tell([member], "welcome", slot=member.slot, role=member.role, locked=self.locked, members=members)
        for publisher in self.members.values():
            self._follow(member, publisher)
        if member.link is not None:  # a publisher who comes back has forgotten it
            for stream in member.streams.values():
                if stream.rate is not None:
                    member.link.send_pose_control(stream.rate[1])

    def leave(self, member: Member, reason: str = "left") -> None:
        """Remove a member and tell the others; the host's role passes on."""
        if self.members.get(member.slot) is not member:
            return
        del self.members[member.slot]
        self._receivers.clear()
        self._tell(self.members.values(), "left", slot=member.slot, reason=reason)
        if member.role == "host" and self.members:
            self._make_host(next(iter(self.members.values())))
        for other in self.members.values():
            for stream in other.streams.values():
                stream.forget(member.slot)
            self._lift_budget(other, member)

    def away(self, member: Member) -> None:
        """Note that a member's connection broke off; its place is kept for its return."""
        if member.link is not None:
            member.link = None
            self._drop_waiting(member)
            self._tell(self.members.values(), "away", slot=member.slot)

    def back(self, member: Member, link: Link, audio: AudioParams | None = None) -> None:
        """Give a member who was away its new connection; ``welcome`` follows when that has said hello."""
        was_away, format_before = member.link is None, member.format
        member.link, member.audio = link, audio
        self._drop_waiting(member)
        if was_away or member.format != format_before:
            others = [other for other in self.members.values() if other is not member]
            self._tell(others, "back", slot=member.slot, **member.format)

    def close(self, reason: str) -> None:
        """Remove all members; they are told why."""
        for member in list(self.members.values()):
            self._tell([member], "closed", reason=reason)
            self.members.pop(member.slot)
            if member.link is not None:
                member.link.removed()
        self._receivers.clear()

    def as_dict(self) -> dict[str, Any]:
        """Return for JSON what ``restore`` needs; frames are not in it."""
        return {
            "locked": self.locked,
            "banned": sorted(self._banned),
            "last_slot": self._last_slot,
            "members": [member.as_dict() for member in self.members.values()],
        }

    def restore(self, saved: Mapping[str, Any]) -> None:
        """Make this new room what another one was; all of its members are away."""
        self.locked = saved["locked"]
        self._banned = set(saved["banned"])
        self._last_slot = saved["last_slot"]
        self.members = {member["slot"]: Member.from_dict(member) for member in saved["members"]}

    # --- what members may ask

    def resubscribe(self, member: Member, subscribe: Subscription) -> None:
        """Change what a member gets; what it gets from now on starts where it can be decoded."""
        before, member.subscribe = member.subscribe, subscribe
        self._receivers.clear()
        self._tell([member], "subscribed", subscribe=sorted(subscribe.kinds))
        for publisher in self.members.values():
            if not before.wants("pose", publisher.slot, publisher.device):
                self._follow(member, publisher)
            elif not subscribe.wants("pose", publisher.slot, publisher.device):
                self._lift_budget(publisher, member)

    def lock(self, member: Member, locked: bool) -> None:
        """Close the door to newcomers, or open it again; who is away may still come back.

        Raises:
            RoomError: the member does not host (``not_host``).
        """
        self._require_host(member)
        self.locked = locked
        self._tell(self.members.values(), "locked", locked=locked)

    def kick(self, member: Member, slot: int, reason: str) -> Member:
        """Remove a member, who cannot join this room again as long as it lasts.

        Raises:
            RoomError: the member does not host (``not_host``), the slot is empty (``not_in_room``) or its own.
        """
        self._require_host(member)
        other = self._member(slot)
        if other is member:
            raise RoomError("the host leaves, it does not kick itself")
        self._banned.add(other.device)
        self._tell([other], "kicked", reason=reason)
        self.leave(other, "kicked")
        if other.link is not None:
            other.link.removed()
        return other

    def pass_on(self, member: Member, slot: int) -> None:
        """Make another member the host.

        Raises:
            RoomError: the member does not host (``not_host``), the slot is empty (``not_in_room``).
        """
        self._require_host(member)
        heir = self._member(slot)
        member.role = "member"
        self._make_host(heir)

    def replay(self, member: Member, slot: int, frames: int) -> None:
        """Send a member the last frames of another, oldest first, as ``replay`` messages; the last one says ``end``.

        Raises:
            RoomError: the slot is empty (``not_in_room``).
        """
        kept = list(self._member(slot).last_frames)[-frames:]
        now = monotonic()
        part: list[dict[str, Any]] = []
        size = 0
        for at, kind, payload in kept:
            data = base64.b64encode(payload).decode()
            if part and size + len(data) > _REPLAY_BYTES:
                self._tell([member], "replay", slot=slot, frames=part, end=False)
                part, size = [], 0
            part.append({"age_ms": round((now - at) * 1000), "kind": kind, "data": data})
            size += len(data)
        self._tell([member], "replay", slot=slot, frames=part, end=True)

    # --- frames

    def publish_audio(self, member: Member, payload: bytes) -> int:
        """Relay one audio frame to the subscribers of audio; returns how many got it at once.

        For a congested subscriber it waits, and what has waited longest is dropped.
        """
        if "audio" not in member.publish:
            return 0
        self._note(member, "audio", payload)
        frame = RoomFrame("audio", payload, member.slot)
        sent = 0
        for other in self._subscribers("audio", member):
            link = other.link
            if link is None:
                self._drop_audio(other)
            elif link.send_room_frame(frame):
                sent += 1
            else:
                if len(other.waiting) == _WAITING:
                    other.waiting.popleft()
                    self._drop_audio(other)
                other.waiting.append(frame)
        self._counters["audio_out"] += sent
        return sent

    def drained(self, member: Member) -> None:
        """Learn that a member's connection takes frames again: it gets the audio that waits."""
        link = member.link
        while link is not None and member.waiting and link.send_room_frame(member.waiting[0]):
            member.waiting.popleft()
            self._counters["audio_out"] += 1

    def publish_pose(self, member: Member, packet: bytes) -> int:
        """Relay one pose packet to the subscribers of pose; returns how many got it.

        Raises:
            RoomError: the member did not join to publish pose, or publishes too many streams (``too_many``).
            PoseError: the packet's header does not parse.
        """
        header = parse_header(packet)
        if header is None:
            raise PoseError("a pose packet of a version or kind that this host does not know")
        if header.kind is Kind.CONTROL:
            raise PoseError("a control packet goes to a publisher: name its slot")
        if "pose" not in member.publish:
            raise RoomError('this member does not publish pose: join with "publish":["pose"]')
        stream = member.streams.get(header.stream)
        if stream is None:
            stream = self._new_stream(member, header.stream)
        stream.append(header, packet)
        if stream.key_wanted:
            self._ask_if_due(member, stream)
        self._note(member, "pose", packet)
        frame = RoomFrame("pose", packet, member.slot)
        behind = stream.behind_for(header)
        passed_over = []
        sent = 0
        for other in self._subscribers("pose", member):
            link = other.link
            if link is not None and (not behind or other.slot not in behind) and link.send_room_frame(frame):
                sent += 1
            else:
                passed_over.append(other)
        self._counters["pose_out"] += sent
        if header.kind is Kind.KEY:
            stream.key_sent(other.slot for other in passed_over)
        for other in passed_over:
            self._pass_over(member, other, stream, header)
        return sent

    def control_pose(self, subscriber: Member, slot: int, packet: bytes) -> None:
        """Pass a subscriber's control packet on to the publisher in ``slot``.

        Key requests of all subscribers become at most a few a second. Acknowledgements and byte budgets speak for one
        receiver, so they are passed on only where there is one; a budget holds until that one leaves or subscribes to
        something else, also when the publisher comes back.

        Raises:
            PoseError: damaged, or not a control packet.
            RoomError: nobody publishes such a stream there (``not_in_room``), or the sender does not get it
                (``room_denied``).
        """
        message = parse_control(packet)
        if message is None:
            raise PoseError("only control packets are sent to a publisher")
        publisher = self.members.get(slot)
        stream = publisher.streams.get(message.stream) if publisher is not None else None
        if publisher is None or stream is None:
            raise RoomError(f"slot {slot} publishes no such pose stream", "not_in_room")
        receivers = self._subscribers("pose", publisher)
        if subscriber not in receivers:
            raise RoomError(f"subscribe to the poses of slot {slot} before asking it for anything", "room_denied")
        if message.control is Control.KEY_REQUEST:
            self._request_key(publisher, stream)
        elif len(receivers) == 1:
            if message.control is Control.RATE:
                stream.rate = (subscriber.slot, packet)
            if publisher.link is not None:
                publisher.link.send_pose_control(packet)

    # --- inside

    def _pass_over(self, publisher: Member, member: Member, stream: PoseStream, header: Header) -> None:
        """Note that a member did not get a packet, and bring it back if it could follow again."""
        self._counters["pose_dropped"] += 1
        member.dropped["pose"] += 1
        if member.link is None or member.link.congested:
            stream.miss(member.slot, header)
        else:
            self._recover(publisher, stream)

    def _lift_budget(self, publisher: Member, subscriber: Member) -> None:
        for stream in publisher.streams.values():
            if stream.rate is not None and stream.rate[0] == subscriber.slot:
                stream.rate = None
                if publisher.link is not None:
                    publisher.link.send_pose_control(control(Control.RATE, stream.number, 0, 0))

    def _drop_audio(self, member: Member) -> None:
        member.dropped["audio"] += 1
        self._counters["audio_dropped"] += 1

    def _drop_waiting(self, member: Member) -> None:
        while member.waiting:
            member.waiting.popleft()
            self._drop_audio(member)

    def _note(self, member: Member, kind: RoomKind, payload: bytes) -> None:
        self.frames += 1
        if len(payload) > _LARGE:
            member.forget_frames(_KEPT_BYTES - len(payload))
        member.last_frames.append((monotonic(), kind, payload))

    def _new_stream(self, member: Member, number: int) -> PoseStream:
        if len(member.streams) >= _MAX_STREAMS:
            raise RoomError(f"a member publishes at most {_MAX_STREAMS} pose streams", "too_many")
        stream = member.streams[number] = PoseStream(number)
        return stream

    def _follow(self, member: Member, publisher: Member) -> None:
        if publisher is not member and member.subscribe.wants("pose", publisher.slot, publisher.device):
            for stream in publisher.streams.values():
                self._catch_up(member, publisher, stream)

    def _catch_up(self, member: Member, publisher: Member, stream: PoseStream) -> None:
        if member.link is None:
            return
        chain = stream.chain()
        if chain is None:
            stream.wait_for_key(member.slot)
            self._request_key(publisher, stream)
            return
        if not stream.is_short:
            stream.wait_for_key(member.slot)
            if self._make_snapshot(publisher, stream, chain):
                return
        self._send_chain(member.link, publisher.slot, chain)
        stream.caught_up(member.slot)

    def _send_chain(self, link: Link, slot: int, chain: Iterable[bytes]) -> None:
        for packet in chain:
            link.send_room_frame(RoomFrame("pose", packet, slot), always=True)

    def _recover(self, publisher: Member, stream: PoseStream) -> None:
        """Bring back who lags and has room again: by a snapshot where there is a chain, else by a key."""
        if stream.snapshot_pending:
            return
        chain = stream.chain()
        if chain is None:
            self._request_key(publisher, stream)
        elif stream.may_request() and not self._make_snapshot(publisher, stream, chain):
            self._ask_for_key(publisher, stream)

    def _make_snapshot(self, publisher: Member, stream: PoseStream, chain: Sequence[bytes]) -> bool:
        """Have the chain decoded; those who are behind get the snapshot and what was published meanwhile."""
        if stream.snapshot_pending:
            return True
        count = len(chain)

        def done(snapshot: bytes | None) -> None:
            stream.snapshot_pending = False
            if self.members.get(publisher.slot) is not publisher:
                return
            if snapshot is None or not stream.shorten(chain, count, snapshot):
                if stream.behind:
                    self._request_key(publisher, stream)
                return
            for slot in stream.behind:
                member = self.members.get(slot)
                if member is not None and member.link is not None and not member.link.congested:
                    self._send_chain(member.link, publisher.slot, chain)
                    stream.caught_up(slot)

        stream.snapshot_pending = self._snapshots.make(chain, done)
        return stream.snapshot_pending

    def _request_key(self, publisher: Member, stream: PoseStream) -> None:
        """Ask for a key, now or when it is due: a subscriber may ask once only, and must not wait for ever."""
        stream.key_wanted = True
        self._ask_if_due(publisher, stream)

    def _ask_if_due(self, publisher: Member, stream: PoseStream) -> None:
        if publisher.link is not None and stream.may_request():
            self._ask_for_key(publisher, stream)

    def _ask_for_key(self, publisher: Member, stream: PoseStream) -> None:
        if publisher.link is not None:
            stream.key_wanted = False
            publisher.link.send_pose_control(control(Control.KEY_REQUEST, stream.number, 0))

    def _subscribers(self, kind: RoomKind, publisher: Member) -> list[Member]:
        """Who gets a publisher's frames of a kind; looked up for each frame, so remembered until something changes."""
        found = self._receivers.get((publisher.slot, kind))
        if found is None:
            found = self._receivers[publisher.slot, kind] = [
                other
                for other in self.members.values()
                if (other is not publisher or other.echo)
                and other.subscribe.wants(kind, publisher.slot, publisher.device)
            ]
        return found

    def _tell(self, receivers: Iterable[Member], event: str, **fields: Any) -> None:
        for member in receivers:
            if member.link is not None:
                member.link.send_room_event({"type": "room", "event": event, "room": self.name, **fields})

    def _make_host(self, heir: Member) -> None:
        heir.role = "host"
        self._tell(self.members.values(), "role", slot=heir.slot, role="host")

    def _require_host(self, member: Member) -> None:
        if member.role != "host":
            raise RoomError("only the host of a room may do that", "not_host")

    def _member(self, slot: int) -> Member:
        member = self.members.get(slot)
        if member is None:
            raise RoomError(f'nobody is in slot {slot} of the room "{self.name}"', "not_in_room")
        return member

    def _free_slot(self) -> int:
        for step in range(1, _SLOTS + 1):
            slot = (self._last_slot + step - 1) % _SLOTS + 1
            if slot not in self.members:
                self._last_slot = slot
                return slot
        raise RoomError("no free slot", "too_many")
