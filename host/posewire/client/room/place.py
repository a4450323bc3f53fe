"""The room that a connection is in: how it is joined, kept over a lost connection, and asked for again."""

import asyncio
from collections.abc import Callable, Mapping
from time import monotonic
from typing import Any

from posewire.client.link.heartbeat import Heartbeat
from posewire.client.link.requests import Requests
from posewire.client.link.session import Session
from posewire.client.recovery import GIVE_UP, Outcome, RecoveryLog, Rejoin
from posewire.client.room.key_requests import KeyRequest
from posewire.client.room.room import Room
from posewire.client.sending.adaptive import Quality
from posewire.errors import PosewireError, WireError
from posewire.task_scope import TaskScope
from posewire.wire.messages import Message


class RoomPlace:
    """The place of a connection in a room: one at a time. ``recovery``: what is done by the code of a refusal.

    ``send`` puts a message on the way.
    """

    def __init__(
        self,
        requests: Requests,
        heartbeat: Heartbeat,
        send: Callable[[Mapping[str, Any]], None],
        tasks: TaskScope,
        recoveries: RecoveryLog,
        recovery: Mapping[str, Rejoin],
    ) -> None:
        self.room: Room | None = None
        self._joining: Room | None = None
        self._one = asyncio.Lock()
        self._requests = requests
        self._heartbeat = heartbeat
        self._send = send
        self._tasks = tasks
        self._recoveries = recoveries
        self._recovery = recovery
        self._rejoining: asyncio.Task[None] | None = None

    async def join(self, joining: Room, create: bool) -> None:
        """Join a room, and leave the one before it.

        Raises:
            WireError: the host refuses; ``code`` says why.
            ConfigError: ``compiled`` without numba.
            NotConnectedError: the connection is closed.
        """
        joining.on("quality", self._quality_changed)
        joining.on("key_request", self._key_asked)
        await joining.prepare()
        async with self._one:
            before = self.room
            self._joining = joining
            try:
                await self._requests.ask(_join(joining, "create" if create else "join"))
                if self.room is not joining:
                    raise WireError(f'the host has not let this program into the room "{joining.name}"', "room_denied")
            finally:
                self._joining = None
        if before is not None and before is not joining:
            before.gone("this program has joined another room")

    def receive(self, message: Message) -> None:
        """Take a ``room`` message of the host."""
        joining = self._joining
        if joining is not None and message.get("room") == joining.name:
            if message.get("event") == "welcome":
                self.room = joining
            joining.receive(message)
        elif self.room is not None and message.get("room") == self.room.name:
            self.room.receive(message)

    def lost(self) -> None:
        """Note that the host is away: it has not welcomed this program since."""
        if self.room is not None:
            self.room.is_welcome = False

    async def restore(self, session: Session, resumed: bool) -> None:
        """Be in the room again: by the resumed session, else by joining anew.

        Raises:
            ConnectionError: the session is over before the host has answered.
        """
        room = self.room
        if room is None or room.closed is not None:
            return
        if resumed:
            await session.first(self._heartbeat.ping())
            if room.is_welcome:
                return
        self._requests.begin()
        self._send(_join(room, "join"))
        await session.first(self._heartbeat.ping())
        if not room.is_welcome:
            self.refused(room, self._requests.refusal or WireError("the host does not answer a join", "room_denied"))

    def refused(self, room: Room, why: WireError) -> None:
        """Do what is to be done where this program is in its room no longer."""
        rejoin = self._recovery.get(why.code, GIVE_UP)
        room.is_welcome = False
        if not rejoin.attempts:
            self._recoveries.note(why.code, "give_up", "given_up", detail=str(why))
            self._give_up(room, str(why))
        elif self._rejoining is None or self._rejoining.done():
            self._recoveries.note(why.code, "rejoin", "trying", detail=str(why))
            self._rejoining = self._tasks.spawn(self._rejoin(room, why, rejoin), "rejoin")

    def _quality_changed(self, quality: Quality) -> None:
        outcome: Outcome = "trying" if quality.is_degraded else "recovered"
        self._recoveries.note(quality.cause or "congestion", "lower_quality", outcome, detail=quality.name)

    def _key_asked(self, request: KeyRequest) -> None:
        self._recoveries.note(
            "undecodable", "ask_for_key", request.outcome, attempts=request.attempts, seconds=request.seconds,
            detail=f"stream {request.stream} of {request.device}",
        )  # fmt: skip

    async def _rejoin(self, room: Room, why: WireError, rejoin: Rejoin) -> None:
        began, first = monotonic(), why.code
        for attempt in range(1, rejoin.attempts + 1):
            await asyncio.sleep(rejoin.pause_s)
            if room.closed is not None or self.room is not room:
                return
            try:
                await self._requests.ask(_join(room, "join"))
            except WireError as error:
                why = error
                if not self._recovery.get(error.code, GIVE_UP).attempts:
                    break
            except PosewireError:
                continue  # the connection is lost: its return asks for the room, too
            if room.is_welcome:
                self._recoveries.note(first, "rejoin", "recovered", attempts=attempt, seconds=monotonic() - began)
                return
        self._recoveries.note(first, "rejoin", "given_up", seconds=monotonic() - began, detail=str(why))
        self._give_up(room, str(why))

    def _give_up(self, room: Room, why: str) -> None:
        if self.room is room:
            self.room = None
        room.gone(why)


def _join(room: Room, action: str) -> Message:
    return {"type": "room", "action": action, "room": room.name, **room.request}
