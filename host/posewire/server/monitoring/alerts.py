"""The host's alerts: its rules, and the webhook to which alerts are posted."""

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from posewire.http_client import HttpClient, HttpError
from posewire.log import EventLog
from posewire.measure.alerts import Rule
from posewire.server.monitoring.settings import AlertSettings

_QUEUE = 32
_TRIES = 3
_TIMEOUT = 5.0


def rules(settings: AlertSettings) -> list[Rule]:
    """Return the rules that are on."""
    return [rule for rule in every_rule(settings) if rule.threshold]


def every_rule(settings: AlertSettings) -> list[Rule]:
    """Return all rules, also those that are off."""
    return [
        Rule("latency_ms", settings.latency_ms),
        Rule("loop_lag_ms", settings.loop_lag_ms),
        Rule("loss", settings.loss),
        Rule("cpu", settings.cpu),
        Rule("memory_growth_mb", settings.memory_growth_mb),
        Rule("memory_leak_mb", settings.memory_leak_mb),
        Rule("send_failures", settings.send_failures),
        Rule("min_frame_rate", settings.min_frame_rate, above=False),
    ]


class Webhook:
    """Posts alerts as JSON, one after the other. When 32 wait, the oldest is dropped and counted."""

    def __init__(self, url: str, count: Callable[[str], None]) -> None:
        self.url = url
        self._count = count
        self._waiting: deque[dict[str, Any]] = deque(maxlen=_QUEUE)
        self._task: asyncio.Task[None] | None = None
        self._log = EventLog()

    def post(self, alert: dict[str, Any]) -> None:
        """Queue an alert to be posted to the webhook."""
        if not self.url:
            return
        if len(self._waiting) == _QUEUE:
            self._count("alert_webhook_dropped")
        self._waiting.append(alert)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._send_all())

    async def close(self) -> None:
        """Stop; alerts that still wait are not posted."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _send_all(self) -> None:
        client = HttpClient(_TIMEOUT)
        try:
            while self._waiting:
                alert = self._waiting.popleft()
                for attempt in range(_TRIES):
                    try:
                        await self._send(client, alert)
                        break
                    except HttpError as error:
                        if attempt == _TRIES - 1:
                            self._count("alert_webhook_failed")
                            self._log.warning("webhook_failed", host=urlsplit(self.url).hostname, why=str(error))
                        else:
                            await asyncio.sleep(attempt + 1)
        finally:
            await client.close()

    async def _send(self, client: HttpClient, alert: Mapping[str, Any]) -> None:
        async with client.request("POST", self.url, json=alert) as answer:
            if not answer.ok:
                raise HttpError(f"answers {answer.status}")
