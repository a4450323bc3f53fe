"""A connection to a host that comes back by itself, and the room that it is in."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Any

from posewire.client.endpoints import Endpoint, read_endpoints
from posewire.client.exchange import Exchange
from posewire.client.link.clock_offset import now_ms
from posewire.client.link.connection_state import ConnectionState
from posewire.client.link.credentials import Credentials, TokenSource
from posewire.client.link.dialer import Dialer
from posewire.client.link.heartbeat import Heartbeat
from posewire.client.link.incoming import Incoming
from posewire.client.link.life import Life
from posewire.client.link.outgoing import Outgoing
from posewire.client.link.pose_channel import PoseChannel
from posewire.client.link.presence import Presence
from posewire.client.link.requests import Requests
from posewire.client.link.send_queue import SendQueue
from posewire.client.link.session import Session
from posewire.client.link.statistics import ConnectionStatistics
from posewire.client.listeners import Handler, Listeners
from posewire.client.reception import Reception
from posewire.client.reconnect import ReconnectPolicy, Strategy, policy_of
from posewire.client.recovery import DEFAULT_RECOVERY, RecoveryLog, Rejoin
from posewire.client.room.listing import list_rooms, room_info
from posewire.client.room.membership import Wanted
from posewire.client.room.place import RoomPlace
from posewire.client.room.room import Room
from posewire.client.status import ConnectionStatus
from posewire.client.transports.base import Opener
from posewire.client.transports.by_url import by_url
from posewire.client.transports.jitsi import Jitsi
from posewire.client.transports.switches import Switch
from posewire.client.transports.webrtc import WebRtc
from posewire.client.unique_name import unique_name
from posewire.errors import WireError
from posewire.task_scope import TaskScope
from posewire.wire.frames import FrameType
from posewire.wire.messages import AudioParams, Message


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
        reconnect: ReconnectPolicy | Strategy | None = None,
        heartbeat_s: float = 2.0,
        silence_s: float = 5.0,
        timeout_s: float = 10.0,
        open_transport: Opener | None = None,
        recovery: Mapping[str, Rejoin] = DEFAULT_RECOVERY,
        wait: bool = False,
        webrtc: bool | WebRtc = False,
        jitsi: Jitsi | None = None,
    ) -> None:
        self.device = device or unique_name("desktop")
        self.recoveries = RecoveryLog()
        """The errors so far, what was done about each, and how it ended."""

        self._out = Outgoing(lambda: self._exchange.agreed.deflate)
        self._tasks = TaskScope(lambda error: self._listeners.failed(error, "task"))
        self._listeners = Listeners(self._tasks)
        self.heartbeat = Heartbeat(heartbeat_s, silence_s, self._out.put)
        counts = ConnectionStatistics()
        self._presence = Presence(counts, self._out, self._listeners, self._url, self._over)
        self._requests = Requests(self.heartbeat, self._out.put, self.wait_connected, timeout_s)
        options = (WebRtc() if webrtc else None) if isinstance(webrtc, bool) else webrtc
        self._channel = PoseChannel(options, self._out.put, self._switched)
        self._place = RoomPlace(self._requests, self.heartbeat, self._out.put, self._tasks, self.recoveries, recovery)
        self._exchange = Exchange(
            audio, self._out, self.heartbeat, self._channel, self._place, counts,
            lambda message: incoming.receive(message), self._presence.greeted,
        )  # fmt: skip
        reception = Reception(
            self.heartbeat, self._channel, self._place, self._requests, self._exchange, counts, self._listeners
        )
        incoming = Incoming(reception.on_text, reception.on_frame, reception.on_failure)
        self._dialer = Dialer(
            read_endpoints(urls),
            Credentials(token),
            self.device,
            open_transport or by_url(jitsi),
            counts,
            self._exchange.begin,
        )
        self._life = Life(
            self._dialer, policy_of(reconnect), self.recoveries, timeout_s, self._talk, self._presence, wait
        )
        self._status = ConnectionStatus(
            self._presence, self._dialer, self._exchange, self._place, self._out, self.heartbeat, counts,
            self.recoveries,
        )  # fmt: skip

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
        return self._presence.state

    @property
    def connected(self) -> bool:
        """Whether the host is there at this moment."""
        return self._presence.connected

    @property
    def close_reason(self) -> str:
        """Why the connection is over; empty while it is not."""
        return self._presence.close_reason

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
        self._presence.begins()
        opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._tasks.spawn(self._life.run(opened), "connection")
        try:
            await opened
        except BaseException as error:
            self._presence.ended(str(error))
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
        self._presence.ended("closed by this program")
        await self._tasks.close()

    async def wait_closed(self) -> str:
        """Wait until the connection is over; returns the reason."""
        return await self._presence.wait_closed()

    async def wait_connected(self, timeout_s: float | None = None) -> None:
        """Wait until the host is there.

        Raises:
            NotConnectedError: the connection is closed, or the host has not come back within ``timeout_s`` seconds.
        """
        await self._presence.wait_connected(timeout_s)

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
        await self._place.join(joining, bool(create))
        return joining

    async def list_rooms(self) -> list[dict[str, Any]]:
        """Return the rooms that this program may join: ``room``, ``members`` (how many), ``locked``, ``created``,
        ``last_active`` (milliseconds since 1970).

        Raises:
            NotConnectedError: the connection is closed.
        """
        return await list_rooms(self)

    async def room_info(self, room: str) -> dict[str, Any]:
        """Return what ``list_rooms`` says of one room; a member of it gets more by ``Room.info``.

        Raises:
            WireError: there is no such room (``no_such_room``), or this program may not join it.
        """
        return await room_info(self, room)

    def send(self, message: Mapping[str, Any], number: int | None = None) -> None:
        """Send a text message (``docs/wire.md`` section 2). While the host is away it is kept, for 30 s at most.

        ``number``: of a message that the host confirms: it is kept until then, and said again after a reconnect.

        Raises:
            WireError: it is not JSON.
            QueueFullError: 100 messages are kept already.
            NotConnectedError: the connection is closed.
        """
        self._presence.require_open()
        if number is not None or not self.connected:
            self._out.keep(message, number)
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
        """Wait until everything that was to be sent has been given to the network, or was lost with the connection."""
        if not self._presence.is_closed():
            await self._out.flush()

    # --- what a program asks

    def host_time_ms(self) -> float | None:
        """Return the host's clock, in milliseconds since 1970; None before it is known."""
        offset = self.heartbeat.clock.offset_ms
        return None if offset is None else now_ms() + offset

    def status(self) -> dict[str, Any]:
        """Return the state of the connection, for a person or a monitor."""
        return self._status.status()

    def statistics(self) -> dict[str, Any]:
        """Return what was counted since the connection was first opened."""
        return self._status.statistics()

    # --- inside

    def room_closed(self, room: Room, reason: str) -> None:
        """Take the host's word that it has closed the room."""
        self._place.refused(room, WireError(f"closed: {reason}" if reason else "closed", "room_closed"))

    def _url(self) -> str | None:
        return self.endpoint.url if self.endpoint else None

    def _over(self, reason: str) -> None:
        if self.room is not None:
            self.room.gone(reason)

    async def _talk(self, session: Session) -> str:
        return await self._exchange.talk(session, self.endpoint, self._life.wait_for_reason())

    def _switched(self, switch: Switch) -> None:
        cause = "transport_failed" if switch.now in ("websocket", "jitsi-muc") else "transport_works"
        if not switch.address:  # else the connection was lost, which is noted
            self.recoveries.note(cause, "switch_transport", "recovered", detail=f"{switch.now}: {switch.cause}")
        self._listeners.emit("transport", switch.now, switch.cause)
