"""How members catch up on a pose stream: by its chain of packets, a snapshot, or a new key of its publisher."""

from collections.abc import Iterable, Mapping, Sequence

from posewire.rooms.frame import RoomFrame
from posewire.rooms.member import Link, Member
from posewire.rooms.pose_stream import PoseStream
from posewire.rooms.snapshots import SnapshotMaker
from posewire.wire.pose import Control, control


class CatchUp:
    """Brings members that are new to a stream, or missed some of it, up to date. ``members`` is the room's own."""

    def __init__(self, members: Mapping[int, Member], snapshots: SnapshotMaker) -> None:
        self._members = members
        self._snapshots = snapshots

    def follow(self, member: Member, publisher: Member, stream: PoseStream) -> None:
        """Bring a member that is new to a stream up to date: by what was published since the key, or its snapshot."""
        if member.link is None:
            return
        chain = stream.chain()
        if chain is None:
            stream.wait_for_key(member.member_id)
            self.request_key(publisher, stream)
            return
        if not stream.is_short:
            stream.wait_for_key(member.member_id)
            if self._make_snapshot(publisher, stream, chain):
                return
        self._send_chain(member.link, publisher.member_id, chain)
        stream.caught_up(member.member_id)

    def _send_chain(self, link: Link, member_id: int, chain: Iterable[bytes]) -> None:
        for packet in chain:
            link.send_room_frame(RoomFrame("pose", packet, member_id), always=True)

    def recover(self, publisher: Member, stream: PoseStream) -> None:
        """Bring back members that lagged and have room again: by a snapshot where there is a chain, else by a key."""
        if stream.snapshot_pending:
            return
        chain = stream.chain()
        if chain is None:
            self.request_key(publisher, stream)
        elif stream.may_request() and not self._make_snapshot(publisher, stream, chain):
            self._ask_for_key(publisher, stream)

    def _make_snapshot(self, publisher: Member, stream: PoseStream, chain: Sequence[bytes]) -> bool:
        """Have the chain decoded; those who are behind get the snapshot and what was published meanwhile."""
        if stream.snapshot_pending:
            return True
        count = len(chain)

        def done(snapshot: bytes | None) -> None:
            stream.snapshot_pending = False
            if self._members.get(publisher.member_id) is not publisher:
                return
            if snapshot is None or not stream.shorten(chain, count, snapshot):
                if stream.behind:
                    self.request_key(publisher, stream)
                return
            for member_id in stream.behind:
                member = self._members.get(member_id)
                if member is not None and member.link is not None and not member.link.congested:
                    self._send_chain(member.link, publisher.member_id, chain)
                    stream.caught_up(member_id)

        stream.snapshot_pending = self._snapshots.make(chain, done)
        return stream.snapshot_pending

    def request_key(self, publisher: Member, stream: PoseStream) -> None:
        """Ask for a key, now or when it is due: a subscriber may ask once only, and must not wait for ever."""
        stream.key_wanted = True
        self.ask_if_due(publisher, stream)

    def ask_if_due(self, publisher: Member, stream: PoseStream) -> None:
        """Ask for a key unless it was asked for a moment ago."""
        if publisher.link is not None and stream.may_request():
            self._ask_for_key(publisher, stream)

    def _ask_for_key(self, publisher: Member, stream: PoseStream) -> None:
        if publisher.link is not None:
            stream.key_wanted = False
            publisher.link.send_pose_control(control(Control.KEY_REQUEST, stream.number, 0))
