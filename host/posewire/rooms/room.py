"""A room: its members, their ids and roles, and the fan-out of what they publish."""

import base64
from collections import Counter
from collections.abc import Iterable, Mapping
from time import monotonic
from typing import Any

from posewire.errors import RoomError
from posewire.rooms.fan_out import FanOut
from posewire.rooms.member import Link, Member, epoch_ms
from posewire.rooms.message_log import MessageLog
from posewire.rooms.reports import Reports
from posewire.rooms.settings import RoomSettings
from posewire.rooms.snapshots import SnapshotMaker
from posewire.wire.messages import AudioParams
from posewire.wire.room_actions import MemberMessage, RoomKind, Subscription

_MEMBER_IDS = 255
_REPLAY_BYTES = 24 * 1024
"""Of base64 in one ``replay`` message: an ESP32 could not take more at once."""


class Room:
    """A named room. Its first member owns it; when the owner leaves, the role passes on to the longest-standing member.

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
        self.origin = ""
        """Who created the room, as it counts for limits; empty: it counts for none."""

        self.settings = settings
        self.members: dict[int, Member] = {}
        self.locked = False
        self.created = epoch_ms()
        self.version = 0
        """How often its members, their roles or its lock have changed: it tells a mirror what that has missed."""

        self._acted = monotonic()
        counters = Counter() if counters is None else counters
        self.fan_out = FanOut(self.members, counters, snapshots or SnapshotMaker(counters))
        """The way of the members' frames."""

        self.reports = Reports(self.members, name)
        """The receivers' reports of the streams that they get."""

        self.log = MessageLog()
        """The members' messages."""

        self._last_member_id = 0
        self._banned: set[str] = set()

    # --- coming and going

    def join(
        self,
        device: str,
        publish: frozenset[RoomKind],
        subscribe: Subscription,
        link: Link,
        *,
        echo: bool = False,
        messages: bool = False,
        reports: bool = False,
        audio: AudioParams | None = None,
        watch: bool = False,
    ) -> Member:
        """Add a member; it is welcomed, the others are told, and it gets what it needs to follow running streams.

        ``audio``: how its frames are encoded, for those who hear them. A device that has a place here already, from
        before it restarted, takes that one's role and lets it go. It is no newcomer to a locked room. ``watch``: it is
        a watcher, who never owns the room.

        Raises:
            RoomError: the room is full (``too_many``), locked (``room_locked``), or has kicked this device
                (``room_denied``).
        """
        if device in self._banned:
            raise RoomError(f'the owner of the room "{self.name}" has removed this device', "room_denied")
        earlier = next((member for member in self.members.values() if member.device == device), None)
        if self.locked and earlier is None:
            raise RoomError(f'the room "{self.name}" is locked', "room_locked")
        if earlier is None and len(self.members) >= self.settings.max_members:
            raise RoomError(f'the room "{self.name}" is full ({self.settings.max_members} members)', "too_many")
        member = Member(self._free_member_id(), device, publish, subscribe, link, echo, messages=messages, audio=audio)
        member.messages_after = self.log.last
        member.reports = reports
        owned = any(other.role == "owner" for other in self.members.values())
        member.role = "watcher" if watch else "member" if owned else "owner"
        if earlier is not None:
            member.role, earlier.role = earlier.role, "member"
            member.messages_after = earlier.messages_after
            self.leave(earlier, "replaced")
        self.version += 1
        for other in self.members.values():
            self._tell([other], "joined", version=self.version, member=member.describe(other.messages))
        self.members[member.member_id] = member
        self.fan_out.audience_changed()
        self.welcome(member)
        return member

    def welcome(self, member: Member) -> None:
        """Tell a member (who joined, or came back) where it is, and bring it up to date on all pose streams."""
        members = [other.describe(member.messages) for other in self.members.values()]
        extra: dict[str, Any] = {"last_message": self.log.last, "created": self.created} if member.messages else {}
        if member.reports:
            extra["reports"] = True
        member.acted = self._acted = monotonic()
        self._tell(
            [member],
            "welcome",
            member_id=member.member_id,
            role=member.role,
            locked=self.locked,
            version=self.version,
            members=members,
            **extra,
        )
        for publisher in self.members.values():
            self.fan_out.follow(member, publisher)
        self.fan_out.repeat_budgets(member)

    def leave(self, member: Member, reason: str = "left") -> None:
        """Remove a member and tell the others; the owner's role passes on."""
        if self.members.get(member.member_id) is not member:
            return
        del self.members[member.member_id]
        self.fan_out.audience_changed()
        self._acted = monotonic()
        self._changed(self.members.values(), "left", member_id=member.member_id, reason=reason)
        heir = next((other for other in self.members.values() if other.role != "watcher"), None)
        if member.role == "owner" and heir is not None:
            self._make_owner(heir)
        self.fan_out.member_left(member)
        self.reports.forget(member)

    def away(self, member: Member) -> None:
        """Note that a member's connection broke off; its place is kept for its return."""
        if member.link is not None:
            member.link = None
            self.fan_out.drop_waiting(member)
            self._changed(self.members.values(), "away", member_id=member.member_id)

    def back(self, member: Member, link: Link, audio: AudioParams | None = None) -> None:
        """Give a member who was away its new connection; ``welcome`` follows when that has said hello."""
        was_away, format_before = member.link is None, member.format
        member.link, member.audio = link, audio
        self.fan_out.drop_waiting(member)
        if was_away or member.format != format_before:
            others = [other for other in self.members.values() if other is not member]
            self._changed(others, "back", member_id=member.member_id, **member.format)

    def close(self, reason: str) -> None:
        """Remove all members; they are told why."""
        for member in list(self.members.values()):
            self._tell([member], "closed", reason=reason)
            self.members.pop(member.member_id)
            if member.link is not None:
                member.link.removed()
        self.fan_out.audience_changed()

    def as_dict(self) -> dict[str, Any]:
        """Return for JSON what ``restore`` needs; frames are not in it."""
        return {
            "locked": self.locked,
            "version": self.version,
            "created": self.created,
            "banned": sorted(self._banned),
            "last_member_id": self._last_member_id,
            "messages": self.log.as_dict(),
            "members": [member.as_dict() for member in self.members.values()],
        }

    def restore(self, saved: Mapping[str, Any]) -> None:
        """Make this new room what another one was; all of its members are away."""
        self.locked = saved["locked"]
        self.version = saved.get("version", 0)
        self.created = saved.get("created", self.created)
        self._banned = set(saved["banned"])
        self._last_member_id = saved["last_member_id"]
        if "messages" in saved:
            self.log.restore(saved["messages"])
        self.members.update({member["member_id"]: Member.from_dict(member) for member in saved["members"]})
        self.fan_out.audience_changed()

    # --- what members may ask

    def resubscribe(self, member: Member, subscribe: Subscription) -> None:
        """Change what a member gets; what it gets from now on starts where it can be decoded."""
        before, member.subscribe = member.subscribe, subscribe
        self.fan_out.audience_changed()
        self._tell([member], "subscribed", subscribe=sorted(subscribe.kinds))
        for publisher in self.members.values():
            if not before.wants("pose", publisher.member_id, publisher.device):
                self.fan_out.follow(member, publisher)
            elif not subscribe.wants("pose", publisher.member_id, publisher.device):
                self.fan_out.lift_budget(publisher, member)

    def lock(self, member: Member, locked: bool) -> None:
        """Close the door to newcomers, or open it again; who is away may still come back.

        Raises:
            RoomError: the member does not own the room (``not_owner``).
        """
        self._require_owner(member)
        self.locked = locked
        self._changed(self.members.values(), "locked", locked=locked)

    def kick(self, member: Member, member_id: int, reason: str) -> Member:
        """Remove a member, who cannot join this room again as long as it lasts.

        Raises:
            RoomError: the member does not own the room (``not_owner``), there is no such member (``not_in_room``) or
                it is this one.
        """
        self._require_owner(member)
        other = self._member(member_id)
        if other is member:
            raise RoomError("the owner of a room cannot kick itself: leave instead")
        self._banned.add(other.device)
        self._tell([other], "kicked", reason=reason)
        self.leave(other, "kicked")
        if other.link is not None:
            other.link.removed()
        return other

    def pass_on(self, member: Member, member_id: int) -> None:
        """Make another member the owner.

        Raises:
            RoomError: the member does not own the room (``not_owner``), there is no such member (``not_in_room``).
        """
        self._require_owner(member)
        heir = self._member(member_id)
        if heir.role == "watcher":
            raise RoomError("a watcher cannot own a room", "room_denied")
        member.role = "member"
        self._make_owner(heir)

    def replay(self, member: Member, member_id: int, frames: int) -> None:
        """Send a member the last frames of another, oldest first, as ``replay`` messages; the last one says ``end``.

        Raises:
            RoomError: there is no such member (``not_in_room``).
        """
        kept = list(self._member(member_id).last_frames)[-frames:]
        now = monotonic()
        part: list[dict[str, Any]] = []
        size = 0
        for at, kind, payload in kept:
            data = base64.b64encode(payload).decode()
            if part and size + len(data) > _REPLAY_BYTES:
                self._tell([member], "replay", member_id=member_id, frames=part, end=False)
                part, size = [], 0
            part.append({"age_ms": round((now - at) * 1000), "kind": kind, "data": data})
            size += len(data)
        self._tell([member], "replay", member_id=member_id, frames=part, end=True)

    def send_message(self, member: Member, message: MemberMessage) -> None:
        """Pass a message on to the members who take part in messages, or to one of them; tell the sender.

        A message whose number was heard before is not passed on again.

        Raises:
            RoomError: there is no such member, or it takes no messages (``not_in_room``).
        """
        delivered = self.log.answer(member.device, message.number)
        if delivered is None:
            delivered = self._deliver(member, message)
            self.log.heard(member.device, message.number, delivered)
        self._tell([member], "sent", number=message.number, delivered=delivered)

    def _deliver(self, member: Member, message: MemberMessage) -> int:
        if message.to:
            receivers = [self._member(message.to)]
            if not receivers[0].messages:
                raise RoomError(f"member {message.to} takes no messages", "not_in_room")
        else:
            receivers = [other for other in self.members.values() if other.messages and other is not member]
        self.log.last += 1
        member.acted = monotonic()
        self.fan_out.frames += 1  # a room where members talk is not idle
        fields: dict[str, Any] = {"number": self.log.last, "member_id": member.member_id, "device": member.device}
        if message.to:
            fields["to"] = message.to
        fields |= message.content
        self.log.add(member.member_id, message.to, fields, message.size)
        self._tell(receivers, "message", **fields)
        return sum(other.link is not None for other in receivers)

    def catch_up(self, member: Member, after: int) -> None:
        """Send a member what others said to it after the message with this number, as far as it is kept.

        The end is marked by ``caught_up``, with the number of those that are no longer kept.
        """
        events, missed = self.log.since(max(after, member.messages_after), member.member_id)
        missed += max(0, member.messages_after - after)
        for fields in events:
            self._tell([member], "message", **fields)
        self._tell([member], "caught_up", missed=missed)

    def describe(self) -> dict[str, Any]:
        """Return the room as those see it who may join it."""
        return {
            "room": self.name,
            "members": len(self.members),
            "locked": self.locked,
            "created": self.created,
            "last_active": epoch_ms(max([self._acted, *(member.active for member in self.members.values())])),
        }

    def inform(self, member: Member) -> None:
        """Tell a member all that is known of the room and its members: ``info``."""
        members = [
            {**other.describe(whole=True), "last_active": epoch_ms(other.active)} for other in self.members.values()
        ]
        self._tell([member], "info", **{**self.describe(), "version": self.version, "members": members})

    # --- inside

    def _changed(self, receivers: Iterable[Member], event: str, **fields: Any) -> None:
        """Tell of a change of the room: it has a new version."""
        self.version += 1
        self._tell(receivers, event, version=self.version, **fields)

    def _tell(self, receivers: Iterable[Member], event: str, **fields: Any) -> None:
        for member in receivers:
            if member.link is not None:
                member.link.send_room_event({"type": "room", "event": event, "room": self.name, **fields})

    def _make_owner(self, heir: Member) -> None:
        heir.role = "owner"
        self._changed(self.members.values(), "role", member_id=heir.member_id, role="owner")

    def _require_owner(self, member: Member) -> None:
        if member.role != "owner":
            raise RoomError("only the owner of the room may do that", "not_owner")

    def _member(self, member_id: int) -> Member:
        member = self.members.get(member_id)
        if member is None:
            raise RoomError(f'the room "{self.name}" has no member {member_id}', "not_in_room")
        return member

    def _free_member_id(self) -> int:
        for step in range(1, _MEMBER_IDS + 1):
            member_id = (self._last_member_id + step - 1) % _MEMBER_IDS + 1
            if member_id not in self.members:
                self._last_member_id = member_id
                return member_id
        raise RoomError(f'the room "{self.name}" has no free member id', "too_many")
