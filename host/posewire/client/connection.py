"""A connection to a host that comes back by itself, and the room that it is in."""

import asyncio
import logging
import secrets
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from time import monotonic
from types import TracebackType
from typing import Any

from posewire.client.endpoints import Endpoint, read_endpoints
from posewire.client.exchange import Exchange
from posewire.client.key_requests import KeyRequest
from posewire.client.link.clock_offset import now_ms
from posewire.client.link.connection_state import ConnectionState, StateMachine
from posewire.client.link.credentials import Credentials, TokenSource
from posewire.client.link.dialer import Dialer
from posewire.client.link.heartbeat import Heartbeat
from posewire.client.link.incoming import Incoming
from posewire.client.link.life import Life
from posewire.client.link.outgoing import Outgoing
from posewire.client.link.pose_channel import PoseChannel
from posewire.client.link.requests import Requests
from posewire.client.link.send_queue import SendQueue
from posewire.client.link.session import Session
from posewire.client.link.statistics import ConnectionStatistics
from posewire.client.listeners import Handler, Listeners
from posewire.client.reconnect import ReconnectPolicy
from posewire.client.recovery import DEFAULT_RECOVERY, Outcome, RecoveryLog, Rejoin
from posewire.client.room import Room, Wanted
from posewire.client.room_place import RoomPlace
from posewire.client.sending.adaptive import Quality
from posewire.client.transports.base import Opener
from posewire.client.transports.switches import Switch
from posewire.client.transports.webrtc import WebRtc
from posewire.client.transports.websocket import open_websocket
from posewire.errors import NotConnectedError, UnauthorizedError, WireError
from posewire.task_scope import TaskScope
from posewire.wire.frames import Frame, FrameType
from posewire.wire.messages import AudioParams, Message

_log = logging.getLogger(__name__)


