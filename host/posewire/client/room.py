"""A room that a program is in: its members, their poses, audio and messages, and its shared state."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from time import monotonic
from typing import Any, TypeVar
from weakref import WeakSet

from posewire.client.feed import Feed
from posewire.client.key_requests import KeyRequest
from posewire.client.link.host_link import HostLink
from posewire.client.listeners import Handler, Listeners
from posewire.client.member import RoomMember
from posewire.client.member_traffic import MemberTraffic
from posewire.client.mirror import RoomInfo, RoomMirror, read_info
from posewire.client.pose_streams import PoseStreams, ReceivedPose, StreamCount
from posewire.client.receiver_reports import ReceiverReports
from posewire.client.room_messages import RoomMessage, RoomMessages
from posewire.client.sending.audio_sender import AudioSender
from posewire.client.sending.media_sender import MediaSender
from posewire.client.sending.pose_sender import PoseSender
from posewire.client.shared_state import LiveState
from posewire.errors import ConfigError
from posewire.task_scope import TaskScope
from posewire.wire.frames import Frame, FrameType, join_timed, split_timed
from posewire.wire.messages import Message
from posewire.wire.pose import Control, control, parse_header
from posewire.wire.room_actions import RoomKind

Wanted = str | dict[str, str | int]
"""A kind from everybody, or ``{"kind": …, "member_id": …}`` or ``{"kind": …, "device": …}``."""

_KINDS: dict[int, RoomKind] = {FrameType.AUDIO: "audio", FrameType.TIMED_AUDIO: "audio", FrameType.POSE: "pose"}
_T = TypeVar("_T")

_SAME_MEMBERS = frozenset({"joined", "away", "back", "role", "locked"})
"""Events after which nobody is gone who was there before."""

_EARLY = 256
_POSES, _FRAMES, _MESSAGES = 256, 4096, 1000


@dataclass(frozen=True)
class ReceivedFrame:
    """A frame of another member, undecoded.

    ``time_ms``: when the sound of an audio frame began, on the clock that its publisher's poses have, modulo 2^32; None
    where that is not known. ``arrived``: on ``time.monotonic``'s clock.
    """

    member_id: int
    kind: RoomKind
    payload: bytes
    time_ms: int | None = None
    arrived: float = field(default_factory=monotonic, compare=False)


Arrival = ReceivedFrame | Message
"""A frame of another member, or an event of the room."""


class Room:
    """A room that this program is in; ``HostConnection.join`` makes one.

    Events (``on``): ``pose`` (a ``ReceivedPose``), ``audio`` (a ``ReceivedFrame``), ``message`` (a ``RoomMessage``),
    ``quality`` (a sender's ``Quality``, when it changes), ``key_request`` (a ``KeyRequest``, when a stream does not
    decode, and when it does again), ``closed`` (the reason: this program left, was kicked, the
    room ended, or the connection did), and the host's room events by their name, each with the whole message:
    ``welcome``, ``joined``, ``left``, ``away``, ``back``, ``role``, ``locked``, ``kicked``, ``replay``, ``info``.
    """

    def __init__(
        self,
        host: HostLink,
        name: str,
        request: Message,
        *,
        compiled: bool = False,
        acknowledge: bool = False,
        decode: bool = True,
    ) -> None:
        self.name = name
        self.request = request
        """The fields of the request to join, for joining again."""

        self.member_id = 0
        self.role = ""
        self.mirror = RoomMirror()
        """The picture of the room that is kept up to date."""

        self.is_welcome = False
        self.closed: str | None = None
        """Why this program is no longer in the room; None while it is."""

        self.pose_senders: list[PoseSender] = []
        """The senders of poses that this program has made in this room."""

        self._host = host
        self._compiled = compiled
        self._decode = decode
        self._tasks = TaskScope()
        self._listeners = Listeners(self._tasks)
        self._messages = RoomMessages(host, name)
        self._reports = ReceiverReports(self.counts, self._waiting, self._report)
        self._reporter: asyncio.Task[None] | None = None
        self._traffic = MemberTraffic(
            PoseStreams(
                self._ask, compiled=compiled, acknowledge=acknowledge, told=self._key_asked, lossy=lambda: host.lossy
            )
        )
        # Weak: a loop that has ended takes its feed with it.
        self._pose_feeds: WeakSet[Feed[ReceivedPose]] = WeakSet()
        self._arrival_feeds: WeakSet[Feed[Arrival]] = WeakSet()
        self._message_feeds: WeakSet[Feed[RoomMessage]] = WeakSet()
        # The first loop gets what has come since this program is in the room.
        self._early: dict[int, Feed[Any]] = {}
        for feeds in (self._pose_feeds, self._arrival_feeds, self._message_feeds):
            early = self._early[id(feeds)] = Feed[Any](_EARLY)
            feeds.add(early)
        self._publishers: dict[int, Callable[[bytes], None]] = {}
        self._ends: list[Callable[[], None]] = []

    @property
    def members(self) -> dict[int, RoomMember]:
        """The members by their ids, this program included. It is kept up to date; do not change it."""
        return self.mirror.members

    @property
    def locked(self) -> bool:
        """Whether the room takes no newcomers."""
        return self.mirror.locked

    async def prepare(self) -> None:
        """Load the compiled codec, where it is wanted.

        Raises:
            ConfigError: numba is not installed.
        """
        if self._compiled:
            await load_compiled_codec()

    # --- what others send

    def on(self, event: str, handler: Handler) -> Callable[[], None]:
        """Call a function, or a coroutine function, at each event of this name; returns a function that stops that."""
        return self._listeners.on(event, handler)

    def poses(self) -> AsyncIterator[ReceivedPose]:
        """Iterate over the poses of the other members until this program is no longer in the room.

        The first loop begins with what has come since joining (the newest 256), each further one with what comes next.
        At most 256 wait for a loop that is too slow; then the oldest are dropped.
        """
        return self._feed(self._pose_feeds, _POSES)

    def arrivals(self) -> AsyncIterator[Arrival]:
        """Iterate over frames, undecoded, and events of the room, in the order in which they come."""
        return self._feed(self._arrival_feeds, _FRAMES)

    def messages(self) -> AsyncIterator[RoomMessage]:
        """Iterate over the messages of the other members."""
        return self._feed(self._message_feeds, _MESSAGES)

    def latest(self, member: int | str) -> ReceivedPose | None:
        """Return the newest pose of a member, named by id or by device; None where there is none."""
        member_id = self.member_id_of(member)
        return None if member_id is None else self._traffic.latest(member_id)

    def member_id_of(self, member: int | str) -> int | None:
        """Return the id of a member, named by id or by device; None where it is not in the room."""
        if isinstance(member, int):
            return member if member in self.members else None
        return next((member_id for member_id, found in self.members.items() if found.device == member), None)

    def audio_lag_ms(self, member: int | str) -> float | None:
        """Return how much later a member's sound arrives than the poses of the same moment, in milliseconds.

        Play the sound at once and show the poses by so much later, and they belong together. None: not known; the
        member must publish both, and stamp its audio.
        """
        member_id = self.member_id_of(member)
        return None if member_id is None else self._traffic.lag_ms(member_id)

    def idle_s(self, member: int | str) -> float | None:
        """Return the seconds since a pose, sound or a message last came from a member; None: nothing has come yet."""
        member_id = self.member_id_of(member)
        return None if member_id is None else self._traffic.idle_s(member_id)

    def counts(self) -> dict[tuple[int, int], StreamCount]:
        """Return what was received of each pose stream, by member id and stream number."""
        return self._traffic.streams.counts()

    def limit_bytes(self, member: int | str, packet_bytes: int, stream: int = 0) -> None:
        """Ask a publisher to keep its packets at or below this size; 0: no limit.

        The host passes it on only while this program is the only one who gets the stream.
        """
        member_id = self.member_id_of(member)
        if member_id is not None:
            self._ask(member_id, control(Control.RATE, stream, 0, packet_bytes))

    # --- what this program sends

    def sender(self, **options: Any) -> PoseSender:
        """Return a sender of poses (``PoseSender``); join with ``publish=["pose"]``."""
        number = next(number for number in range(256) if number not in self._publishers)
        options.setdefault("changed", lambda quality: self._listeners.emit("quality", quality))
        sender = PoseSender(self._host, stream=options.pop("stream", number), **options)
        self.add_publisher(sender.stream, sender.control)
        self._ends.append(sender.stop)
        self.pose_senders.append(sender)
        return sender

    def audio_sender(self, **options: Any) -> AudioSender:
        """Return a sender of audio (``AudioSender``); join with ``publish=["audio"]``."""
        sender = AudioSender(self._host, **options)
        self._ends.append(sender.stop)
        return sender

    async def publish(self, packet: bytes) -> bool:
        """Send a pose packet of an encoder of this program's own, and wait until the network has taken it.

        False: the host is away, and it was not sent.

        Give its stream's control packets to the encoder (``add_publisher``): members that join late ask for a key.
        """
        return await self._host.deliver(FrameType.POSE, packet)

    def add_publisher(self, stream: int, control: Callable[[bytes], None]) -> None:
        """Call a function with each control packet (a key request, an acknowledgement, a byte budget) for a stream."""
        self._publishers[stream] = control

    def media_sender(self, **options: Any) -> MediaSender:
        """Return a sender of poses and audio with times of one clock; the options are those of ``sender``.

        Join with ``publish=["pose", "audio"]``.
        """
        return MediaSender(self.sender(**options), self.audio_sender())

    async def publish_audio(self, payload: bytes, time_ms: int | None = None) -> bool:
        """Send an audio frame, encoded as the connection's ``audio`` says; as ``publish``.

        ``time_ms``: when its sound began; it is left out where the host does not take times.
        """
        if time_ms is not None and self._host.audio_time:
            return await self._host.deliver(FrameType.TIMED_AUDIO, join_timed(time_ms, payload))
        return await self._host.deliver(FrameType.AUDIO, payload)

    async def send(self, data: Any, to: int | str | None = None) -> int:
        """Send a message to all members, or to one; returns to how many connected members the host has given it.

        ``data``: anything that JSON can say, or bytes; at most 16 KiB. A member who is away gets it when it comes back.
        It arrives once, also when the connection is lost meanwhile: it is kept for 30 s.

        Raises:
            WireError: too long, no JSON, nobody in that member_id, or this program may not send to the room.
            NotDeliveredError: the host has not confirmed it within 30 s, or the room is over.
            QueueFullError: 100 messages wait already.
        """
        return await self._messages.send(data, self._receiver(to))

    def post(self, data: Any, to: int | str | None = None) -> None:
        """Send a message as ``send`` does, but return at once: nobody says whether it arrived."""
        self._messages.post(data, self._receiver(to))

    async def shared_state(self) -> LiveState:
        """Return the room's shared state, which this program follows from now on.

        Raises:
            WireError: this program may not read it.
        """
        state = LiveState(self._host, f"room:{self.name}")
        self._ends.append(state.close)
        await state.follow()
        return state

    # --- what members may do

    async def subscribe(self, wanted: Sequence[Wanted]) -> None:
        """Change what this program gets."""
        self.request["subscribe"] = list(wanted)
        await self._act("subscribe", subscribe=list(wanted))

    async def lock(self, locked: bool = True) -> None:
        """Close the room to newcomers, or open it again; only its owner may."""
        await self._act("lock" if locked else "unlock")

    async def kick(self, member: int | str, reason: str = "") -> None:
        """Remove a member, named by id or by device; only the owner may."""
        await self._act("kick", member_id=self._id_of(member), reason=reason)

    async def pass_on(self, member: int | str) -> None:
        """Make another member the owner, named by id or by device; only the owner may."""
        await self._act("role", member_id=self._id_of(member), role="owner")

    async def info(self) -> RoomInfo:
        """Ask the host for all that it knows of the room and its members: since when, when they last did something."""
        found: list[RoomInfo] = []
        stop = self.on("info", lambda event: found.append(read_info(event)))
        try:
            await self._act("info")
        finally:
            stop()
        return found[-1]

    async def ask_replay(self, member_id: int, frames: int = 100) -> None:
        """Ask for a member's last frames; they come as ``replay`` events (``docs/rooms.md``)."""
        await self._act("replay", member_id=member_id, frames=frames)

    async def leave(self) -> None:
        """Leave the room; loops over it end."""
        await self._act("leave")
        self.gone("left")

    # --- from the connection

    def receive(self, event: Message) -> None:
        """Take an event of this room."""
        name = str(event.get("event"))
        for message in self._messages.receive(event):
            self._traffic.heard(message.member_id)
            self._listeners.emit("message", message)
            _put(self._message_feeds, message)
        if name in ("message", "sent", "refused", "caught_up"):
            return
        before = {} if name in _SAME_MEMBERS else {key: member.device for key, member in self.members.items()}
        if not self.mirror.apply(event) and self._host.connected:
            self._host.send({"type": "room", "action": "info"})
        for member_id, device in before.items():
            if member_id not in self.members or self.members[member_id].device != device:
                self._traffic.forget(member_id)
        if name == "welcome":
            self.member_id, self.is_welcome = event["member_id"], True
            if event.get("reports") and self._reporter is None and self._decode:
                self._reporter = self._tasks.spawn(self._reports.run(), "reports")
        elif name == "reports":
            for sender in self.pose_senders:
                sender.on_reports(event)
            return
        own = self.members.get(self.member_id)
        self.role = own.role if own is not None else self.role
        _put(self._arrival_feeds, event)
        if name != "closed":  # that is said when the room is over here, once, with the reason alone
            self._listeners.emit(name, event)
        reason = str(event.get("reason") or "")
        if name == "kicked":
            self.gone(f"kicked: {reason}" if reason else name)
        elif name == "closed":
            self._host.room_closed(self, reason)

    def check_version(self, version: Any) -> None:
        """Take the host's word for how often the room has changed: what was missed is asked for."""
        if isinstance(version, int) and self.closed is None and self.mirror.is_behind(version):
            self._host.send({"type": "room", "action": "info"})

    def receive_frame(self, frame: Frame) -> None:
        """Take a frame of a member, or a control packet for a stream of this program."""
        if frame.type == FrameType.POSE and not frame.member_id:
            header = parse_header(frame.payload)
            publisher = self._publishers.get(header.stream) if header is not None else None
            if publisher is not None:
                publisher(frame.payload)
            return
        kind = _KINDS.get(frame.type)
        if kind is None or not frame.member_id:
            return
        time_ms, payload = split_timed(frame.payload) if frame.type == FrameType.TIMED_AUDIO else (None, frame.payload)
        received = ReceivedFrame(frame.member_id, kind, payload, time_ms)
        _put(self._arrival_feeds, received)
        if kind == "audio":
            self._traffic.sound(frame.member_id, time_ms, received.arrived)
            self._listeners.emit("audio", received)
        elif self._decode:
            member = self.members.get(frame.member_id)
            pose = self._traffic.decode(frame.member_id, member.device if member is not None else "", frame.payload)
            if pose is not None:
                self._reports.arrived(pose)
                _put(self._pose_feeds, pose)
                self._listeners.emit("pose", pose)

    def gone(self, reason: str) -> None:
        """Note that this program is no longer in the room: loops over it end."""
        if self.closed is not None:
            return
        self.closed = reason
        self.members.clear()
        if self._reporter is not None:
            self._reporter.cancel()
        for end in self._ends:
            end()
        self._messages.gone(reason)
        for feeds in (self._pose_feeds, self._arrival_feeds, self._message_feeds):
            for feed in feeds:
                feed.end()
        self._listeners.emit("closed", reason)

    # --- inside

    async def _act(self, action: str, **fields: Any) -> None:
        await self._host.request({"type": "room", "action": action, **fields})

    def _key_asked(self, request: KeyRequest) -> None:
        self._listeners.emit("key_request", request)

    def _ask(self, member_id: int, packet: bytes) -> None:
        self._host.send_frame(FrameType.POSE, packet, member_id)

    def _receiver(self, to: int | str | None) -> int | None:
        return None if to is None else self._id_of(to)

    def _id_of(self, member: int | str) -> int:
        if not isinstance(member, str):
            return member  # the host says whether there is one
        member_id = self.member_id_of(member)
        if member_id is None:
            raise ConfigError(f'nobody in the room "{self.name}" has the device id "{member}"')
        return member_id

    def _waiting(self) -> int:
        """How many poses wait for the loop of the program that is furthest behind."""
        return max((len(feed) for feed in self._pose_feeds if feed.read), default=0)

    def _report(self, message: Mapping[str, Any]) -> None:
        if self._host.connected:
            self._host.send(message)

    def _feed(self, feeds: "WeakSet[Feed[_T]]", capacity: int) -> Feed[_T]:
        feed: Feed[_T] = self._early.pop(id(feeds)) if id(feeds) in self._early else Feed(capacity)
        feed.capacity = capacity
        feeds.add(feed)
        if self.closed is not None:
            feed.end()
        return feed


def _put(feeds: "WeakSet[Feed[_T]]", value: _T) -> None:
    for feed in feeds:
        feed.put(value)


async def load_compiled_codec() -> None:
    """Compile the codec, or load what was compiled before.

    Raises:
        ConfigError: numba is not installed.
    """
    from posewire.wire.pose.warm import warm

    try:
        await asyncio.to_thread(warm)
    except ImportError:
        raise ConfigError("compiled poses need numba: pip install 'posewire[fast]'") from None
