"""The life of a connection: opened, talked over until it is lost, opened again, until it is over."""

import asyncio
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import Protocol

from posewire.client.link.credentials import RENEW_BEFORE
from posewire.client.link.dialer import Dialer
from posewire.client.link.session import Session
from posewire.client.reconnect import ReconnectPolicy
from posewire.client.recovery import Outcome, RecoveryLog
from posewire.errors import ConfigError, HostUnreachableError, PosewireError, UnauthorizedError
from posewire.wire.close_codes import REPLACED

_FIRST_TIMEOUT = 1.5
"""Seconds for the first attempt after a loss; each further one has twice as long, up to the connection's time-out."""


class Events(Protocol):
    """What the life of a connection tells of, and asks."""

    def lost(self, reason: str) -> None:
        """Take the notice that the connection was lost, and is being opened again."""

    def refused(self, error: UnauthorizedError) -> None:
        """Take the notice that the host no longer lets this program in."""

    def ended(self, reason: str) -> None:
        """Take the notice that the connection is over."""

    def before_attempt(self) -> None:
        """Take the notice that another attempt begins."""

    def is_closed(self) -> bool:
        """Tell whether this program has closed it."""


class Life:
    """Opens a connection again and again. ``talk`` uses a session until it is lost, and returns why.

    ``wait``: also at the beginning, when no host is there yet.
    """

    def __init__(
        self,
        dialer: Dialer,
        policy: ReconnectPolicy,
        recoveries: RecoveryLog,
        timeout_s: float,
        talk: Callable[[Session], Awaitable[str]],
        events: Events,
        wait: bool = False,
    ) -> None:
        if not timeout_s > 0:
            raise ConfigError("timeout_s must be more than 0")
        self._dialer = dialer
        self._policy = policy
        self._recoveries = recoveries
        self._timeout = timeout_s
        self._talk = talk
        self._events = events
        self._wait = wait
        self._wanted = ""
        """Why this side ends a session that is well, to begin another."""

    async def run(self, opened: asyncio.Future[None]) -> None:
        """Live; ``opened`` is done when the first attempt has succeeded, or has failed."""
        try:
            session: Session | None = await self._begin()
        except Exception as error:
            opened.set_exception(error)
            return
        opened.set_result(None)
        try:
            while session is not None:
                reason = await self._talk(session)
                session = None if self._events.is_closed() else await self._reconnect(session, reason)
        except Exception as error:
            self._events.ended(f"a defect of the client: {error!r}")
            raise
        finally:
            self._dialer.close()

    async def _begin(self) -> Session:
        """Connect for the first time; where that was wanted, again and again."""
        since, attempt = monotonic(), 0
        while True:
            attempt += 1
            try:
                return await self._dialer.dial(self._timeout)
            except HostUnreachableError as error:
                pause = (
                    None if isinstance(error, UnauthorizedError) else self._policy.pause(attempt, monotonic() - since)
                )
                if pause is None or not self._wait:
                    raise
            await asyncio.sleep(pause)

    async def _reconnect(self, lost: Session, reason: str) -> Session | None:
        """Connect again after a loss; None when that was given up."""
        # A hello of this program itself, long on its way over a network that stalls, may come after a newer one.
        if lost.transport.close_code == REPLACED and not lost.transport.close_reason.endswith("and client"):
            self._events.ended(f'another program has connected with the device id "{self._dialer.device}"')
            return None
        self._events.lost(reason)
        lost_for, since, attempt = reason, monotonic(), 0
        wanted, self._wanted = reason != "" and reason == self._wanted, ""
        while True:
            attempt += 1
            # Nothing was lost where this side wanted another: that one is tried at once, whatever the strategy.
            pause = 0.0 if wanted and attempt == 1 else self._policy.pause(attempt, monotonic() - since)
            if pause is None:
                self._note("given_up", attempt - 1, since, reason)
                self._events.ended(reason if attempt == 1 else f"given up after {attempt - 1} attempts: {reason}")
                return None
            await asyncio.sleep(pause)
            self._events.before_attempt()
            try:
                session = await self._dialer.dial(min(self._timeout, _FIRST_TIMEOUT * 2.0 ** min(attempt - 1, 8)))
            except UnauthorizedError as error:
                self._recoveries.note("unauthorized", "give_up", "given_up", attempts=attempt, detail=str(error))
                self._events.refused(error)
                self._events.ended(str(error))
                return None
            except PosewireError as error:
                reason = str(error)
            else:
                self._note("recovered", attempt, since, lost_for)
                return session

    def _note(self, outcome: Outcome, attempts: int, since: float, detail: str) -> None:
        seconds = monotonic() - since
        self._recoveries.note(
            "connection_lost", "reconnect", outcome, attempts=attempts, seconds=seconds, detail=detail
        )

    async def wait_for_reason(self) -> str:
        """Return when there is a reason to connect anew although all is well."""
        tasks = [
            asyncio.ensure_future(self._wait_for_renewal()),
            asyncio.ensure_future(self._dialer.wait_for_preferred(self._policy.return_s, self._timeout)),
        ]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            self._wanted = done.pop().result()
            return self._wanted
        finally:
            for task in tasks:
                task.cancel()

    async def _wait_for_renewal(self) -> str:
        """Return when the token of this connection is about to expire; never where it does not."""
        credentials = self._dialer.credentials
        left = credentials.seconds_left()
        if left is None or not credentials.renewable:
            await asyncio.Event().wait()
        else:
            await asyncio.sleep(max(1.0, left / 2, left - RENEW_BEFORE))
        return "the token is about to expire: a new one is asked for"
