"""A connection to a host that comes back by itself, and the room that it is in."""

import asyncio
import json
import logging
import secrets
import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from time import monotonic
from types import TracebackType
from typing import Any

from posewire.client.endpoints import Endpoint, read_endpoints
from posewire.client.link.clock_offset import now_ms
from posewire.client.link.connection_state import ConnectionState, StateMachine
from posewire.client.link.credentials import RENEW_BEFORE, Credentials, TokenSource
from posewire.client.link.heartbeat import Heartbeat
from posewire.client.link.outbox import Outbox
from posewire.client.link.send_queue import Priority, Queued, SendQueue
from posewire.client.link.session import Session
from posewire.client.link.statistics import ConnectionStatistics
from posewire.client.listeners import Handler, Listeners
from posewire.client.reconnect import ReconnectPolicy
from posewire.client.recovery import DEFAULT_RECOVERY, GIVE_UP, Outcome, RecoveryLog, Rejoin
from posewire.client.room import Room, Wanted
from posewire.client.sending.adaptive import Quality
from posewire.client.transports.base import Opener, Transport
from posewire.client.transports.websocket import open_websocket
from posewire.errors import HostUnreachableError, NotConnectedError, PosewireError, UnauthorizedError, WireError
from posewire.task_scope import TaskScope
from posewire.wire.close_codes import REPLACED
from posewire.wire.deflated import deflate, inflate
from posewire.wire.frames import FrameType, build_frame, parse_frame
from posewire.wire.messages import AudioParams, Message, dump_text

_log = logging.getLogger(__name__)

_PROTOCOL = 3
_FIRST_TIMEOUT = 1.5
"""Seconds for the first attempt after a loss; each further one has twice as long, up to the connection's time-out."""

_LONGEST_TEXT = 1024 * 1024
"""Bytes that a compressed message of the host may unpack to."""

_OF_FRAMES = frozenset({"bad_pose", "bad_frame"})
"""Codes of errors that only frames cause: they are no answer to a request."""


