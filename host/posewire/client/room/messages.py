"""Messages between the members of a room: to all, or to one, JSON or bytes."""

import asyncio
import base64
import itertools
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from posewire.client.link.host_link import HostLink
from posewire.errors import NotDeliveredError, WireError
from posewire.wire.json_text import write_json
from posewire.wire.messages import Message
from posewire.wire.room_actions import MAX_MEMBER_MESSAGE


@dataclass(frozen=True)
class RoomMessage:
    """A message of a member. ``data``: JSON, or bytes. ``to``: the id of the one whom it is for; None: for all."""

    member_id: int
    device: str
    data: Any
    to: int | None
    number: int


class RoomMessages:
    """Sends and receives the messages of one room; each once, whatever happens to the connection meanwhile."""

    def __init__(self, host: HostLink, room: str, timeout_s: float = 30.0) -> None:
        self.lost = 0
        """Messages that were said while this program was away, and that the host no longer has."""

        self._host = host
        self._room = room
        self._timeout = timeout_s
        # Above what an earlier run of a program with the same device id has used.
        self._numbers = itertools.count(time.time_ns() // 1_000_000)
        self._waiting: dict[int, asyncio.Future[int]] = {}
        self._last: int | None = None
        self._over = ""
        self._held: dict[int, RoomMessage] = {}
        self._catching_up = False

    async def send(self, data: Any, to: int | None) -> int:
        """Send, and wait for the host's word that it has given it to so many members.

        Raises:
            WireError: too long, no JSON, or refused by the host.
            NotDeliveredError: the host has not confirmed it in time.
            QueueFullError, NotConnectedError: see ``HostConnection.send``.
        """
        self._require_open()
        number = next(self._numbers)
        message = self._message(data, to, number)
        confirmed = self._waiting[number] = asyncio.get_running_loop().create_future()
        try:
            self._host.send(message, number)
            async with asyncio.timeout(self._timeout):
                delivered: int = await confirmed
                return delivered
        except TimeoutError:
            raise NotDeliveredError(f"the host has not confirmed a message within {self._timeout:g} s") from None
        finally:
            self._waiting.pop(number, None)
            self._host.confirmed(number)

    def post(self, data: Any, to: int | None) -> None:
        """Send without waiting, and without the host's word.

        Raises:
            WireError: too long, or no JSON.
            NotDeliveredError: the room is over.
            QueueFullError, NotConnectedError: see ``HostConnection.send``.
        """
        self._require_open()
        self._host.send(self._message(data, to, next(self._numbers)))

    def _require_open(self) -> None:
        if self._over:
            raise NotDeliveredError(f"a message was not delivered: {self._over}")

    def _message(self, data: Any, to: int | None, number: int) -> Message:
        message: Message = {"type": "room", "action": "send", "room": self._room, "number": number}
        if to is not None:
            message["to"] = to
        if isinstance(data, bytes | bytearray | memoryview):
            size = len(data)
            message["bytes"] = base64.b64encode(data).decode()
        else:
            try:
                size = len(write_json({"": data}).encode()) - len('{"":}')
            except ValueError as error:
                raise WireError(f"a message must be JSON or bytes: {error}") from None
            message["data"] = data
        if size > MAX_MEMBER_MESSAGE:
            raise WireError(f"a message must have at most {MAX_MEMBER_MESSAGE} bytes, not {size}", "too_many")
        return message

    def receive(self, event: Mapping[str, Any]) -> list[RoomMessage]:
        """Take a ``room`` event; returns the messages that are complete with it, in order, each once."""
        match event.get("event"):
            case "sent":
                self._settle(event["number"]).set_result(event["delivered"])
            case "refused":
                refused = self._settle(event["number"])
                refused.set_exception(WireError(event["message"], event["code"]))
                refused.exception()  # of a message that was posted nobody waits for it
            case "welcome":
                self._catch_up(event.get("last_message"))
            case "message":
                self._held[event["number"]] = _read_message(event)
            case "caught_up":
                self.lost += event["missed"]
                self._catching_up = False
        if self._catching_up:
            return []  # what is said at this moment comes after what was said before
        held, self._held = self._held, {}
        ready = [held[number] for number in sorted(held) if self._last is None or number > self._last]
        if ready:
            self._last = ready[-1].number
        return ready

    def gone(self, reason: str) -> None:
        """Give up what waits: the room is over."""
        self._over = reason
        for waiting in self._waiting.values():
            if not waiting.done():
                waiting.set_exception(NotDeliveredError(f"a message was not delivered: {reason}"))

    def _settle(self, number: int) -> "asyncio.Future[int]":
        self._host.confirmed(number)
        waiting = self._waiting.get(number)
        if waiting is None or waiting.done():
            return asyncio.get_running_loop().create_future()
        return waiting

    def _catch_up(self, newest: int | None) -> None:
        """Ask for what was said while this program was away."""
        self._catching_up = self._last is not None and newest is not None and newest > self._last
        if self._catching_up:
            self._host.send({"type": "room", "action": "catch_up", "after": self._last})
        else:
            self._last = newest


def _read_message(event: Mapping[str, Any]) -> RoomMessage:
    data = base64.b64decode(event["bytes"]) if "bytes" in event else event.get("data")
    return RoomMessage(event["member_id"], event["device"], data, event.get("to"), event["number"])
