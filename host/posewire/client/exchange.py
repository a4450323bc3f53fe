"""One session after another with a host: hello, what was agreed on, and talk until the session is lost."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import replace
from time import monotonic
from typing import Any

from posewire.client.endpoints import Endpoint
from posewire.client.link.greeting import Agreement, hello, read_answer
from posewire.client.link.heartbeat import Heartbeat
from posewire.client.link.outgoing import Outgoing
from posewire.client.link.pose_channel import PoseChannel
from posewire.client.link.session import Session
from posewire.client.link.statistics import ConnectionStatistics
from posewire.client.room.place import RoomPlace
from posewire.client.transports.base import Transport
from posewire.client.transports.switches import SwitchLog
from posewire.errors import WireError
from posewire.host_problems import no_host, silent
from posewire.wire.close_codes import TOO_LONG
from posewire.wire.messages import AudioParams, Message


class _MisreadError(Exception):
    """What came in place of the host's hello is no message."""


class Exchange:
    """Begins sessions, and uses each until it is lost. ``audio``: what this program asks for.

    ``receive`` is called with each message, ``greeted`` when a session has begun, with whether it was resumed.
    """

    def __init__(
        self,
        audio: AudioParams | None,
        out: Outgoing,
        heartbeat: Heartbeat,
        channel: PoseChannel,
        place: RoomPlace,
        statistics: ConnectionStatistics,
        receive: Callable[[str | bytes], None],
        greeted: Callable[[bool], None],
    ) -> None:
        self.agreed = Agreement(audio=audio or AudioParams())
        """What both sides take part in: what this program asked for, and since hello what was agreed on."""

        self.session: Session | None = None
        """The present session; None while the host is away."""

        self._asked_audio = audio
        self._out = out
        self._heartbeat = heartbeat
        self._channel = channel
        self._place = place
        self._statistics = statistics
        self._receive = receive
        self._greeted = greeted
        self._answer: asyncio.Future[Message] | None = None

    @property
    def switches(self) -> SwitchLog:
        """The changes of the transport, over all sessions."""
        return self._channel.log

    def forget_session(self) -> None:
        """Begin a session anew with the next connection, in place of resuming the present one."""
        self.agreed = replace(self.agreed, session_id="")

    async def begin(self, endpoint: Endpoint, transport: Transport, timeout_s: float) -> Session:
        """Say hello on an opened way, and get the room back, within so many seconds.

        Raises:
            HostUnreachableError: the host refuses, or does not answer as one does.
        """
        self._statistics.received(0)
        session = Session(self._channel.beside(transport), self._out.queue, self._statistics, self._receive)
        try:
            async with asyncio.timeout(timeout_s):
                await self._greet(session, endpoint)
        except BaseException as error:
            await session.close()
            self._heartbeat.lost()
            self._out.queue.empty()
            if isinstance(error, TimeoutError):
                raise silent(endpoint.url, "does not answer in time") from None
            if isinstance(error, _MisreadError):
                raise no_host(endpoint.url, "it does not speak JSON") from None
            if isinstance(error, ConnectionError):
                raise silent(endpoint.url, f"broke off: {error}") from None
            raise
        return session

    def take_greeting(self, message: Message) -> bool:
        """Take a message of the host where it answers this program's hello; returns whether it does."""
        answer = self._answer
        if answer is None or answer.done() or message.get("type") not in ("hello", "error", "goodbye"):
            return False
        answer.set_result(message)
        return True

    def take_misread(self) -> bool:
        """Take the notice that what came is no message; returns whether it came in place of an answer to the hello."""
        answer = self._answer
        if answer is None or answer.done():
            return False
        answer.set_exception(_MisreadError())
        return True

    async def talk(self, session: Session, endpoint: Endpoint | None, renewal: Coroutine[Any, Any, str]) -> str:
        """Send and receive until the connection is lost, or ``renewal`` returns; returns the reason."""
        began = monotonic()
        try:
            return await session.run_until_lost(self._heartbeat.watch(lambda: self._statistics.last_received), renewal)
        finally:
            self.session = None
            self._heartbeat.lost(_refusal(session))
            if endpoint is not None:
                endpoint.connected_s += monotonic() - began
            self._out.keep_unsent()

    async def _greet(self, session: Session, endpoint: Endpoint) -> None:
        self._place.lost()
        self.agreed = replace(self.agreed, deflate=False)
        answer = self._answer = asyncio.get_running_loop().create_future()
        self._out.put(hello(self._asked_audio, self.agreed.session_id, self._channel.wanted))
        try:
            self.agreed = read_answer(await session.first(answer))
        finally:
            self._answer = None
        await self._place.restore(session, self.agreed.resumed)
        self.session = session
        self._statistics.connected(self.agreed.resumed)
        self._greeted(self.agreed.resumed)
        self._channel.reached(endpoint.url, session.transport)
        if self.agreed.webrtc:
            self._channel.agreed()


def _refusal(session: Session) -> WireError | None:
    """What the host refuses by closing; None: it has closed for another reason, or the network has failed."""
    if session.transport.close_code != TOO_LONG:
        return None
    return WireError("the message is longer than the host takes, which has closed the connection", "too_many")
