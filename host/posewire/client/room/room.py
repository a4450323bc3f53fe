"""A room that a program is in: its members, their poses, audio and messages, and its shared state."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

from posewire.client.link.host_link import HostLink
from posewire.client.room.feed import Feeds
from posewire.client.room.frames import Arrival, ReceivedFrame, read_frame
from posewire.client.room.key_requests import KeyRequest
from posewire.client.room.member_traffic import MemberTraffic
from posewire.client.room.membership import Membership
from posewire.client.room.messages import RoomMessage, RoomMessages
from posewire.client.room.pose_streams import PoseStreams, ReceivedPose, StreamCount, load_compiled_codec
from posewire.client.room.publishers import Publishers
from posewire.client.room.receiver_reports import ReceiverReports
from posewire.client.room.shared_state import LiveState
from posewire.client.sending.adaptive import Quality
from posewire.client.sending.audio_sender import AudioSender
from posewire.client.sending.media_sender import MediaSender
from posewire.client.sending.pose_sender import PoseSender
from posewire.wire.frames import Frame, FrameType, join_timed
from posewire.wire.messages import Message
from posewire.wire.pose import Control, control

_POSES, _FRAMES, _MESSAGES = 256, 4096, 1000


class Room(Membership):
    """A room that this program is in; ``HostConnection.join`` makes one.

    Events (``on``): ``pose`` (a ``ReceivedPose``), ``audio`` (a ``ReceivedFrame``), ``message`` (a ``RoomMessage``),
    ``quality`` (a sender's ``Quality``, when it changes), ``key_request`` (a ``KeyRequest``, when a stream does not
    decode, and when it does again), ``error`` (the exception of a handler; without a handler of this it is an event of
    the connection), ``closed`` (the reason: this program left, was kicked, the room ended, or the connection did), and
    the host's room events by their name, each with the whole message:
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
        super().__init__(host, name, request)
        self._compiled = compiled
        self._decode = decode
        self._messages = RoomMessages(host, name)
        self._publishers = Publishers(host, self._quality_changed)
        self._states: list[LiveState] = []
        streams = PoseStreams(
            self._ask, compiled=compiled, acknowledge=acknowledge, told=self._key_asked, lossy=lambda: host.lossy
        )
        self._traffic = MemberTraffic(streams)
        self._pose_feeds = Feeds[ReceivedPose]()
        self._arrival_feeds = Feeds[Arrival]()
        self._message_feeds = Feeds[RoomMessage]()
        self._reports = ReceiverReports(self.counts, lambda: self._pose_feeds.waiting, self._report)
        self._reporter: asyncio.Task[None] | None = None

    async def prepare(self) -> None:
        """Load the compiled codec, where it is wanted.

        Raises:
            ConfigError: numba is not installed.
        """
        if self._compiled:
            await load_compiled_codec()

    # --- what others send

    def poses(self) -> AsyncIterator[ReceivedPose]:
        """Iterate over the poses of the other members until this program is no longer in the room.

        The first loop begins with what has come since joining (the newest 256), each further one with what comes next.
        At most 256 wait for a loop that is too slow; then the oldest are dropped.
        """
        return self._pose_feeds.open(_POSES)

    def arrivals(self) -> AsyncIterator[Arrival]:
        """Iterate over frames, undecoded, and events of the room, in the order in which they come."""
        return self._arrival_feeds.open(_FRAMES)

    def messages(self) -> AsyncIterator[RoomMessage]:
        """Iterate over the messages of the other members."""
        return self._message_feeds.open(_MESSAGES)

    def latest(self, member: int | str) -> ReceivedPose | None:
        """Return the newest pose of a member, named by id or by device; None where there is none."""
        member_id = self.member_id_of(member)
        return None if member_id is None else self._traffic.latest(member_id)

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

    @property
    def pose_senders(self) -> list[PoseSender]:
        """The senders of poses that this program has made in this room."""
        return self._publishers.pose_senders

    def sender(self, **options: Any) -> PoseSender:
        """Return a sender of poses (``PoseSender``); join with ``publish=["pose"]``."""
        return self._publishers.pose_sender(**options)

    def audio_sender(self, **options: Any) -> AudioSender:
        """Return a sender of audio (``AudioSender``); join with ``publish=["audio"]``."""
        return self._publishers.audio_sender(**options)

    def media_sender(self, **options: Any) -> MediaSender:
        """Return a sender of poses and audio with times of one clock; the options are those of ``sender``.

        Join with ``publish=["pose", "audio"]``.
        """
        return MediaSender(self.sender(**options), self.audio_sender())

    async def publish(self, packet: bytes) -> bool:
        """Send a pose packet of an encoder of this program's own, and wait until the network has taken it.

        False: the host is away, and it was not sent.

        Give its stream's control packets to the encoder (``add_publisher``): members that join late ask for a key.
        """
        return await self._host.deliver(FrameType.POSE, packet)

    def add_publisher(self, stream: int, control: Callable[[bytes], None]) -> None:
        """Call a function with each control packet (a key request, an acknowledgement, a byte budget) for a stream."""
        self._publishers.add(stream, control)

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
        self._states.append(state)
        try:
            await state.follow()
        except BaseException:
            self._states.remove(state)
            raise
        return state

    async def leave(self) -> None:
        """Leave the room; loops over it end."""
        if self.closed is not None:
            return
        await self._act("leave")
        self.gone("left")

    # --- from the connection

    def receive(self, event: Message) -> None:
        """Take an event of this room."""
        name = str(event.get("event"))
        for message in self._messages.receive(event):
            self._traffic.heard(message.member_id)
            self._listeners.emit("message", message)
            self._message_feeds.put(message)
        if name in ("message", "sent", "refused", "caught_up"):
            return
        for member_id in self._follow(event):
            self._traffic.forget(member_id)
        if name == "reports":
            self._publishers.on_reports(event)
            return
        if name == "welcome" and event.get("reports") and self._reporter is None and self._decode:
            self._reporter = self._tasks.spawn(self._reports.run(), "reports")
        self._arrival_feeds.put(event)
        if name != "closed":  # that is said when the room is over here, once, with the reason alone
            self._listeners.emit(name, event)
        reason = str(event.get("reason") or "")
        if name == "kicked":
            self.gone(f"kicked: {reason}" if reason else name)
        elif name == "closed":
            self._host.room_closed(self, reason)

    def receive_frame(self, frame: Frame) -> None:
        """Take a frame of a member, or a control packet for a stream of this program."""
        received = None if self._publishers.take(frame) else read_frame(frame)
        if received is None:
            return
        self._arrival_feeds.put(received)
        if received.kind == "audio":
            self._traffic.sound(received.member_id, received.time_ms, received.arrived)
            self._listeners.emit("audio", received)
        elif self._decode:
            self._receive_pose(received)

    def gone(self, reason: str) -> None:
        """Note that this program is no longer in the room: loops over it end."""
        if self.closed is not None:
            return
        self.closed = reason
        self.members.clear()
        if self._reporter is not None:
            self._reporter.cancel()
        self._publishers.stop()
        for state in self._states:
            state.close()
        self._messages.gone(reason)
        for feeds in (self._pose_feeds, self._arrival_feeds, self._message_feeds):
            feeds.end()
        self._listeners.emit("closed", reason)

    # --- inside

    def _receive_pose(self, frame: ReceivedFrame) -> None:
        member = self.members.get(frame.member_id)
        pose = self._traffic.decode(frame.member_id, member.device if member is not None else "", frame.payload)
        if pose is not None:
            self._reports.arrived(pose)
            self._pose_feeds.put(pose)
            self._listeners.emit("pose", pose)

    def _quality_changed(self, quality: Quality) -> None:
        self._listeners.emit("quality", quality)

    def _key_asked(self, request: KeyRequest) -> None:
        self._listeners.emit("key_request", request)

    def _ask(self, member_id: int, packet: bytes) -> None:
        self._host.send_frame(FrameType.POSE, packet, member_id)

    def _receiver(self, to: int | str | None) -> int | None:
        return None if to is None else self._id_of(to)

    def _report(self, message: Mapping[str, Any]) -> None:
        if self._host.connected:
            self._host.send(message)
