"""The monitor of a connection, on a real host: what it measures is what happened."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import posewire
from client.conftest import Link
from posewire.client.monitor import Monitor
from posewire.errors import ConfigError
from posewire.measure.report import as_text, load_report
from posewire.server.host import Host
from support.waiting import eventually


async def test_sender_and_receiver_are_measured(host: Host, tmp_path: Path) -> None:
    async with posewire.connect(host.url, device="camera") as sending, posewire.connect(host.url) as receiving:
        room = await sending.join("studio", publish=["pose"], subscribe=[])
        sender = room.sender(fps=100)
        await receiving.join("studio")
        async with Monitor(sending, every_s=0.2) as out, Monitor(receiving, every_s=0.2) as into:
            while "latency_ms" not in into.summary() or "fps" not in out.summary():
                sender.send(body=np.full((33, 4), 0.5))
                await asyncio.sleep(0.02)
            await eventually(lambda: "round_trip_ms" in out.latest())
            sent, received = out.summary(), into.summary()
            assert sent["fps"].most > 0
            assert received["receive_fps"].most > 0
            assert received["loss"].most == 0
            assert sent["kbit_s_out"].most > received["kbit_s_out"].most
            assert sent["cpu"].most > 0
            assert 10 < sent["memory_mb"].p50 < 2000
            assert "receive_fps" not in sent
            out.report().save(tmp_path / "report.json")
    loaded = load_report(tmp_path / "report.json")
    assert loaded.title == "camera"
    assert loaded.facts["room"] == "studio"
    assert "round_trip_ms" in as_text(loaded)


async def test_packets_that_do_not_come_are_loss(host: Host) -> None:
    async with posewire.connect(host.url) as sending, posewire.connect(host.url) as receiving:
        room = await sending.join("studio", publish=["pose"], subscribe=[])
        encoder_packets = []
        from posewire.wire.pose import PoseEncoder

        encoder = PoseEncoder("body33")
        for step in range(40):
            encoder.request_key()
            encoder_packets.append(encoder.encode(np.full((33, 4), step / 100, np.float32), step * 33))
        watching = await receiving.join("studio")
        async with Monitor(receiving, every_s=0.1) as monitor:
            for packet in encoder_packets[::4]:
                await room.publish(packet)
            poses = watching.poses()
            for _ in range(10):
                await anext(poses)
            await eventually(lambda: "loss" in monitor.summary())
            packets = missing = 0
            for count in watching.counts().values():
                packets, missing = packets + count.packets, missing + count.missing
            assert (packets, missing) == (10, 27)
            assert 0.5 < monitor.summary()["loss"].most < 0.9


async def test_a_host_that_is_away_is_an_alert_and_its_return_ends_it(link: Link) -> None:
    told: list[Mapping[str, Any]] = []
    async with posewire.connect(link.url) as connection, Monitor(connection, every_s=0.05, hold_s=0) as monitor:
        monitor.on_alert(told.append)
        await link.cut()
        await eventually(lambda: any(alert["name"] == "failures" for alert in monitor.alerts()))
        await link.mend()
        await connection.wait_connected(20)
        await eventually(lambda: not any(alert["name"] == "failures" for alert in monitor.alerts()))
        await eventually(lambda: monitor.latest()["switch_rate"] > 0)
    states = [(alert["name"], alert["state"]) for alert in told if alert["name"] == "failures"]
    assert states == [("failures", "firing"), ("failures", "resolved")]


async def test_thresholds_are_changed_and_reset(host: Host) -> None:
    async with posewire.connect(host.url) as connection, Monitor(connection, every_s=0.02, hold_s=0) as monitor:
        before = monitor.thresholds
        monitor.set_threshold("memory_mb", 1)
        await eventually(lambda: [alert["name"] for alert in monitor.alerts() if alert["name"] == "memory_mb"] != [])
        monitor.remove_threshold("memory_mb")
        assert "memory_mb" not in [alert["name"] for alert in monitor.alerts()]
        monitor.set_threshold("fps", 5)
        assert [(rule.threshold, rule.above) for rule in monitor.thresholds if rule.name == "fps"] == [(5, False)]
        monitor.reset_thresholds()
        assert monitor.thresholds == before
        with pytest.raises(ConfigError, match="round_trip_ms"):
            monitor.set_threshold("latenzy", 1)
