"""A member of a room, and its connection as a room sees it."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from time import monotonic, time
from typing import Any, Protocol

from posewire.rooms.frame import RoomFrame
from posewire.rooms.pose_stream import PoseStream
from posewire.rooms.quality import ReceiverReport
from posewire.wire.messages import AudioParams
from posewire.wire.room_actions import MAX_REPLAY, RoomKind, Subscription


def epoch_ms(at: float | None = None) -> int:
    """Return a moment of the monotonic clock, now unless given, as milliseconds since 1970."""
    return round(1000 * (time() - (0.0 if at is None else monotonic() - at)))


class Link(Protocol):
    """A member's connection, as a room sees it."""

    @property
    def congested(self) -> bool:
        """Whether its send buffer is over the limit."""

    @property
    def queued_bytes(self) -> int:
        """Bytes that wait in its send buffer."""

    @property
    def lossy(self) -> bool:
        """Whether frames that are expendable may be lost on the way to it."""

    def send_room_event(self, event: Mapping[str, Any]) -> None:
        """Send a ``room`` message; never dropped."""

    def send_room_frame(self, frame: RoomFrame, always: bool = False) -> bool:
        """Send a frame of another member; False: not sent, the buffer is over its limit (``always``: then too)."""

    def send_pose_control(self, packet: bytes) -> None:
        """Send a control packet (a key request, a byte budget) to this member, who publishes."""

    def removed(self) -> None:
        """Learn that the room is no longer this connection's: kicked, or closed."""


@dataclass(eq=False, slots=True)
class Member:
    """One member of a room. ``link`` is None while its connection is away and may still be resumed."""

    member_id: int
    device: str
    publish: frozenset[RoomKind]
    subscribe: Subscription
    link: Link | None
    echo: bool = False
    role: str = "member"
    messages: bool = False
    """Whether it takes part in the members' messages."""

    messages_after: int = 0
    """The number of the room's last message when it joined: those before are not for it."""

    audio: AudioParams | None = None
    """How the audio that it publishes is encoded."""

    reports: bool = False
    """Whether it takes part in the receivers' reports: it makes some, and is told of those about its streams."""

    joined: int = field(default_factory=epoch_ms)
    """When it joined: milliseconds since 1970."""

    acted: float = field(default_factory=monotonic)
    """When it last joined, came back or said something; frames are in ``last_frames``."""

    reported: float = float("-inf")
    """When it last reported, on the monotonic clock."""

    troubles: dict[tuple[int, int], ReceiverReport] = field(default_factory=dict)
    """The streams that it reported to be in trouble, by publisher and stream number."""

    streams: dict[int, PoseStream] = field(default_factory=dict)
    last_frames: deque[tuple[float, RoomKind, bytes]] = field(default_factory=lambda: deque(maxlen=MAX_REPLAY))
    """Its last frames: seconds on the monotonic clock, kind, payload."""

    dropped: dict[RoomKind, int] = field(default_factory=lambda: {"pose": 0, "audio": 0})
    """Frames not sent to this member because its connection was congested, or because it could not decode them."""

    waiting: deque[RoomFrame] = field(default_factory=deque)
    """Audio that its connection could not take yet, oldest first."""

    @property
    def active(self) -> float:
        """When it last did something, frames included: seconds on the monotonic clock."""
        return max(self.acted, self.last_frames[-1][0]) if self.last_frames else self.acted

    @property
    def format(self) -> dict[str, Any]:
        """The format of its audio for others: ``{"audio": {…}}``, and nothing where it publishes none."""
        return {"audio": self.audio.as_dict()} if self.audio is not None and "audio" in self.publish else {}

    @property
    def held_bytes(self) -> int:
        """Bytes of frames that are kept for its sake: its last ones, its streams', and what waits for it."""
        return (
            sum(len(payload) for _, _, payload in self.last_frames)
            + sum(stream.held_bytes for stream in self.streams.values())
            + sum(len(frame.payload) for frame in self.waiting)
        )

    def forget_frames(self, size: int) -> None:
        """Drop the oldest of the last frames until the rest has at most ``size`` bytes."""
        kept = sum(len(payload) for _, _, payload in self.last_frames)
        while self.last_frames and kept > size:
            kept -= len(self.last_frames.popleft()[2])

    def describe(self, whole: bool = False) -> dict[str, Any]:
        """Return the JSON form that other members see; ``whole``: with when it joined."""
        described: dict[str, Any] = {
            "member_id": self.member_id,
            "device": self.device,
            "role": self.role,
            "publish": sorted(self.publish),
            **self.format,
        }
        if self.link is None:
            described["away"] = True
        if whole:
            described["joined"] = self.joined
        return described

    def as_dict(self) -> dict[str, Any]:
        """Return for JSON what ``from_dict`` needs to make a member who is away."""
        return {
            "member_id": self.member_id,
            "device": self.device,
            "role": self.role,
            "publish": sorted(self.publish),
            "all": sorted(self.subscribe.all),
            "some": [list(entry) for entry in self.subscribe.some],
            "echo": self.echo,
            "messages": self.messages,
            "messages_after": self.messages_after,
            "joined": self.joined,
            "reports": self.reports,
            **self.format,
        }

    @classmethod
    def from_dict(cls, saved: Mapping[str, Any]) -> "Member":
        """Return what ``as_dict`` gave, with no connection."""
        subscribe = Subscription(frozenset(saved["all"]), frozenset((kind, who) for kind, who in saved["some"]))
        member = cls(
            saved["member_id"],
            saved["device"],
            frozenset(saved["publish"]),
            subscribe,
            None,
            saved["echo"],
            saved["role"],
            saved.get("messages", False),
            saved.get("messages_after", 0),
            AudioParams(**saved["audio"]) if "audio" in saved else None,
        )
        member.reports = saved.get("reports", False)
        member.joined = saved.get("joined", member.joined)
        return member
