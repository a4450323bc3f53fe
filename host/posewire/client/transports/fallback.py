"""Two transports of one session: poses that may be lost go by the first while it works, all else by the second."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from time import monotonic
from typing import Any

from posewire.client.transports.base import Delivery, Transport
from posewire.client.transports.replay_buffer import ReplayBuffer
from posewire.client.transports.switches import FailureShare, FallbackPolicy, Switch, SwitchLog
from posewire.errors import PosewireError, WireError
from posewire.task_scope import TaskScope

_ARRIVED = 256
_FIRST_PAUSE = 0.5
"""Seconds; after a first attempt that has failed it is tried again after twice as long, then four times …"""

_LATE = 0.05
"""Seconds that a timer may be late; when it was later, this process had no time, and a probe says nothing."""

OpenFirst = Callable[[], Awaitable[Transport]]
"""Opens the first transport; raises ``PosewireError`` where that fails."""


class FallbackTransport:
    """Uses ``second`` for everything, and ``first`` for ``LOSSY`` messages while it works (``base.Transport``).

    ``begin`` opens the first. When it fails, what was sent by it since the last key is said again by the second, and
    all goes there until the first opens again: both are the same session of the host, which drops what comes twice.
    ``switched`` is called with each ``Switch``. ``held``: the first is not opened before ``rollback`` is called.
    """

    def __init__(
        self,
        second: Transport,
        policy: FallbackPolicy,
        log: SwitchLog,
        switched: Callable[[Switch], None],
        held: bool = False,
    ) -> None:
        self.second = second
        self.held = held
        """Whether the program wants the second, whatever the first does."""

        self._policy = policy
        self._log = log
        self._switched = switched
        self._first: Transport | None = None
        self._failed: asyncio.Future[str] | None = None
        self._replayed = 0
        self._again = asyncio.Event()
        self._kept = ReplayBuffer(policy.replay)
        self._order = asyncio.Lock()
        self._tasks = TaskScope(lambda error: None)
        self._arrived: asyncio.Queue[str | bytes | None] = asyncio.Queue(_ARRIVED)
        self._heard = monotonic()
        log.using(second.name)

    def begin(self, open_first: OpenFirst) -> None:
        """Open the first transport, and again whenever it was lost."""
        self._tasks.spawn(self._keep_open(open_first), "first transport")

    def rollback(self) -> None:
        """Go back to the transport that was in use before, and stay there until this is called again."""
        self.held = self._first is not None
        if self.held:
            self._fail("rolled back")
        else:
            self._again.set()

    # --- Transport

    @property
    def name(self) -> str:
        """The transport that poses go by at this moment."""
        return (self._first or self.second).name

    @property
    def lossy(self) -> bool:
        """Whether what is sent as ``LOSSY`` may be lost at this moment."""
        return self._first is not None and self._first.lossy

    async def send(self, message: str | bytes, delivery: Delivery = Delivery.RELIABLE) -> None:
        """Send a message by the transport that is right for it.

        Raises:
            ConnectionError: the second transport is closed.
        """
        if isinstance(message, bytes) and self._first is not None:
            self._kept.add(message)
        first = self._first
        if delivery is Delivery.LOSSY and first is not None:
            try:
                await first.send(message, delivery)
            except ConnectionError as error:
                self._fail(str(error))
            else:
                if first is self._first:
                    return
            # It was lost while this waited: the message is among those that are said again.
            await self._leave()
            return
        async with self._order:
            await self.second.send(message, delivery)

    async def probe(self) -> None:
        """Probe the transport that poses go by."""
        first = self._first
        if first is not None:
            with suppress(ConnectionError):
                await first.probe()
                return
        await self.second.probe()

    async def messages(self) -> AsyncIterator[str | bytes]:
        """Iterate over the messages that come by both, until the second is closed."""
        self._tasks.spawn(self._pass_on(self.second), "second transport")
        while (message := await self._arrived.get()) is not None:
            yield message

    async def close(self) -> None:
        """Close both."""
        first = self._first
        await self._tasks.close()
        if first is not None:
            await first.close()
        await self.second.close()
        self._end()

    def abort(self) -> None:
        """Close both without a farewell."""
        self._tasks.cancel()
        if self._first is not None:
            self._first.abort()
            self._first = None
        self.second.abort()
        self._end()

    def statistics(self) -> dict[str, Any]:
        """Return what the second has counted, what the first has (``first``; None: not in use), and the switches."""
        first = None if self._first is None else self._first.statistics()
        return {**self.second.statistics(), "first": first, **self._log.as_dict()}

    @property
    def close_code(self) -> int | None:
        """The code with which the second was closed."""
        return self.second.close_code

    @property
    def close_reason(self) -> str:
        """The reason that the side which closed the second has given."""
        return self.second.close_reason

    # --- the first transport

    async def _keep_open(self, open_first: OpenFirst) -> None:
        cause, pause = "opened", _FIRST_PAUSE
        if self.held:
            await self._again.wait()
        while True:
            self._again.clear()
            try:
                first = await open_first()
            except (PosewireError, ConnectionError) as error:
                self._log.probes["failed"] += 1
                # A host that says no has its reasons; a packet that is lost is no reason to wait for long.
                pause = self._policy.probe_s if isinstance(error, WireError) else min(2 * pause, self._policy.probe_s)
            else:
                self._log.probes["opened"] += 1
                await self._use(first, cause)
                cause, pause = "works again", self._policy.probe_s
            with suppress(TimeoutError):
                async with asyncio.timeout(None if self.held else pause):
                    await self._again.wait()

    async def _use(self, first: Transport, cause: str) -> None:
        """Use the first transport until it fails, and go back to the second."""
        failed = self._failed = asyncio.get_running_loop().create_future()
        self._first, self._replayed = first, 0
        self._switched(self._log.note(first.name, cause))
        tasks = TaskScope(lambda error: None)
        tasks.spawn(self._pass_on(first))
        tasks.spawn(self._watch(first))
        try:
            why = await failed
            await self._leave()
            self._switched(self._log.note(self.second.name, why, self._replayed))
        finally:
            await tasks.close()
            first.abort()
            self._first = None

    async def _leave(self) -> None:
        """Leave the first transport: what it may not have delivered is said again by the second, before all else."""
        async with self._order:
            self._first = None
            for frame in self._kept.take():
                self._replayed += 1
                await self.second.send(frame)

    async def _watch(self, first: Transport) -> None:
        """Probe the first transport again and again, until too many probes have failed."""
        share = FailureShare(self._policy)
        probing = TaskScope(lambda error: None)
        try:
            while True:
                probing.spawn(self._probe(first, share))
                await asyncio.sleep(self._policy.interval_s)
        finally:
            await probing.close()

    async def _probe(self, first: Transport, share: FailureShare) -> None:
        began = monotonic()
        patience = max(self._policy.patience_s, first.statistics().get("round_trip_ms", 0.0) / 1000 * 3)
        try:
            async with asyncio.timeout(patience):
                await first.probe()
        except TimeoutError:
            took = monotonic() - began
            if took > patience + _LATE:
                return
            failed = self._heard < began
        except ConnectionError as error:
            self._fail(str(error))
            return
        else:
            failed = False
        if share.note(failed):
            self._fail(f"{self._policy.share:.0%} of its probes were not answered")

    async def _pass_on(self, transport: Transport) -> None:
        async for message in transport.messages():
            if transport is not self.second:
                self._heard = monotonic()
            await self._arrived.put(message)
        if transport is self.second:
            await self._arrived.put(None)
        else:
            self._fail(transport.close_reason or "it was lost")

    def _end(self) -> None:
        """Let the loop over the messages end."""
        if self._arrived.full():
            self._arrived.get_nowait()
        self._arrived.put_nowait(None)

    def _fail(self, why: str) -> None:
        if self._failed is not None and not self._failed.done():
            self._failed.set_result(why)
