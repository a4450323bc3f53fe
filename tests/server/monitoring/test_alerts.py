"""The host's alerts: which rules are on, and the webhook."""

import asyncio
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from posewire.server.configuration.live_settings import merge
from posewire.server.monitoring.alerts import Webhook, rules
from posewire.server.monitoring.settings import AlertSettings
from posewire.server.settings import load_settings
from support.hosts import settings


def test_a_threshold_of_zero_is_no_rule() -> None:
    names = [rule.name for rule in rules(AlertSettings(latency_ms=0, min_frame_rate=0))]
    assert "latency_ms" not in names
    assert "min_frame_rate" not in names
    (slow,) = [rule for rule in rules(AlertSettings(min_frame_rate=20)) if rule.name == "min_frame_rate"]
    assert slow.crossed(19)


@pytest.mark.parametrize("status", [404, 301])
async def test_the_address_of_a_webhook_is_a_secret_when_it_fails(
    status: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("posewire.server.monitoring.alerts._TRIES", 1)

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 %d x\r\nLocation: /x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n" % status)
        writer.close()

    server = await asyncio.start_server(refuse, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/SECRET"
    (tmp_path / "webhook").write_text(f"{url}\n", encoding="utf-8")
    config = tmp_path / "posewire.toml"
    config.write_text(f'[alerts]\nwebhook_file = "{tmp_path / "webhook"}"\n', encoding="utf-8")
    in_file = load_settings(config)
    monkeypatch.setenv("POSEWIRE_ALERT_WEBHOOK", url)
    assert in_file.alerts.webhook == load_settings(None).alerts.webhook == url
    _, live, _ = merge(settings(), replace(settings(), alerts=in_file.alerts))
    assert "SECRET" not in f"{live}{in_file.alerts}"
    assert "[alerts] webhook" in live
    failed = asyncio.Event()
    webhook = Webhook(url, lambda name: failed.set())
    webhook.post({"name": "cpu", "state": "firing"})
    await asyncio.wait_for(failed.wait(), 10)
    await webhook.close()
    server.close()
    fields = [record.fields for record in caplog.records if record.message == "webhook_failed"]
    assert fields == [{"host": "127.0.0.1", "why": f"answers {status}"}]


async def test_alerts_are_posted_and_a_failing_webhook_is_tried_again() -> None:
    bodies: list[dict[str, Any]] = []
    answers = [500, 200]

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        size = int(next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length")).split()[1])
        bodies.append(json.loads(await reader.readexactly(size)))
        status = answers[len(bodies) - 1]
        writer.write(f"HTTP/1.1 {status} x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    counted: list[str] = []
    webhook = Webhook(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/", counted.append)
    webhook.post({"name": "cpu", "state": "firing"})
    while len(bodies) < 2:
        await asyncio.sleep(0.01)
    await webhook.close()
    server.close()
    assert bodies == [{"name": "cpu", "state": "firing"}] * 2
    assert counted == []
