"""The host in its conference: it stays there, and gives each stream that a program opens a WebSocket at its end."""

import asyncio
import base64
import ssl
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any

from posewire.backoff import Backoff
from posewire.errors import HostUnreachableError, WireError
from posewire.jitsi.address import read_address, with_fingerprint
from posewire.jitsi.certificate import fingerprint, host_context, require_jitsi
from posewire.jitsi.pump import pump, socket_pair
from posewire.jitsi.stream import ConferenceStream, Way
from posewire.log import EventLog, LineLimit
from posewire.server.connection.token_bucket import TokenBucket
from posewire.server.jitsi.settings import JitsiSettings
from posewire.server.jitsi.websocket import ConferenceWebSocket
from posewire.task_scope import TaskScope

if TYPE_CHECKING:
    from posewire.jitsi.conference import Conference
    from posewire.jitsi.muc import Seen

_TIMEOUT = 15.0
_FIRST_PAUSE, _LONGEST_PAUSE = 0.25, 15.0
_LASTING = 10.0
"""Seconds in the conference after which its loss is a new one: whom a moderator removes must not come back at once."""

_HANDSHAKE = 15.0
_PER_MEMBER = 4
_MESSAGES, _MESSAGES_AT_ONCE = 500, 1000
"""Messages a second that one member of the conference may send; what is more is dropped, and sent again by it."""

_MAX_ANSWERS = 64
"""Answers to probes and refusals that wait to be sent."""

_NUMBER = 16


