"""Which way a stream through a conference goes: by the bridge channel while it works, else through the room."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from time import monotonic
from typing import TYPE_CHECKING, Any

from posewire.client.transports.switches import FailureShare, FallbackPolicy, Switch, SwitchLog
from posewire.jitsi.stream import ConferenceStream, Send
from posewire.task_scope import TaskScope

if TYPE_CHECKING:
    from posewire.jitsi.conference import Conference

_BRIDGE, _ROOM = "jitsi", "jitsi-muc"
_FIRST_PAUSE = 0.5
_FIRST_PATIENCE = 2.0
_LATE = 0.05
"""Seconds that a timer may be late; when it was later, this process had no time, and a probe says nothing."""


class WayChoice:
    """Chooses for one stream, by probes that the host answers the way they have come."""

    def __init__(self, conference: "Conference", stream: ConferenceStream, send: Send, policy: FallbackPolicy) -> None:
        self._conference = conference
        self._stream = stream
        self._send = send
        self._policy = policy
        self._log = SwitchLog()
        self._switched: Callable[[Switch], None] = lambda switch: None
        self._held = False
        self._news = asyncio.Event()
        self._answers: dict[int, asyncio.Future[None]] = {}
        self._number = 0
        self._round_trip = 0.0
        self._heard = monotonic()

    @property
    def round_trip_ms(self) -> float:
        """How long a probe by the bridge channel takes, there and back."""
        return 1000 * self._round_trip

    @property
    def name(self) -> str:
        """The way at this moment: ``jitsi``, ``jitsi-muc``."""
        return _BRIDGE if self._stream.way == "bridge" else _ROOM

    def follow(self, log: SwitchLog, switched: Callable[[Switch], None]) -> None:
        """Note each change in ``log``, and tell ``switched``."""
        self._log, self._switched = log, switched

    def rollback(self) -> None:
        """Go through the room, and stay there until this is called again."""
        self._held = not self._held and self._stream.way == "bridge"
        self.changed()

    def changed(self) -> None:
        """Take the notice that the bridge channel was opened or lost."""
        self._news.set()

    def heard(self) -> None:
        """Take the notice that something has come by the bridge channel."""
        self._heard = monotonic()

    def answered(self, number: Any) -> None:
        """Take the answer to a probe."""
        answer = self._answers.get(number) if type(number) is int else None
        if answer is not None and not answer.done():
            answer.set_result(None)

    async def run(self) -> None:
        """Choose, again and again."""
        cause, pause = "opened", _FIRST_PAUSE
        while True:
            self._news.clear()
            if self._held or not self._conference.bridge_is_open:
                await self._news.wait()
                continue
            if not await self._probe(_FIRST_PATIENCE):
                self._log.probes["failed"] += 1
                with suppress(TimeoutError):
                    async with asyncio.timeout(pause):
                        await self._news.wait()
                pause = min(2 * pause, self._policy.probe_s)
                continue
            self._log.probes["opened"] += 1
            self._stream.change("bridge")
            self._switched(self._log.note(_BRIDGE, cause))
            why = await self._watch()
            self._switched(self._log.note(_ROOM, why, self._stream.change("muc")))
            cause, pause = "works again", _FIRST_PAUSE

    async def _watch(self) -> str:
        """Probe the bridge channel until it fails; returns why."""
        share, failed = FailureShare(self._policy), False

        async def probe() -> None:
            nonlocal failed
            answered = await self._probe(max(self._policy.patience_s, 3 * self._round_trip))
            if answered is not None and share.note(not answered):
                failed = True
                self._news.set()

        probing = TaskScope(lambda error: None)
        try:
            while not failed:
                self._news.clear()
                if self._held:
                    return "rolled back"
                if not self._conference.bridge_is_open:
                    return "the bridge channel was lost"
                probing.spawn(probe(), "conference probe")
                with suppress(TimeoutError):
                    async with asyncio.timeout(self._policy.interval_s):
                        await self._news.wait()
        finally:
            await probing.close()
        return f"{self._policy.share:.0%} of its probes were not answered"

    async def _probe(self, patience: float) -> bool | None:
        """Tell whether the host is heard by the bridge channel; None: this process had no time to listen."""
        began = monotonic()
        self._number += 1
        number = self._number
        answer = self._answers[number] = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(patience):
                await self._send("bridge", self._stream.message("probe", number=number))
                await answer
        except TimeoutError:
            return None if monotonic() - began > patience + _LATE else self._heard > began
        except ConnectionError:
            return False
        finally:
            del self._answers[number]
        took = monotonic() - began
        self._round_trip += (took - self._round_trip) / 8 if self._round_trip else took
        return True