class HostConnection:
    """A connection to a host, as an async context manager: ``async with posewire.connect(url) as host``.

    Entering raises ``HostUnreachableError`` (no host at any of the URLs; ``UnauthorizedError``: it does not let this
    program in) and ``ConfigError`` (a URL, the token's file or function); with ``wait`` it waits until a host is there,
    as long as ``reconnect`` says. After that, a lost connection is opened again as ``reconnect`` says: the session is
    resumed or begun anew, the room is joined, and what was said meanwhile is sent.

    Events (``on``): ``changed`` (old, new ``ConnectionState``), ``connected`` (whether resumed), ``disconnected``
    (reason), ``closed`` (reason), ``transport`` (the one that poses go by from now on, why), ``error`` (a
    ``PosewireError``, or the exception of a handler), ``audio`` (a frame of the host's voice), and each text message of
    the host by its type (``stt``, ``tts``, …).
    """

    def __init__(
        self,
        urls: str | Sequence[str | Endpoint],
        *,
        token: TokenSource = None,
        device: str = "",
        audio: AudioParams | None = None,
        reconnect: ReconnectPolicy | None = None,
        heartbeat_s: float = 2.0,
        silence_s: float = 5.0,
        timeout_s: float = 10.0,
        open_transport: Opener = open_websocket,
        recovery: Mapping[str, Rejoin] = DEFAULT_RECOVERY,
        wait: bool = False,
        webrtc: bool | WebRtc = False,
    ) -> None:
        self.device = device or unique_name("desktop")
        self.recoveries = RecoveryLog()
        """The errors so far, what was done about each, and how it ended."""

        self._out = Outgoing(lambda: self._exchange.agreed.deflate)
        self.close_reason = ""
        self._states = StateMachine(self._state_changed)
        self._statistics = ConnectionStatistics()
        self._tasks = TaskScope(lambda error: self._listeners.failed(error, "task"))
        self._listeners = Listeners(self._tasks)
        self._incoming = Incoming(self._receive_text, self._receive_frame, self._listeners.failed)
        self.heartbeat = Heartbeat(heartbeat_s, silence_s, self._out.put)
        self._requests = Requests(self.heartbeat, self._out.put, self.wait_connected, timeout_s)
        options = (WebRtc() if webrtc else None) if isinstance(webrtc, bool) else webrtc
        self._channel = PoseChannel(options, self._out.put, self._switched)
        self._place = RoomPlace(self._requests, self.heartbeat, self._out.put, self._tasks, self.recoveries, recovery)
        self._exchange = Exchange(
            audio, self._out, self.heartbeat, self._channel, self._place, self._statistics, self._incoming.receive,
            self._greeted,
        )  # fmt: skip
        self._dialer = Dialer(
            read_endpoints(urls),
            Credentials(token),
            self.device,
            open_transport,
            self._statistics,
            self._exchange.begin,
        )
        self._life = Life(
            self._dialer, reconnect or ReconnectPolicy(), self.recoveries, timeout_s, self._talk, self, wait
        )

    # --- life

    async def __aenter__(self) -> "HostConnection":
        await self.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    @property
    def state(self) -> ConnectionState:
        """The state of the connection."""
        return self._states.state

    @property
    def connected(self) -> bool:
        """Whether the host is there at this moment."""
        return self._states.state is ConnectionState.CONNECTED

    @property
    def queue(self) -> SendQueue:
        """The messages and frames that wait to be sent."""
        return self._out.queue

    @property
    def session_id(self) -> str:
        """The id of the session; empty before the first hello."""
        return self._exchange.agreed.session_id

    @property
    def audio(self) -> AudioParams:
        """How audio is encoded in both directions."""
        return self._exchange.agreed.audio

    @property
    def audio_time(self) -> bool:
        """Whether audio has times in this session: both sides take it so."""
        return self._exchange.agreed.audio_time

    @property
    def endpoint(self) -> Endpoint | None:
        """The address of the present connection, or of the last one."""
        return self._dialer.endpoint

    @property
    def room(self) -> Room | None:
        """The room that this connection is in: one at a time."""
        return self._place.room

    @property
    def lossy(self) -> bool:
        """Whether poses go by a data channel, on which they may be lost, at this moment."""
        return self.connected and self._channel.lossy

    @property
    def bytes_s(self) -> float | None:
        """The capacity of a congested way to the host, in bytes a second; None: more than what is sent."""
        return self._exchange.session.congestion.bytes_s if self._exchange.session is not None else None

    @property
    def carries(self) -> float | None:
        """The bytes a second that the way to the host carries at least; None: not known."""
        return self._exchange.session.congestion.carries if self._exchange.session is not None else None

    @property
    def in_room(self) -> bool:
        """Whether the host is there, and has this program in its room at this moment."""
        return self.connected and self.room is not None and self.room.closed is None and self.room.is_welcome

    async def open(self) -> None:
        """Connect: every URL is tried once."""
        self._states.change(ConnectionState.CONNECTING)
        opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._tasks.spawn(self._life.run(opened), "connection")
        try:
            await opened
        except BaseException as error:
            self.ended(str(error))
            await self._tasks.close()
            raise

    async def close(self) -> None:
        """Say goodbye, and close. The host keeps nothing for this program."""
        session = self._exchange.session
        if self.connected and session is not None:
            with suppress(TimeoutError):
                async with asyncio.timeout(1.0):
                    await self.flush()
                    self._out.put({"type": "goodbye"})
                    await self.flush()
                    await session.wait_ended()  # the host answers a goodbye by closing
        self.ended("closed by this program")
        await self._tasks.close()

    async def wait_closed(self) -> str:
        """Wait until the connection is over; returns the reason."""
        while self.state is not ConnectionState.CLOSED:
            await self._states.next()
        return self.close_reason

    async def wait_connected(self, timeout_s: float | None = None) -> None:
        """Wait until the host is there.

        Raises:
            NotConnectedError: the connection is closed, or the host has not come back within ``timeout_s`` seconds.
        """
        try:
            async with asyncio.timeout(timeout_s):
                while not self.connected:
                    self._require_open()
                    await self._states.next()
        except TimeoutError:
            raise NotConnectedError(f"the host has been away for {timeout_s:g} s") from None

    def rollback(self) -> None:
        """Go back to the transport that poses went by before, and stay there until this is called again."""
        self._channel.rollback()

    def forget_session(self) -> None:
        """Begin a session anew with the next connection, in place of resuming the present one."""
        self._exchange.forget_session()

    # --- what a program says

    def on(self, event: str, handler: Handler) -> Callable[[], None]:
        """Call a function, or a coroutine function, at each event of this name; returns a function that stops that."""
        return self._listeners.on(event, handler)

    async def join(
        self,
        room: str,
        *,
        publish: Sequence[str] = (),
        subscribe: Sequence[Wanted] = ("pose",),
        create: bool | None = None,
        echo: bool = False,
        decode: bool = True,
        compiled: bool = False,
        acknowledge: bool = False,
    ) -> Room:
        """Join a room, and leave the one before it: a connection is in one room at a time.

        ``publish`` and ``subscribe`` list kinds, ``"pose"`` and ``"audio"``; a subscription may also name one member,
        as ``{"kind": "pose", "member_id": 3}`` or by ``"device"``. ``create``: True wants the room to be new, False
        wants it there. ``echo``: own frames come back, too. ``decode``: False leaves poses as they come, for
        ``Room.arrivals``.
        ``compiled``: decode with numba (extra ``fast``), ten times faster; loading it takes a second, the first time on
        a machine ten. ``acknowledge``: tell publishers which frames have arrived, for their ``reliable`` streams.

        Raises:
            WireError: the host refuses; ``code`` says why.
            ConfigError: ``compiled`` without numba.
            NotConnectedError: the connection is closed.
        """
        request: Message = {
            "publish": list(publish), "subscribe": list(subscribe), "create": create is not False, "echo": echo,
            "messages": True, "reports": True,
        }  # fmt: skip
        joining = Room(self, room, request, compiled=compiled, acknowledge=acknowledge, decode=decode)
        joining.on("quality", self._quality_changed)
        joining.on("key_request", self._key_asked)
        await self._place.join(joining, bool(create))
        return joining

    async def list_rooms(self) -> list[dict[str, Any]]:
        """Return the rooms that this program may join: ``room``, ``members`` (how many), ``locked``, ``created``,
        ``last_active`` (milliseconds since 1970).

        Raises:
            NotConnectedError: the connection is closed.
        """
        found: list[dict[str, Any]] = []
        remove = self.on("room", lambda message: found.extend(message.get("rooms", ())))
        try:
            await self.request({"type": "room", "action": "list"})
        finally:
            remove()
        return found

    async def room_info(self, room: str) -> dict[str, Any]:
        """Return what ``list_rooms`` says of one room; a member of it gets more by ``Room.info``.

        Raises:
            WireError: there is no such room (``no_such_room``), or this program may not join it.
        """
        found = [listed for listed in await self.list_rooms() if listed["room"] == room]
        if not found:
            raise WireError(f'there is no room "{room}" that this program may join', "no_such_room")
        return found[0]

    def send(self, message: Mapping[str, Any], number: int | None = None) -> None:
        """Send a text message (``docs/wire.md`` section 2). While the host is away it is kept, for 30 s at most.

        ``number``: of a message that the host confirms: it is kept until then, and said again after a reconnect.

        Raises:
            QueueFullError: 100 messages are kept already.
            NotConnectedError: the connection is closed.
        """
        self._require_open()
        if number is not None or not self.connected:
            self._out.outbox.keep(message, number)
        if self.connected:
            self._out.put(message, keep=number is None)

    def confirmed(self, number: int) -> None:
        """Keep the message with this number no longer: the host has confirmed it."""
        self._out.outbox.confirmed(number)

    def send_frame(self, kind: FrameType, payload: bytes, member_id: int = 0) -> None:
        """Send a binary frame, or nothing while the host is away. Control goes first, then audio, then poses."""
        if self.connected:
            self._out.put_frame(kind, payload, member_id)

    async def deliver(self, kind: FrameType, payload: bytes) -> bool:
        """Send a binary frame and wait until the network has taken it; False: the host is away, or went away."""
        return self.connected and await self._out.deliver(kind, payload)

    async def request(self, message: Mapping[str, Any]) -> None:
        """Send a message and wait until the host has handled it; one request at a time.

        Raises:
            WireError: the host has refused it.
            AnswerTimeoutError: it has not answered in time.
            NotConnectedError: the connection is closed, or the host has been away for too long.
            HostUnreachableError: the connection was lost before the answer.
        """
        await self._requests.ask(message)

    def failed(self, error: BaseException, where: str) -> None:
        """Report an exception of a function of the program: to the handlers of ``error``, else to the log."""
        self._listeners.failed(error, where)

    async def flush(self) -> None:
        """Wait until everything that was to be sent has been given to the network."""
        await self._out.flush()

    # --- what a program asks

    def host_time_ms(self) -> float | None:
        """Return the host's clock, in milliseconds since 1970; None before it is known."""
        offset = self.heartbeat.clock.offset_ms
        return None if offset is None else now_ms() + offset

    def status(self) -> dict[str, Any]:
        """Return the state of the connection, for a person or a monitor."""
        clock, counts = self.heartbeat.clock, self._statistics
        beat, away = self.heartbeat.last_answer, counts.away_since
        return {
            "state": self.state.value,
            "url": self.endpoint.url if self.endpoint else None,
            "transport": self._transport_status(),
            "session": self.session_id,
            "room": self.room.name if self.room is not None and self.room.closed is None else None,
            "connected_since": counts.connected_since,
            "away_s": None if away is None else monotonic() - away,
            "last_heartbeat_s": None if beat is None else monotonic() - beat,
            "round_trip_ms": clock.round_trip_ms,
            "clock_offset_ms": clock.offset_ms,
            "congested": self._exchange.session is not None and self._exchange.session.congestion.congested,
            "quality": self._quality(),
            "recoveries": self.recoveries.last(10),
            "kept_messages": len(self._out.outbox),
            "queue": self.queue.waiting(),
            "close_reason": self.close_reason or None,
        }

    def statistics(self) -> dict[str, Any]:
        """Return what was counted since the connection was first opened."""
        return {
            **self._statistics.as_dict(),
            "round_trip_ms": self.heartbeat.clock.percentiles(),
            "recoveries": dict(self.recoveries.counts),
            "expired": self._out.outbox.expired,
            "dropped": dict(self.queue.dropped),
            "endpoints": [endpoint.as_dict() for endpoint in self._dialer.endpoints.all],
        }

    # --- the life of the connection (Life, and its Events)

    def _greeted(self, resumed: bool) -> None:
        self._states.change(ConnectionState.CONNECTED)
        self._statistics.resent += self._out.resend()
        self._listeners.emit("connected", resumed)

    async def _talk(self, session: Session) -> str:
        return await self._exchange.talk(session, self.endpoint, self._life.wait_for_renewal())

    def lost(self, reason: str) -> None:
        """Note that the connection was lost; for its life."""
        self._statistics.lost()
        self._states.change(ConnectionState.RECONNECTING)
        self._listeners.emit("disconnected", reason)

    def refused(self, error: UnauthorizedError) -> None:
        """Note that the host no longer lets this program in; for the connection's life."""
        self._statistics.refused += 1
        self._listeners.emit("error", error)

    def ended(self, reason: str) -> None:
        """Note that the connection is over; for its life."""
        if self.state is ConnectionState.CLOSED:
            return
        self.close_reason = reason
        lost = self._out.outbox.close()
        self._states.change(ConnectionState.CLOSED)
        if self.room is not None:
            self.room.gone(reason)
        if lost is not None:
            self._listeners.emit("error", lost)
        self._listeners.emit("closed", reason)

    def before_attempt(self) -> None:
        """Drop what was kept for too long; for the connection's life."""
        self._out.outbox.drop_expired()

    def is_closed(self) -> bool:
        """Tell whether the connection is over; for its life."""
        return self.state is ConnectionState.CLOSED

    # --- inside

    def room_closed(self, room: Room, reason: str) -> None:
        """Take the host's word that it has closed the room."""
        self._place.refused(room, WireError(f"closed: {reason}" if reason else "closed", "room_closed"))

    def _quality_changed(self, quality: Quality) -> None:
        outcome: Outcome = "trying" if quality.is_degraded else "recovered"
        self.recoveries.note(quality.cause or "congestion", "lower_quality", outcome, detail=quality.name)

    def _key_asked(self, request: KeyRequest) -> None:
        self.recoveries.note(
            "undecodable", "ask_for_key", request.outcome, attempts=request.attempts, seconds=request.seconds,
            detail=f"stream {request.stream} of {request.device}",
        )  # fmt: skip

    def _quality(self) -> dict[str, Any] | None:
        """Return the lowest quality among the senders of the room; None: there is no sender."""
        senders = [] if self.room is None else self.room.pose_senders
        return max((sender.quality for sender in senders), key=lambda q: q.level).as_dict() if senders else None

    def _switched(self, switch: Switch) -> None:
        cause = "transport_failed" if switch.now == "websocket" else "transport_works"
        self.recoveries.note(cause, "switch_transport", "recovered", detail=f"{switch.now}: {switch.cause}")
        self._listeners.emit("transport", switch.now, switch.cause)

    def _transport_status(self) -> dict[str, Any] | None:
        """Return the kind of way that is in use and what it has counted; None: the host is away."""
        transport = None if self._exchange.session is None else self._exchange.session.transport
        return None if transport is None else {"name": transport.name, **transport.statistics()}

    def _receive_text(self, message: Message) -> None:
        kind = message.get("type")
        error: WireError | None = None
        match kind:
            case "pong":
                self.heartbeat.on_pong(message)
                if self.room is not None:
                    self.room.check_version(message.get("room_version"))
            case "webrtc":
                self._channel.receive(message)
            case "room":
                self._place.receive(message)
            case "error":
                error = WireError(str(message.get("message", "refused")), str(message.get("code", "internal")))
                self._statistics.errors[error.code] += 1
                self._requests.refused(error)
        if not self._exchange.take_greeting(message) and error is not None:
            self._listeners.emit("error", error)
        if isinstance(kind, str) and error is None:
            self._listeners.emit(kind, message)

    def _receive_frame(self, frame: Frame) -> None:
        if frame.type == FrameType.AUDIO and not frame.member_id:
            self._listeners.emit("audio", frame.payload)
        elif self.room is not None:
            self.room.receive_frame(frame)

    def _state_changed(self, old: ConnectionState, new: ConnectionState) -> None:
        _log.info("%s: %s", self.endpoint.url if self.endpoint else "no host yet", new.value)
        self._listeners.emit("changed", old, new)

    def _require_open(self) -> None:
        if self.state in (ConnectionState.NEW, ConnectionState.CLOSED):
            raise NotConnectedError(self.close_reason or "the connection is not open")


def unique_name(kind: str) -> str:
    """Return a device id for a program of that kind: no two have the same."""
    return f"{kind}-{secrets.token_hex(4)}"
