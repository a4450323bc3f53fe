"""Readiness, and who may see the numbers."""

import json
from dataclasses import replace

import httpx2
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from posewire.identity.settings import AuthSettings
from posewire.server.host import Host
from support.hosts import http_url, settings
from support.peers import Peers


async def test_metrics_want_a_token_where_the_host_has_one() -> None:
    host = Host(replace(settings(), auth=AuthSettings(token="t" * 20)))
    await host.start()
    try:
        async with httpx2.AsyncClient() as client:
            assert (await client.get(http_url(host, "/metrics"))).status_code == 401
            assert (await client.get(http_url(host, "/alerts"))).status_code == 401
            assert (await client.get(http_url(host, "/healthz"))).status_code == 200
            assert (await client.get(http_url(host, "/readyz"))).status_code == 200
    finally:
        await host.stop()


async def test_a_host_that_is_full_or_stops_is_not_ready(host: Host, peers: Peers) -> None:
    for number in range(8):
        await (await peers.connect(f"aa:00:00:00:00:{number:02x}")).hello()
    async with httpx2.AsyncClient() as client:
        answer = await client.get(http_url(host, "/readyz"))
    assert answer.status_code == 503
    assert answer.json()["reasons"] == ["the host has as many connections as it may"]


async def test_a_host_that_uses_too_much_memory_takes_nobody_new() -> None:
    host = Host(settings(max_memory_mb=1))
    await host.start()
    try:
        async with httpx2.AsyncClient() as client:
            await client.get(http_url(host, "/metrics"))  # measures the memory
        with pytest.raises(InvalidStatus) as refused:
            await connect(host.url)
        assert refused.value.response.status_code == 503
        assert json.loads(refused.value.response.body)["code"] == "too_many"
    finally:
        await host.stop()
