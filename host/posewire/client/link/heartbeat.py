"""Pings to the host: they find out that it is gone, and measure the way to it."""

import asyncio
from collections.abc import Callable, Mapping
from time import monotonic
from typing import Any

from posewire.client.link.clock_offset import ClockOffset, now_ms
from posewire.errors import AnswerTimeoutError, ConfigError


class Heartbeat:
    """Sends a ping every ``interval`` seconds, and notices when nothing at all has come for ``silence`` seconds.

    A ping is also a barrier: the host handles messages in order, so the answer to a ping that followed a message says
    that the message was handled. ``send``: puts a message on the way.
    """

    def __init__(self, interval: float, silence: float, send: Callable[[Mapping[str, Any]], None]) -> None:
        if not (interval > 0 and silence > 0):
            raise ConfigError("heartbeat_s and silence_s must be more than 0")
        self.clock = ClockOffset()
        self.last_answer: float | None = None
        """When the last answer came, on ``time.monotonic``'s clock."""

        self._interval = interval
        self._silence = silence
        self._send = send
        self._number = 0
        self._waiting: dict[int, tuple[float, asyncio.Future[None]]] = {}

    async def watch(self, last_received: Callable[[], float]) -> str:
        """Send pings until nothing has come for too long; returns that as a reason."""
        while True:
            silent = monotonic() - last_received()
            if silent >= self._silence:
                return f"the host has sent nothing for {silent:.1f} s"
            self.ping()
            await asyncio.sleep(min(self._interval, self._silence - silent))

    def ping(self) -> asyncio.Future[None]:
        """Send a ping; the future is done when its answer comes."""
        self._number += 1
        answered: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        sent = now_ms()
        self._waiting[self._number] = sent, answered
        self._send({"type": "ping", "id": self._number})
        return answered

    async def barrier(self, timeout_s: float) -> None:
        """Wait until the host has handled everything that was sent before.

        Raises:
            AnswerTimeoutError: it has not answered within ``timeout_s`` seconds.
            ConnectionError: the connection was lost meanwhile; or what ``lost`` was given.
        """
        try:
            async with asyncio.timeout(timeout_s):
                await self.ping()
        except TimeoutError:
            raise AnswerTimeoutError(f"the host has not answered within {timeout_s:g} s", threshold=timeout_s) from None

    def on_pong(self, message: Mapping[str, Any]) -> float | None:
        """Take the host's answer; returns the round trip in milliseconds, None for one that nobody asked for."""
        number = message.get("id")
        found = self._waiting.pop(number, None) if isinstance(number, int) else None
        if found is None:
            return None
        sent, answered = found
        host = message.get("host_ms")
        self.last_answer = monotonic()
        if not answered.done():
            answered.set_result(None)
        return self.clock.add(sent, now_ms(), float(host) if isinstance(host, int | float) else None)

    def lost(self, why: Exception | None = None) -> None:
        """Give up the pings that were not answered: the connection is gone. ``why``: what a barrier raises then."""
        waiting, self._waiting = self._waiting, {}
        for _, answered in waiting.values():
            if not answered.done():
                answered.set_exception(why or ConnectionError("the connection was lost"))
                answered.exception()  # most pings have nobody who waits for them
