"""Traces with OpenTelemetry, where they are enabled: a span for each text message and each turn of a conversation.

Only the API is used here. Where spans go is set up outside, by ``opentelemetry-instrument`` or by a plug-in that
installs an SDK; without one the API drops them. Off (the default) it costs one comparison a message.
"""

import time
from contextlib import AbstractContextManager
from typing import Any

from posewire.errors import ConfigError
from posewire.voice.output import TurnReport

try:
    from opentelemetry import trace
except ImportError:
    trace = None  # type: ignore[assignment]


class Tracing:
    """Makes the spans of one host.

    Raises:
        ConfigError: the extra is not installed.
    """

    def __init__(self) -> None:
        if trace is None:
            raise ConfigError("[tracing] enabled needs an extra: pip install 'posewire[tracing]'")
        self._tracer = trace.get_tracer("posewire")

    def message(self, kind: str, device: str, session: str) -> AbstractContextManager[Any]:
        """Return the span around the handling of a text message."""
        attributes = {"posewire.device": device, "posewire.session": session}
        return self._tracer.start_as_current_span(f"message {kind}", attributes=attributes)

    def turn(self, report: TurnReport, device: str, session: str) -> None:
        """Record a finished turn, with a span for each of its stages; only their durations are known."""
        end = time.time_ns()
        total = round(sum(took for stage, took in report.stages.items() if stage != "total") * 1e6)
        attributes = {"posewire.device": device, "posewire.session": session, "posewire.outcome": report.outcome}
        span = self._tracer.start_span("turn", start_time=end - total, attributes=attributes)
        context = trace.set_span_in_context(span)
        at = end - total
        for stage, took in report.stages.items():
            if stage == "total":
                span.set_attribute("posewire.first_audio_ms", took)
                continue
            child = self._tracer.start_span(stage, context=context, start_time=at)
            at += round(took * 1e6)
            child.end(end_time=at)
        span.end(end_time=end)
