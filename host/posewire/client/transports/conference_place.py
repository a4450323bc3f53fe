"""A program's place in a conference: it finds the host there, and holds the stream to it."""

import asyncio
import secrets
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from posewire.client.transports.switches import FallbackPolicy, Switch, SwitchLog
from posewire.client.transports.way_choice import WayChoice
from posewire.errors import WireError
from posewire.jitsi.certificate import NAME, program_context
from posewire.jitsi.pump import pump, socket_pair
from posewire.jitsi.stream import ConferenceStream, Way
from posewire.task_scope import TaskScope

if TYPE_CHECKING:
    from posewire.jitsi.conference import Conference


class ConferencePlace:
    """The place of one way to a host. ``lost``: why the conference has ended for it; empty: it has not."""

    def __init__(self, conference: "Conference", policy: FallbackPolicy) -> None:
        self.lost = ""
        self._conference = conference
        self._tasks = TaskScope(lambda error: None)
        self._host = ""
        self._changed = asyncio.Event()
        self._opened: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._stream = ConferenceStream(secrets.token_hex(8), self._send, "muc", self._end)
        self._choice = WayChoice(conference, self._stream, self._send, policy)
        conference.receive = self._receive
        conference.seen = lambda seen: self._seen()
        conference.bridge_changed = lambda is_open: self._choice.changed()
        conference.ended = self._end

    async def reach_host(self) -> dict[str, Any]:
        """Find the host, and open the stream to it; returns how a WebSocket goes by that.

        Raises:
            ConnectionError: the host refuses, or the conference has ended.
            HostUnreachableError: somebody else answers.
        """
        expected = self._conference.address.fingerprint
        while not (named := self._named(expected)):
            await self._changed.wait()
            self._changed.clear()
        # Others may say that they are the host. That gets them nothing; and the next attempt may ask another of them.
        self._host = secrets.choice(named)
        await self._send("muc", self._stream.message("open"))
        answer = await self._opened
        context = program_context(answer.get("certificate"), expected)
        mine, theirs = socket_pair()
        self._tasks.spawn(pump(theirs, self._stream), "conference pump")
        self._tasks.spawn(self._choice.run(), "conference way")
        return {"sock": mine, "tls": context, "server_hostname": NAME, "proxy": None}

    @property
    def way_name(self) -> str:
        """The name of the way at this moment."""
        return self._choice.name

    def follow(self, log: SwitchLog, switched: Callable[[Switch], None]) -> None:
        """Note each change of the way in ``log``, and tell ``switched``."""
        self._choice.follow(log, switched)

    def rollback(self) -> None:
        """Go back to the way that was in use before, and stay there until this is called again."""
        self._choice.rollback()

    async def leave(self) -> None:
        """Leave the conference."""
        await self._tasks.close()
        await self._stream.close()
        await self._conference.leave()

    def abort(self) -> None:
        """Leave it without a word to the host; returns at once."""
        self._stream.abort()
        self._tasks.cancel()
        self._conference.abort()

    def status(self) -> dict[str, Any]:
        """Return what a person may want to know."""
        stream = self._stream
        return {
            **self._conference.status(), "bridge_round_trip_ms": self._choice.round_trip_ms,
            "resent_bytes": stream.resent, "repeated_bytes": stream.repeated,
        }  # fmt: skip

    def _named(self, fingerprint: str) -> list[str]:
        return [endpoint for endpoint, seen in self._conference.members.items() if seen.fingerprint == fingerprint]

    async def _send(self, way: Way, message: dict[str, Any]) -> None:
        await self._conference.send(self._host, way, message)

    def _receive(self, endpoint: str, way: Way, message: dict[str, Any]) -> None:
        if endpoint != self._host or message.get("stream") != self._stream.number:
            return
        if way == "bridge":
            self._choice.heard()
        match message.get("kind"):
            case "opened" if not self._opened.done():
                self._opened.set_result(message)
            case "refused" | "close":
                self._end(str(message.get("why", ""))[:200] or "the host has closed")
            case "answer":
                self._choice.answered(message.get("number"))
            case "piece":
                try:
                    self._stream.take(message, way)
                except WireError as error:
                    self._end(str(error))

    def _seen(self) -> None:
        if self._host and self._host not in self._conference.members:
            self._end("the host has left the conference")
        self._changed.set()

    def _end(self, reason: str) -> None:
        self.lost = self.lost or reason
        if not self._opened.done():
            self._opened.set_exception(ConnectionError(reason))
            self._opened.exception()
        self._stream.abort()
