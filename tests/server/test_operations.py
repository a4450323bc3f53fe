"""What an operator sees and changes: metrics, readiness, alerts, the configuration read again, limits."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from posewire.errors import ConfigError
from posewire.hub import ConnectionPool
from posewire.identity.settings import AuthSettings
from posewire.rooms.settings import RoomSettings
from posewire.server.connection.registry import ConnectionRegistry
from posewire.server.host import Config, Host
from posewire.server.host_process import HostProcess
from posewire.server.monitoring.alerts import Alerts, Webhook
from posewire.server.monitoring.histogram import Histogram
from posewire.server.monitoring.settings import AlertSettings
from posewire.server.reload import merge
from posewire.server.scheduler import Job, Scheduler
from posewire.server.settings import Settings, load_settings
from posewire.server.transport.settings import MdnsSettings
from posewire.wire.frames import FrameType, build_frame
from posewire.wire.pose import PoseEncoder
from server.conftest import Peers, settings


def http_url(host: Host, path: str) -> str:
    return host.url.replace("ws://", "http://").replace("/posewire/v1/", path)


async def scraped(host: Host) -> dict[str, float]:
    async with httpx2.AsyncClient() as client:
        answer = await client.get(http_url(host, "/metrics"))
    assert answer.status_code == 200
    return {
        sample.name + "".join(f"/{value}" for value in sample.labels.values()): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


# --- metrics


async def test_prometheus_sees_connections_rooms_drops_and_errors(host: Host, peers: Peers) -> None:
    publisher = await peers.connect("aa:00:00:00:00:01")
    await publisher.hello()
    await publisher.join(publish=["audio"])
    listener = await peers.connect("aa:00:00:00:00:02")
    await listener.hello()
    await listener.join(subscribe=["audio"])
    frame = build_frame(FrameType.AUDIO, bytes(60), 3)
    for _ in range(40):
        await publisher.socket.send(frame)
    await publisher.echo()
    listener.socket.transport.abort()
    await publisher.receive("room", event="away")
    for _ in range(5):
        await publisher.socket.send(frame)
    await publisher.send(type="nonsense")
    await publisher.echo()
    seen = await scraped(host)
    assert seen["posewire_connections"] == 1
    assert seen["posewire_room_members"] == 2
    assert seen["posewire_audio_in_total"] == 45
    assert (seen["posewire_audio_out_total"], seen["posewire_audio_dropped_total"]) == (40, 5)
    assert seen["posewire_refused_total/unknown_type"] == 1
    assert seen["posewire_message_seconds_count"] >= 2
    assert seen["posewire_connection_queue_bytes_count"] == 1
    assert seen["posewire_resident_bytes"] > 1e6


async def test_what_a_connection_holds_is_charged_to_it(host: Host, peers: Peers) -> None:
    publisher = await peers.connect()
    await publisher.hello()
    await publisher.join(publish=["audio"])
    for _ in range(10):
        await publisher.socket.send(build_frame(FrameType.AUDIO, bytes(1920), 3))
    await publisher.echo()
    assert (await scraped(host))["posewire_connection_held_bytes_sum"] >= 19200
    await publisher.send(type="room", action="leave")
    await publisher.echo()
    assert (await scraped(host))["posewire_connection_held_bytes_sum"] < 1920


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
        await scraped(host)  # looks at the memory
        with pytest.raises(InvalidStatus) as refused:
            await connect(host.url)
        assert refused.value.response.status_code == 503
        assert json.loads(refused.value.response.body)["code"] == "too_many"
    finally:
        await host.stop()


@given(st.lists(st.floats(0, 4), min_size=1, max_size=200), st.sampled_from([0.5, 0.95, 0.99]))
def test_a_percentile_is_the_next_bound_above_the_true_one(values: list[float], share: float) -> None:
    histogram = Histogram()
    for value in values:
        histogram.observe(value)
    ordered = sorted(values)
    at = next(index for index in range(len(ordered)) if index + 1 >= share * len(ordered))
    bounds = [0.0, *histogram.bounds]
    found = histogram.percentile(share)
    assert ordered[at] <= found
    assert found in bounds
    assert bounds[bounds.index(found) - 1] <= ordered[at] or found == bounds[1]


# --- alerts


def test_an_alert_needs_time_to_fire_and_to_clear() -> None:
    told: list[dict[str, Any]] = []
    alerts = Alerts(AlertSettings(hold=10, latency_ms=50), told.append)
    for now, value in [(0, 80), (5, 80), (8, 40), (9, 80), (18, 80)]:
        alerts.check({"latency_ms": value}, now, now)
    assert told == []  # it was well in between
    alerts.check({"latency_ms": 80}, 19, 19)
    assert [(alert["name"], alert["state"]) for alert in told] == [("latency_ms", "firing")]
    assert alerts.active() == [{"name": "latency_ms", "value": 80, "threshold": 50}]
    for now in (20, 40, 60):
        alerts.check({"latency_ms": 45}, now, now)  # below the threshold, not well below it
    assert len(told) == 1
    alerts.check({"latency_ms": 10}, 61, 61)
    alerts.check({"latency_ms": 10}, 71, 71)
    assert told[-1]["state"] == "resolved"
    assert alerts.active() == []


def test_a_frame_rate_is_too_low_not_too_high() -> None:
    told: list[dict[str, Any]] = []
    alerts = Alerts(AlertSettings(hold=0, min_frame_rate=20), told.append)
    alerts.check({"min_frame_rate": 30}, 0, 0)
    alerts.check({"min_frame_rate": 12}, 1, 1)
    assert [alert["value"] for alert in told] == [12]


async def test_audio_is_no_pose_where_the_slowest_publisher_is_looked_for(host: Host, peers: Peers) -> None:
    publisher = await peers.connect()
    await publisher.hello()
    await publisher.join(publish=["pose", "audio"])
    pose = PoseEncoder("body33").encode(np.zeros((33, 4), np.float32), 0)
    await publisher.socket.send(build_frame(FrameType.POSE, pose, 3))
    for _ in range(99):
        await publisher.socket.send(build_frame(FrameType.AUDIO, bytes(60), 3))
    await publisher.echo()
    health = host.services.health
    assert health is not None
    (member,) = host.services.rooms.rooms["studio"].members.values()
    first = member.last_frames[0][0]
    assert health.values(first + 2.0)["min_frame_rate"] == 0.5
    assert health.values(first + 60.0)["min_frame_rate"] == 0.0
    # Where the frames of less than two seconds are kept, they say how many come in a second.
    await publisher.socket.send(build_frame(FrameType.POSE, pose, 3))
    await publisher.echo()
    oldest = member.last_frames[0][0]
    assert health.values(oldest + 1.0)["min_frame_rate"] == 1.0


async def test_memory_that_grows_slowly_is_noticed_after_the_first_hour(host: Host) -> None:
    health = host.services.health
    assert health is not None
    now = time.monotonic()
    for minute in range(120):
        assert "memory_leak_mb" not in health.values(now + 60 * minute)
    leak = b"x" * (40 << 20)
    grown = health.values(now + 60 * 121)
    assert 30 < grown["memory_leak_mb"] < 100
    assert len(leak) == 40 << 20
    assert grown["memory_growth_mb"] < 100
    with pytest.raises(ConfigError, match="memory_leak_mb"):
        AlertSettings(memory_leak_mb=-1.0)


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


# --- the scheduler


async def test_a_job_that_fails_is_run_again_and_disturbs_no_other() -> None:
    runs: Counter[str] = Counter()
    counters: Counter[str] = Counter()
    enough = asyncio.Event()

    def fail() -> None:
        runs["fail"] += 1
        raise ValueError("no")

    async def work() -> None:
        runs["work"] += 1
        if runs["work"] >= 5 and runs["fail"] >= 2:
            enough.set()

    scheduler = Scheduler([Job("fail", 0.01, fail), Job("work", 0.01, work)], counters)
    scheduler.start()
    await enough.wait()
    await scheduler.stop()
    assert counters["job_failures"] == runs["fail"]


# --- the configuration read again


def test_what_can_change_changes_and_the_rest_is_named() -> None:
    now = settings()
    wanted = replace(
        now,
        server=replace(now.server, hello_timeout=3.0, port=9),
        rooms=RoomSettings(max_members=3),
        auth=AuthSettings(token="x" * 20),
        mdns=MdnsSettings(name="elsewhere"),
    )
    merged, live, later = merge(now, wanted)
    assert (merged.server.hello_timeout, merged.server.port, merged.rooms.max_members) == (3.0, 0, 3)
    assert (merged.auth.token, merged.mdns.name) == ("x" * 20, now.mdns.name)
    assert live == ["[server] hello_timeout = 3.0", "[auth] token", "[rooms] max_members = 3"]
    assert later == ["[server] port", "[mdns]"]


async def test_a_reload_disconnects_nobody_and_a_bad_file_changes_nothing() -> None:
    wanted: list[Settings | ConfigError] = [settings(resume_window=5.0)]

    def load() -> Settings:
        if isinstance(wanted[-1], ConfigError):
            raise wanted[-1]
        return wanted[-1]

    host = Host(load(), Config(load))
    await host.start()
    peers = Peers(host.url)
    try:
        first = await peers.connect("aa:00:00:00:00:01")
        await first.hello()
        await first.join()
        wanted.append(replace(settings(resume_window=5.0), rooms=RoomSettings(max_members=1)))
        assert "[rooms] max_members = 1" in await host.services.control.reload()
        second = await peers.connect("aa:00:00:00:00:02")
        await second.hello()
        await second.send(type="room", action="join", room="studio")
        assert (await second.receive("error"))["code"] == "too_many"
        wanted.append(ConfigError("no such setting"))
        with pytest.raises(ConfigError):
            await host.services.control.reload()
        assert host.services.settings.rooms.max_members == 1
        await first.echo()
    finally:
        await peers.close()
        await host.stop()


async def test_sighup_and_a_changed_file_reload_a_running_host(tmp_path: Path) -> None:
    config = tmp_path / "posewire.toml"

    def write(members: int) -> None:
        config.write_text(
            f'[rooms]\nmax_members = {members}\n[voice]\nenabled = false\n[store]\npath = ":memory:"\n',
            encoding="utf-8",
        )

    async def changed_to(members: int) -> None:
        while not host.logged("config_reloaded", changed=f"[rooms] max_members = {members}"):
            await asyncio.sleep(0.02)

    write(5)
    with HostProcess("--config", str(config)) as host:
        async with connect(host.url) as socket:
            write(77)
            os.kill(host.pid, signal.SIGHUP)
            await changed_to(77)
            write(8)
            await changed_to(8)
            await socket.send('{"type":"hello"}')
            assert json.loads(await socket.recv())["type"] == "hello"


# --- the log


async def test_libraries_log_in_the_same_style_and_once_a_burst(tmp_path: Path) -> None:
    config = tmp_path / "posewire.toml"
    config.write_text('[voice]\nenabled = false\n[store]\npath = ":memory:"\n', encoding="utf-8")
    with HostProcess("--config", str(config)) as host:
        for _ in range(5):
            reader, writer = await asyncio.open_connection("127.0.0.1", host.port)
            writer.write(b"\x00\r\n\r\n")
            await reader.read()
            writer.close()
    assert [event["event"] for event in host.events if event.get("logger")] == ["Invalid HTTP request received."]
    assert host.logged("output") == []


def test_no_peer_can_forge_a_line_of_the_text_log() -> None:
    program = (
        "from posewire.log import EventLog, configure_logging\n"
        "configure_logging('text')\n"
        "EventLog().warning('refused', why='x\\n12:00:00.000 info    forged', name='\\x1b[2J\\x9b')\n"
        "try:\n"
        "    raise ValueError('x\\n12:00:00.000 info    forged')\n"
        "except ValueError:\n"
        "    EventLog().exception('failed')\n"
    )
    log = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stderr
    lines = log.splitlines()
    assert lines[0].endswith(r' refused why="x\n12:00:00.000 info    forged" name=\x1b[2J\x9b')
    assert lines[1].endswith(" failed")
    assert all(line.startswith("  ") for line in lines[2:])


# --- limits


def test_connections_are_counted_by_address() -> None:
    registry = ConnectionRegistry(ConnectionPool())
    registry.opened("10.0.0.1")
    registry.opened("10.0.0.1")
    registry.opened("10.0.0.2")
    registry.closed("10.0.0.1")
    assert (registry.at("10.0.0.1"), registry.at("10.0.0.2"), registry.at("10.0.0.3")) == (1, 1, 0)
    assert registry.open == 2