class JitsiService:
    """Keeps the host in its conference. ``websocket``: makes the protocol of a connection from a member."""

    def __init__(
        self,
        settings: JitsiSettings,
        file: Path | None,
        websocket: Callable[[str], ConferenceWebSocket],
        counters: Counter[str],
    ) -> None:
        """Prepare it.

        Raises:
            ConfigError: what conferences need is not installed, or the certificate cannot be used.
        """
        require_jitsi()
        self._settings = settings
        self._address = read_address(settings.url)
        self._context, self._certificate = host_context(file)
        self._websocket = websocket
        self._counters = counters
        self._log = EventLog(LineLimit())
        self._tasks = TaskScope()
        self._conference: Conference | None = None
        self._answers = TaskScope()
        self._streams: dict[tuple[str, str], ConferenceStream] = {}
        self._limits: dict[str, TokenBucket] = {}

    @property
    def address(self) -> str:
        """The address that programs need."""
        return with_fingerprint(self._settings.url, fingerprint(self._certificate))

    def status(self) -> dict[str, Any]:
        """Return what a person may want to know."""
        conference = self._conference
        return {"address": self.address, "streams": len(self._streams), **(conference.status() if conference else {})}

    def start(self) -> None:
        """Join, and again whenever the conference is lost."""
        self._tasks.spawn(self._run(), "conference")

    async def close(self) -> None:
        """Leave."""
        await self._tasks.close()
        await self._answers.close()
        if self._conference is not None:
            await self._conference.leave()

    # --- the conference

    async def _run(self) -> None:
        from posewire.jitsi.conference import join

        backoff = Backoff(_FIRST_PAUSE, _LONGEST_PAUSE)
        while True:
            lost: asyncio.Future[str] = asyncio.get_running_loop().create_future()
            try:
                self._conference = conference = await join(
                    self._address, self._settings.name, _TIMEOUT, token=self._settings.token,
                    fingerprint=fingerprint(self._certificate),
                )  # fmt: skip
                conference.receive, conference.seen = self._receive, self._seen
                conference.ended = partial(_settle, lost)
                if conference.close_reason:  # it was lost before anybody listened
                    _settle(lost, conference.close_reason)
                self._log.info("conference_joined", room=self._address.room_jid)
                self._counters["conference_joined"] += 1
                joined = monotonic()
                why = await lost
                if monotonic() - joined > _LASTING:
                    backoff.reset()
            except HostUnreachableError as error:
                why = str(error)
            except Exception as error:
                # Whatever a server does to this: the host comes back.
                self._log.exception("conference_failed")
                why = repr(error)
            self._conference = None
            self._limits.clear()
            for stream in list(self._streams.values()):
                stream.end("the conference was lost")
            self._log.warning("conference_lost", why=why)
            await asyncio.sleep(backoff.next_pause())

    def _seen(self, seen: "Seen") -> None:
        if not seen.here:
            self._limits.pop(seen.endpoint, None)
            for key, stream in list(self._streams.items()):
                if key[0] == seen.endpoint:
                    stream.end("it has left the conference")

    # --- what members say

    def _receive(self, endpoint: str, way: "Way", message: dict[str, Any]) -> None:
        number, kind = message.get("stream"), message.get("kind")
        if message.get("type") != "posewire" or not isinstance(number, str) or len(number) != _NUMBER:
            return
        if endpoint not in self._limits:
            self._limits[endpoint] = TokenBucket(_MESSAGES, _MESSAGES_AT_ONCE)
        if not self._limits[endpoint].try_acquire():
            self._counters["conference_flood"] += 1
            return
        stream = self._streams.get((endpoint, number))
        if kind == "open" and stream is None:
            self._open(endpoint, number)
        elif stream is None:
            return
        elif kind == "piece":
            try:
                stream.take(message, way)
            except WireError as error:
                stream.end(str(error))
        elif kind == "probe":
            answer = stream.message("answer", number=message.get("number"))
            if type(answer["number"]) is int:
                self._answer(endpoint, way, answer)
        elif kind == "close":
            stream.end("the program has closed")

    def _open(self, endpoint: str, number: str) -> None:
        theirs = sum(key[0] == endpoint for key in self._streams)
        if len(self._streams) >= self._settings.max_clients or theirs >= _PER_MEMBER:
            why = f"this host takes at most {self._settings.max_clients} programs by the conference"
            refusal = {"type": "posewire", "kind": "refused", "stream": number, "why": why}
            self._answer(endpoint, "muc", refusal)
            return

        async def send(way: "Way", said: dict[str, Any]) -> None:
            if self._conference is None:
                raise ConnectionError("the conference was lost")
            await self._conference.send(endpoint, way, said)

        stream = ConferenceStream(number, send, "muc", lambda why: None)
        self._streams[endpoint, number] = stream
        self._counters["conference_streams"] += 1
        opened = stream.message("opened", certificate=base64.b64encode(self._certificate).decode())
        self._tasks.spawn(self._serve(endpoint, stream, opened), "conference stream")

    async def _serve(self, endpoint: str, stream: "ConferenceStream", opened: dict[str, Any]) -> None:
        mine, theirs = socket_pair()
        pumping = self._tasks.spawn(pump(theirs, stream), "conference pump")
        try:
            await self._say(endpoint, "muc", opened)
            await asyncio.get_running_loop().connect_accepted_socket(
                lambda: self._websocket(endpoint), mine, ssl=self._context,
                ssl_handshake_timeout=_HANDSHAKE,
            )  # fmt: skip
            await pumping
        except (OSError, ssl.SSLError) as error:
            mine.close()
            self._log.debug("conference_stream_failed", member=endpoint, why=str(error))
        finally:
            pumping.cancel()
            self._streams.pop((endpoint, stream.number), None)

    def _answer(self, endpoint: str, way: "Way", message: dict[str, Any]) -> None:
        """Answer without waiting; where too many answers wait for a way that is slow, this one is dropped."""
        if len(self._answers) < _MAX_ANSWERS:
            self._answers.spawn(self._say(endpoint, way, message), "conference answer")

    async def _say(self, endpoint: str, way: "Way", message: dict[str, Any]) -> None:
        try:
            if self._conference is not None:
                await self._conference.send(endpoint, way, message)
        except ConnectionError:
            return


def _settle(lost: "asyncio.Future[str]", why: str) -> None:
    if not lost.done():  # it is, where the host leaves at this moment
        lost.set_result(why)