class HostConnection:
    """A connection to a host, as an async context manager: ``async with posewire.connect(url) as host``.

    Entering raises ``HostUnreachableError`` (no host at any of the URLs; ``UnauthorizedError``: it does not let this
    program in) and ``ConfigError`` (a URL, the token's file or function). After that, a lost connection is opened
    again as ``reconnect`` says: the session is resumed or begun anew, the room is joined, and what was said meanwhile
    is sent.

    Events (``on``): ``changed`` (old, new ``ConnectionState``), ``connected`` (whether resumed), ``disconnected``
    (reason), ``closed`` (reason), ``error`` (a ``PosewireError``, or the exception of a handler), ``audio`` (a frame of
    the host's voice), and each text message of the host by its type (``stt``, ``tts``, …).
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
    ) -> None:
        self.device = device or unique_name("desktop")
        self.audio = audio or AudioParams()
        """How audio is encoded in both directions: what this program asked for, and since hello what was agreed on."""

        self.audio_time = False
        """Whether audio has times in this session: both sides take it so."""

        self._deflate = False
        self.session_id = ""
        self.endpoint: Endpoint | None = None
        """The address of the present connection, or of the last one."""

        self.room: Room | None = None
        """The room that this connection is in: one at a time."""

        self.recoveries = RecoveryLog()
        """The errors so far, what was done about each, and how it ended."""

        self.outbox = Outbox()
        self.queue = SendQueue()
        self.close_reason = ""
        self._recovery = recovery
        self._rejoining: asyncio.Task[None] | None = None
        self._asked_audio = audio
        self._endpoints = read_endpoints(urls)
        self._credentials = Credentials(token)
        self._reconnect = reconnect or ReconnectPolicy()
        self._timeout = timeout_s
        self._open_transport = open_transport
        self._client_id = str(uuid.uuid4())
        self._states = StateMachine(self._state_changed)
        self._state_is_new = asyncio.Event()
        self._statistics = ConnectionStatistics()
        self._tasks = TaskScope(lambda error: self._listeners.failed(error, "task"))
        self._listeners = Listeners(self._tasks)
        self.heartbeat = Heartbeat(heartbeat_s, silence_s, self._put)
        self._session: Session | None = None
        self._greeted: asyncio.Future[Message] | None = None
        self._opened: asyncio.Future[None] | None = None
        self._life: asyncio.Task[None] | None = None
        self._joining: Room | None = None
        self._refusals: list[WireError] = []
        self._one_request = asyncio.Lock()

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
    def bytes_s(self) -> float | None:
        """The capacity of a congested way to the host, in bytes a second; None: more than what is sent."""
        return self._session.congestion.bytes_s if self._session is not None else None

    @property
    def in_room(self) -> bool:
        """Whether the host is there, and has this program in its room at this moment."""
        return self.connected and self.room is not None and self.room.closed is None and self.room.is_welcome

    async def open(self) -> None:
        """Connect: every URL is tried once."""
        self._states.change(ConnectionState.CONNECTING)
        self._opened = asyncio.get_running_loop().create_future()
        self._life = self._tasks.spawn(self._live(), "connection")
        try:
            await self._opened
        except BaseException as error:
            self._end(str(error))
            await self._tasks.close()
            raise

    async def close(self) -> None:
        """Say goodbye, and close. The host keeps nothing for this program."""
        session = self._session
        if self.connected and session is not None:
            with suppress(TimeoutError):
                async with asyncio.timeout(1.0):
                    await self.flush()
                    self._put({"type": "goodbye"})
                    await self.flush()
                    await session.wait_ended()  # the host answers a goodbye by closing
        self._end("closed by this program")
        await self._tasks.close()

    async def wait_closed(self) -> str:
        """Wait until the connection is over; returns the reason."""
        while self.state is not ConnectionState.CLOSED:
            await self._next_state()
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
                    await self._next_state()
        except TimeoutError:
            raise NotConnectedError(f"the host has been away for {timeout_s:g} s") from None

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
        before = self.room
        joining = self._joining = Room(self, room, request, compiled=compiled, acknowledge=acknowledge, decode=decode)
        joining.on("quality", self._quality_changed)
        try:
            await joining.prepare()
            await self.request({"type": "room", "action": "create" if create else "join", "room": room, **request})
            if self.room is not joining:
                raise WireError(f'the host has not let this program into the room "{room}"', "room_denied")
        finally:
            self._joining = None
        if before is not None and before is not joining:
            before.gone("this program has joined another room")
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
            self.outbox.keep(message, number)
        if self.connected:
            self._put(message, keep=number is None)

    def confirmed(self, number: int) -> None:
        """Keep the message with this number no longer: the host has confirmed it."""
        self.outbox.confirmed(number)

    def send_frame(self, kind: FrameType, payload: bytes, member_id: int = 0) -> None:
        """Send a binary frame, or nothing while the host is away. Control goes first, then audio, then poses."""
        if self.connected:
            priority = Priority.POSE if kind == FrameType.POSE else Priority.AUDIO
            frame = build_frame(kind, payload, _PROTOCOL, member_id)
            self.queue.put(Queued(Priority.CONTROL if member_id else priority, lambda: frame))

    async def deliver(self, kind: FrameType, payload: bytes) -> bool:
        """Send a binary frame and wait until the network has taken it; False: the host is away, or went away."""
        if not self.connected:
            return False
        taken: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

        def sent(size: int | None) -> None:
            if not taken.done():
                taken.set_result(size is not None)

        frame = build_frame(kind, payload, _PROTOCOL)
        priority = Priority.POSE if kind == FrameType.POSE else Priority.AUDIO
        self.queue.put(Queued(priority, lambda: frame, sent=sent))
        return await taken

    async def request(self, message: Mapping[str, Any]) -> None:
        """Send a message and wait until the host has handled it; one request at a time.

        Raises:
            WireError: the host has refused it.
            AnswerTimeoutError: it has not answered in time.
            NotConnectedError: the connection is closed, or the host has been away for too long.
            HostUnreachableError: the connection was lost before the answer.
        """
        async with self._one_request:
            await self.wait_connected(self._timeout)
            self._refusals.clear()
            self._put(message)
            try:
                await self.heartbeat.barrier(self._timeout)
            except ConnectionError:
                raise HostUnreachableError("the connection was lost before the host answered") from None
            if self._refusals:
                raise self._refusals[0]

    def failed(self, error: BaseException, where: str) -> None:
        """Report an exception of a function of the program: to the handlers of ``error``, else to the log."""
        self._listeners.failed(error, where)

    async def flush(self) -> None:
        """Wait until everything that was to be sent has been given to the network."""
        sent = asyncio.Event()
        self.queue.put(Queued(Priority.POSE, lambda: sent.set()))
        await sent.wait()

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
            "session": self.session_id,
            "room": self.room.name if self.room is not None and self.room.closed is None else None,
            "connected_since": counts.connected_since,
            "away_s": None if away is None else monotonic() - away,
            "last_heartbeat_s": None if beat is None else monotonic() - beat,
            "round_trip_ms": clock.round_trip_ms,
            "clock_offset_ms": clock.offset_ms,
            "congested": self._session is not None and self._session.congestion.congested,
            "quality": self._quality(),
            "recoveries": self.recoveries.last(10),
            "kept_messages": len(self.outbox),
            "queue": self.queue.waiting(),
            "close_reason": self.close_reason or None,
        }

    def statistics(self) -> dict[str, Any]:
        """Return what was counted since the connection was first opened."""
        return {
            **self._statistics.as_dict(),
            "round_trip_ms": self.heartbeat.clock.percentiles(),
            "recoveries": dict(self.recoveries.counts),
            "expired": self.outbox.expired,
            "dropped": dict(self.queue.dropped),
            "endpoints": [endpoint.as_dict() for endpoint in self._endpoints.all],
        }

    # --- the life of the connection

    async def _live(self) -> None:
        """Connect, talk until the connection is lost, and again."""
        assert self._opened is not None
        try:
            session: Session | None = await self._connect(self._timeout)
        except Exception as error:
            self._opened.set_exception(error)
            return
        self._opened.set_result(None)
        try:
            while session is not None:
                reason = await self._talk(session)
                session = await self._come_back(session, reason)
        except Exception as error:
            self._end(f"a defect of the client: {error!r}")
            raise

    async def _connect(self, timeout_s: float) -> Session:
        """Try each address once, until one takes this program."""
        last: PosewireError | None = None
        for endpoint in self._endpoints.round():
            self._statistics.attempts += 1
            endpoint.attempts += 1
            try:
                session = await self._connect_to(endpoint, timeout_s)
            except PosewireError as error:
                endpoint.failed(error)
                self._statistics.failures_in_a_row += 1
                self._statistics.errors[error.code] += 1
                # A host that is there and says no counts for more than one that is away.
                if not isinstance(last, UnauthorizedError):
                    last = error
                continue
            endpoint.succeeded()
            self.endpoint = endpoint
            return session
        assert last is not None
        raise last

    async def _connect_to(self, endpoint: Endpoint, timeout_s: float) -> Session:
        try:
            transport = await self._open(endpoint, timeout_s)
        except UnauthorizedError:
            if not self._credentials.renewable:
                raise
            await self._credentials.token(refused=True)
            transport = await self._open(endpoint, timeout_s)
        self._statistics.received(0)
        session = Session(transport, self.queue, self._statistics, self._receive)
        try:
            async with asyncio.timeout(timeout_s):
                await self._greet(session)
        except BaseException as error:
            await session.close()
            self.heartbeat.lost()
            self.queue.empty()
            if isinstance(error, TimeoutError | ConnectionError):
                why = f"{endpoint.url} does not answer as a host does: {error or 'silence'}"
                raise HostUnreachableError(why) from None
            raise
        return session

    async def _open(self, endpoint: Endpoint, timeout_s: float) -> Transport:
        headers = {"Device-Id": self.device, "Client-Id": self._client_id, "Protocol-Version": str(_PROTOCOL)}
        token = await self._credentials.token()
        if token:
            headers["Authorization"] = f"Bearer {token}"
        return await self._open_transport(endpoint.url, headers, timeout_s)

    async def _greet(self, session: Session) -> None:
        """Say hello, and get the room back."""
        # Always named: who says nothing of audio is taken for a stock client, which means Opus.
        audio = self._asked_audio or AudioParams()
        hello: Message = {
            "type": "hello",
            "version": _PROTOCOL,
            "transport": "websocket",
            "features": {"pose": True, "audio_time": True, "deflate": True},
            "audio_params": audio.as_dict(),
        }
        if self.session_id:
            hello["resume"] = self.session_id
        if self.room is not None:
            self.room.is_welcome = False
        self._deflate = False
        greeted = self._greeted = asyncio.get_running_loop().create_future()
        self._put(hello)
        try:
            answer = await session.first(greeted)
        finally:
            self._greeted = None
        if answer["type"] != "hello":
            raise HostUnreachableError(str(answer.get("message") or answer.get("reason") or "the host refuses"))
        self.session_id = answer["session_id"]
        self.audio = AudioParams(**answer["audio_params"])
        self._deflate = bool(answer.get("features", {}).get("deflate"))
        self.audio_time = bool(answer.get("features", {}).get("audio_time"))
        resumed = bool(answer.get("resumed"))
        await self._restore_room(session, resumed)
        self._session = session
        self._statistics.connected(resumed)
        self._states.change(ConnectionState.CONNECTED)
        for kept in self.outbox.to_resend():
            self._statistics.resent += 1
            self._put(kept.message, keep=kept.number is None)
        self._listeners.emit("connected", resumed)

    async def _restore_room(self, session: Session, resumed: bool) -> None:
        """Be in the room again: by the resumed session, else by joining anew."""
        room = self.room
        if room is None or room.closed is not None:
            return
        if resumed:
            await session.first(self.heartbeat.ping())
            if room.is_welcome:
                return
        self._refusals.clear()
        self._put({"type": "room", "action": "join", "room": room.name, **room.request})
        await session.first(self.heartbeat.ping())
        if not room.is_welcome:
            why = self._refusals[0] if self._refusals else WireError("the host does not answer a join", "room_denied")
            self._refused(room, why)

    def room_closed(self, room: Room, reason: str) -> None:
        """Take the host's word that it has closed the room."""
        self._refused(room, WireError(f"closed: {reason}" if reason else "closed", "room_closed"))

    def _refused(self, room: Room, why: WireError) -> None:
        """Do what is to be done where this program is in its room no longer."""
        rejoin = self._recovery.get(why.code, GIVE_UP)
        room.is_welcome = False
        if not rejoin.attempts:
            self.recoveries.note(why.code, "give_up", "given_up", detail=str(why))
            self._give_up(room, str(why))
        elif self._rejoining is None or self._rejoining.done():
            self.recoveries.note(why.code, "rejoin", "trying", detail=str(why))
            self._rejoining = self._tasks.spawn(self._rejoin(room, why, rejoin), "rejoin")

    async def _rejoin(self, room: Room, why: WireError, rejoin: Rejoin) -> None:
        began, first = monotonic(), why.code
        for attempt in range(1, rejoin.attempts + 1):
            await asyncio.sleep(rejoin.pause_s)
            if room.closed is not None or self.room is not room:
                return
            try:
                await self.request({"type": "room", "action": "join", "room": room.name, **room.request})
            except WireError as error:
                why = error
                if not self._recovery.get(error.code, GIVE_UP).attempts:
                    break
            except PosewireError:
                continue  # the connection is lost: its return asks for the room, too
            if room.is_welcome:
                self.recoveries.note(first, "rejoin", "recovered", attempts=attempt, seconds=monotonic() - began)
                return
        self.recoveries.note(first, "rejoin", "given_up", seconds=monotonic() - began, detail=str(why))
        self._give_up(room, str(why))

    def _give_up(self, room: Room, why: str) -> None:
        if self.room is room:
            self.room = None
        room.gone(why)

    async def _talk(self, session: Session) -> str:
        """Send and receive until the connection is lost; returns the reason."""
        began = monotonic()
        try:
            return await session.run_until_lost(
                self.heartbeat.watch(lambda: self._statistics.last_received), self._wait_for_renewal()
            )
        finally:
            self._session = None
            self.heartbeat.lost()
            if self.endpoint is not None:
                self.endpoint.connected_s += monotonic() - began
            self._keep_unsent()

    async def _come_back(self, lost: Session, reason: str) -> Session | None:
        """Connect again after a loss; None when that was given up."""
        if self.state is ConnectionState.CLOSED:
            return None
        self._statistics.lost()
        # A hello of this program itself, long on its way over a network that stalls, may come after a newer one.
        if lost.transport.close_code == REPLACED and not lost.transport.close_reason.endswith("and client"):
            self._end(f'another program has connected with the device id "{self.device}"')
            return None
        self._states.change(ConnectionState.RECONNECTING)
        self._listeners.emit("disconnected", reason)
        lost_for = reason
        attempt, since = 0, monotonic()
        while True:
            attempt += 1
            pause = self._reconnect.pause(attempt, monotonic() - since)
            if pause is None:
                seconds = monotonic() - since
                self.recoveries.note(
                    "connection_lost", "reconnect", "given_up", attempts=attempt - 1, seconds=seconds, detail=reason
                )
                self._end(reason if attempt == 1 else f"given up after {attempt - 1} attempts: {reason}")
                return None
            await asyncio.sleep(pause)
            self.outbox.drop_expired()
            try:
                session = await self._connect(min(self._timeout, _FIRST_TIMEOUT * 2.0 ** min(attempt - 1, 8)))
            except PosewireError as error:
                reason = str(error)
                if isinstance(error, UnauthorizedError):
                    self._statistics.refused += 1
                    self._listeners.emit("error", error)
                    self.recoveries.note("unauthorized", "give_up", "given_up", attempts=attempt, detail=reason)
                    self._end(reason)
                    return None
            else:
                seconds = monotonic() - since
                self.recoveries.note(
                    "connection_lost", "reconnect", "recovered", attempts=attempt, seconds=seconds, detail=lost_for
                )
                return session

    async def _wait_for_renewal(self) -> str:
        """Return when the token of this connection is about to expire; never where it does not."""
        left = self._credentials.seconds_left()
        if left is None or not self._credentials.renewable:
            await asyncio.Event().wait()
        else:
            await asyncio.sleep(max(1.0, left / 2, left - RENEW_BEFORE))
        return "the token is about to expire: a new one is asked for"

    def _end(self, reason: str) -> None:
        if self.state is ConnectionState.CLOSED:
            return
        self.close_reason = reason
        lost = self.outbox.close()
        self._states.change(ConnectionState.CLOSED)
        if self.room is not None:
            self.room.gone(reason)
        if lost is not None:
            self._listeners.emit("error", lost)
        self._listeners.emit("closed", reason)

    # --- inside

    def _quality_changed(self, quality: Quality) -> None:
        outcome: Outcome = "trying" if quality.is_degraded else "recovered"
        self.recoveries.note(quality.cause or "congestion", "lower_quality", outcome, detail=quality.name)

    def _quality(self) -> dict[str, Any] | None:
        """Return the lowest quality among the senders of the room; None: there is no sender."""
        senders = [] if self.room is None else self.room.pose_senders
        return max((sender.quality for sender in senders), key=lambda q: q.level).as_dict() if senders else None

    def _put(self, message: Mapping[str, Any], keep: bool = False) -> None:
        text = dump_text(message)
        kept = message if keep else None

        def make() -> str | bytes:
            packed = deflate(text) if self._deflate else None
            return text if packed is None else build_frame(FrameType.DEFLATED, packed, _PROTOCOL)

        self.queue.put(Queued(Priority.CONTROL, make, message=kept))

    def _keep_unsent(self) -> None:
        """Keep the messages that were not given to the network yet; frames are worth nothing later."""
        for item in self.queue.empty():
            if item.message is not None:
                with suppress(PosewireError):
                    self.outbox.keep(item.message, at=item.at)

    def _receive(self, message: str | bytes) -> None:
        """Take a message of the host. A defect in a handler, or in a message, does not end the reader."""
        try:
            if isinstance(message, str):
                self._receive_text(json.loads(message))
            else:
                self._receive_binary(message)
        except Exception as error:
            self._listeners.failed(error, "a message of the host")

    def _receive_text(self, message: Message) -> None:
        kind = message.get("type")
        match kind:
            case "pong":
                self.heartbeat.on_pong(message)
                if self.room is not None:
                    self.room.check_version(message.get("room_version"))
            case "room":
                self._receive_room(message)
            case "error":
                error = WireError(str(message.get("message", "refused")), str(message.get("code", "internal")))
                self._statistics.errors[error.code] += 1
                if error.code not in _OF_FRAMES:
                    self._refusals.append(error)
        if self._greeted is not None and not self._greeted.done() and kind in ("hello", "error", "goodbye"):
            self._greeted.set_result(message)
        elif kind == "error":
            self._listeners.emit("error", error)
        if isinstance(kind, str) and kind != "error":
            self._listeners.emit(kind, message)

    def _receive_room(self, message: Message) -> None:
        joining = self._joining
        if joining is not None and message.get("room") == joining.name:
            if message.get("event") == "welcome":
                self.room = joining
            joining.receive(message)
        elif self.room is not None and message.get("room") == self.room.name:
            self.room.receive(message)

    def _receive_binary(self, message: bytes) -> None:
        frame = parse_frame(message, _PROTOCOL)
        if frame.type == FrameType.DEFLATED:
            self._receive_text(json.loads(inflate(frame.payload, _LONGEST_TEXT)))
            return
        if frame.type == FrameType.AUDIO and not frame.member_id:
            self._listeners.emit("audio", frame.payload)
        elif self.room is not None:
            self.room.receive_frame(frame)

    def _state_changed(self, old: ConnectionState, new: ConnectionState) -> None:
        _log.info("%s: %s", self.endpoint.url if self.endpoint else "no host yet", new.value)
        self._state_is_new.set()
        self._state_is_new = asyncio.Event()
        self._listeners.emit("changed", old, new)

    async def _next_state(self) -> None:
        await self._state_is_new.wait()

    def _require_open(self) -> None:
        if self.state in (ConnectionState.NEW, ConnectionState.CLOSED):
            raise NotConnectedError(self.close_reason or "the connection is not open")


def unique_name(kind: str) -> str:
    """Return a device id for a program of that kind: no two have the same."""
    return f"{kind}-{secrets.token_hex(4)}"
