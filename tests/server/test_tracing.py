"""Traces: a span for each message and turn, when they are switched on."""

from dataclasses import replace
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from posewire.server.host import Host
from posewire.server.monitoring.settings import TracingSettings
from posewire.server.monitoring.tracing import Tracing
from posewire.voice.output import TurnReport
from support.hosts import settings
from support.peers import Peers


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> InMemorySpanExporter:
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(trace, "get_tracer", provider.get_tracer)
    return exporter


async def test_messages_are_traced_with_their_device(spans: Any) -> None:
    host = Host(replace(settings(), tracing=TracingSettings(enabled=True)))
    await host.start()
    peers = Peers(host.url)
    try:
        peer = await peers.connect("aa:00:00:00:00:01")
        await peer.hello()
        await peer.echo()
    finally:
        await peers.close()
        await host.stop()
    names = [span.name for span in spans.get_finished_spans()]
    assert names[:2] == ["message hello", "message ping"]
    assert spans.get_finished_spans()[0].attributes["posewire.device"] == "aa:00:00:00:00:01"


def test_a_turn_has_a_span_for_each_stage(spans: Any) -> None:
    Tracing().turn(TurnReport("answered", {"asr": 80.0, "tts": 40.0, "total": 120.0}), "device", "session")
    asr, tts, turn = spans.get_finished_spans()
    assert (asr.name, tts.name, turn.name) == ("asr", "tts", "turn")
    assert asr.parent.span_id == tts.parent.span_id == turn.context.span_id
    assert asr.end_time == tts.start_time
    assert turn.end_time - turn.start_time == 120_000_000
    assert turn.attributes["posewire.first_audio_ms"] == 120.0
