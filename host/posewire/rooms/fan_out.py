"""The fan-out of a room: who gets which frames of whom. How who missed some catches up: ``catch_up.py``."""

from collections import Counter
from collections.abc import Mapping
from time import monotonic

from posewire.errors import PoseError, RoomError
from posewire.rooms.catch_up import CatchUp
from posewire.rooms.frame import RoomFrame
from posewire.rooms.member import Member
from posewire.rooms.pose_stream import PoseStream
from posewire.rooms.snapshots import SnapshotMaker
from posewire.wire.pose import Control, Kind, control, parse_control, parse_header
from posewire.wire.pose.packet import Header
from posewire.wire.room_actions import RoomKind

_MAX_WAITING_AUDIO = 8
"""Audio frames kept for a congested member: half a second of one voice, as more would be stale."""

LAYER_1_BYTES = 4 * 1024
"""Bytes that may wait for a member before packets of layer 1 are left out for it: a quarter of what congests it."""

_MAX_STREAMS = 16
_LARGE = 2048
_KEPT_BYTES = 256 * 1024
"""Bytes kept of a member's last frames where some are larger than ``_LARGE``; a hundred smaller ones need less."""


class FanOut:
    """Relays the frames of a room's members to their subscribers.

    ``members`` is the room's own dictionary, by id; call ``audience_changed`` whenever it or a subscription changed.
    ``counters`` are the host's: deliveries and drops of all rooms, by kind.
    """

    def __init__(self, members: Mapping[int, Member], counters: Counter[str], snapshots: SnapshotMaker) -> None:
        self.frames = 0
        """Frames published in the room since it began; a room where this stands still is idle."""

        self._members = members
        self._counters = counters
        self._catch_up = CatchUp(members, snapshots)
        self._receivers: dict[tuple[int, RoomKind], list[Member]] = {}

    def audience_changed(self) -> None:
        """Look the subscribers up again: members or subscriptions have changed."""
        self._receivers.clear()

    def publish_audio(self, member: Member, payload: bytes, time_ms: int | None = None) -> int:
        """Relay one audio frame to the subscribers of audio; returns how many got it at once.

        For a congested subscriber it waits, and what has waited longest is dropped.
        """
        if "audio" not in member.publish:
            return 0
        self._keep(member, "audio", payload)
        frame = RoomFrame("audio", payload, member.member_id, time_ms)
        sent = 0
        for other in self._subscribers("audio", member):
            link = other.link
            if link is None:
                self._drop_audio(other)
            elif link.send_room_frame(frame):
                sent += 1
            else:
                if len(other.waiting) == _MAX_WAITING_AUDIO:
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

    def publish_pose(self, member: Member, packet: bytes, lossy: bool = False) -> int:
        """Relay one pose packet to the subscribers of pose; returns how many got it.

        ``lossy``: it came on a way on which others may be lost: its publisher is told which frames have arrived.

        Raises:
            RoomError: the member did not join to publish pose, or publishes too many streams (``too_many``).
            PoseError: the packet's header does not parse.
        """
        header = parse_header(packet)
        if header is None:
            raise PoseError("the pose packet has a version or kind that this host does not know")
        if header.kind is Kind.CONTROL:
            raise PoseError("a control packet goes to a publisher: name its member_id")
        if "pose" not in member.publish:
            raise RoomError('this member does not publish pose: join with "publish":["pose"]')
        stream = member.streams.get(header.stream)
        if stream is None:
            stream = self._new_stream(member, header.stream)
        if lossy or header.kind is not Kind.KEY:
            stream.acknowledged = lossy
        if not stream.append(header, packet):
            self._counters["pose_late"] += 1
            return 0
        if stream.key_wanted:
            self._catch_up.ask_if_due(member, stream)
        self._keep(member, "pose", packet)
        receivers, passed_over = self._relay(member, stream, header, packet)
        self._counters["pose_out"] += len(receivers)
        if lossy and header.layer == 0:
            may_lose = [other.member_id for other in receivers if other.link is not None and other.link.lossy]
            if stream.await_acknowledgements(header.sequence, may_lose):
                self._acknowledge(member, stream, header.sequence)
        if header.kind is Kind.KEY:
            stream.key_sent(other.member_id for other in passed_over)
        for other in passed_over:
            self._pass_over(member, other, stream, header)
        return len(receivers)

    def control_pose(self, subscriber: Member, member_id: int, packet: bytes) -> None:
        """Pass a subscriber's control packet on to the publisher ``member_id``.

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
        publisher = self._members.get(member_id)
        stream = publisher.streams.get(message.stream) if publisher is not None else None
        if publisher is None or stream is None:
            raise RoomError(f"member {member_id} publishes no such pose stream", "not_in_room")
        receivers = self._subscribers("pose", publisher)
        if subscriber not in receivers:
            raise RoomError(
                f"subscribe to the poses of member {member_id} before asking it for anything", "room_denied"
            )
        if message.control is Control.KEY_REQUEST:
            self._catch_up.request_key(publisher, stream)
        elif stream.acknowledged and message.control is Control.ACK:
            if stream.acknowledge(message.sequence, subscriber.member_id):
                self._acknowledge(publisher, stream, message.sequence)
        elif len(receivers) == 1:
            if message.control is Control.RATE:
                stream.rate = (subscriber.member_id, packet)
            if publisher.link is not None:
                publisher.link.send_pose_control(packet)

    # --- members

    def follow(self, member: Member, publisher: Member) -> None:
        """Bring a member up to date on the pose streams of a publisher, where it subscribes to them."""
        if publisher is not member and member.subscribe.wants("pose", publisher.member_id, publisher.device):
            for stream in publisher.streams.values():
                self._catch_up.follow(member, publisher, stream)

    def member_left(self, member: Member) -> None:
        """Forget what is known of a member as a subscriber."""
        for publisher in self._members.values():
            for stream in publisher.streams.values():
                stream.forget(member.member_id)
            self.lift_budget(publisher, member)

    def repeat_budgets(self, publisher: Member) -> None:
        """Tell a publisher that came back the byte budgets that hold: its new connection does not know them."""
        if publisher.link is not None:
            for stream in publisher.streams.values():
                if stream.rate is not None:
                    publisher.link.send_pose_control(stream.rate[1])

    def lift_budget(self, publisher: Member, subscriber: Member) -> None:
        """Lift the byte budget that a subscriber set for the streams of a publisher."""
        for stream in publisher.streams.values():
            if stream.rate is not None and stream.rate[0] == subscriber.member_id:
                stream.rate = None
                if publisher.link is not None:
                    publisher.link.send_pose_control(control(Control.RATE, stream.number, 0, 0))

    def drop_waiting(self, member: Member) -> None:
        """Drop the audio that waits for a member: its connection is gone."""
        while member.waiting:
            member.waiting.popleft()
            self._drop_audio(member)

    # --- inside

    def _relay(
        self, member: Member, stream: PoseStream, header: Header, packet: bytes
    ) -> tuple[list[Member], list[Member]]:
        """Send a packet to all who can use it and take it; returns them, and those who were passed over."""
        expendable = header.kind is not Kind.KEY and (header.layer > 0 or stream.acknowledged)
        frame = RoomFrame("pose", packet, member.member_id, expendable=expendable)
        behind = stream.behind_for(header)
        droppable = header.layer > 0
        receivers, passed_over = [], []
        for other in self._subscribers("pose", member):
            link = other.link
            if (
                link is not None
                and (not behind or other.member_id not in behind)
                and not (droppable and link.queued_bytes > LAYER_1_BYTES)
                and link.send_room_frame(frame)
            ):
                receivers.append(other)
            else:
                passed_over.append(other)
        return receivers, passed_over

    def _pass_over(self, publisher: Member, member: Member, stream: PoseStream, header: Header) -> None:
        """Note that a member did not get a packet, and bring it back if it could follow again."""
        if member.link is not None:
            # Somebody who is away has no slow network; the alert for that goes by this counter.
            self._counters["pose_dropped"] += 1
        member.dropped["pose"] += 1
        if member.link is None or member.link.congested:
            stream.miss(member.member_id, header)
        elif member.member_id in stream.behind:
            self._catch_up.recover(publisher, stream)

    def _acknowledge(self, publisher: Member, stream: PoseStream, sequence: int) -> None:
        """Tell a publisher that a frame has arrived at all who may refer to it."""
        if publisher.link is not None:
            publisher.link.send_pose_control(control(Control.ACK, stream.number, sequence))

    def _drop_audio(self, member: Member) -> None:
        member.dropped["audio"] += 1
        self._counters["audio_dropped"] += 1

    def _keep(self, member: Member, kind: RoomKind, payload: bytes) -> None:
        self.frames += 1
        if len(payload) > _LARGE:
            member.forget_frames(_KEPT_BYTES - len(payload))
        member.last_frames.append((monotonic(), kind, payload))

    def _new_stream(self, member: Member, number: int) -> PoseStream:
        if len(member.streams) >= _MAX_STREAMS:
            raise RoomError(f"a member publishes at most {_MAX_STREAMS} pose streams", "too_many")
        stream = member.streams[number] = PoseStream(number)
        return stream

    def _subscribers(self, kind: RoomKind, publisher: Member) -> list[Member]:
        """The members that get a publisher's frames of a kind; needed for each frame, so kept until a change."""
        found = self._receivers.get((publisher.member_id, kind))
        if found is None:
            found = self._receivers[publisher.member_id, kind] = [
                other
                for other in self._members.values()
                if (other is not publisher or other.echo)
                and other.subscribe.wants(kind, publisher.member_id, publisher.device)
            ]
        return found
