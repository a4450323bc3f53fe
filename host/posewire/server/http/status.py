"""The state of the host, for Prometheus, load balancers and dashboards."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from posewire.server.http.prometheus import exposition
from posewire.server.http.request import ACT, READ, authorize, services

_STALLED = 1.0
"""Seconds of lag of the event loop with which the host is not ready."""


async def metrics(request: Request) -> Response:
    """Answer all metrics, in Prometheus' text format."""
    authorize(request, READ)
    return Response(exposition(services(request)), media_type="text/plain; version=0.0.4; charset=utf-8")


async def ready(request: Request) -> JSONResponse:
    """Answer whether new connections are welcome: 200, or 503 with the reasons."""
    host = services(request)
    reasons = []
    if host.draining:
        reasons.append("the host is shutting down")
    if host.registry.open >= host.settings.server.max_connections:
        reasons.append("the host has as many connections as it may")
    if host.memory_full:
        reasons.append("the host uses as much memory as it may")
    if host.health is not None and host.health.recent_lag > _STALLED:
        reasons.append(f"the event loop was {host.health.recent_lag:.1f} seconds late")
    return JSONResponse({"ready": not reasons, "reasons": reasons}, 503 if reasons else 200)


async def alerts(request: Request) -> JSONResponse:
    """Answer the alerts that are on, and the last changes."""
    authorize(request, READ)
    health = services(request).health
    if health is None:
        return JSONResponse({"active": [], "history": []})
    return JSONResponse({"active": health.alerts.active(), "history": list(health.alerts.history)})


async def history(request: Request) -> JSONResponse:
    """Answer the values of the last hour: ``names``, and ``samples`` as ``[unix seconds, value, …]``; ``?after=``."""
    authorize(request, READ)
    health = services(request).health
    if health is None:
        return JSONResponse({"names": [], "samples": []})
    return JSONResponse(health.history.since(_number(request, "after")))


async def log_tail(request: Request) -> JSONResponse:
    """Answer the last lines of the host's log; ``?after=`` the number of the last line that is known."""
    # The log has what people say: it is not for everybody who may look.
    authorize(request, ACT)
    return JSONResponse({"lines": services(request).log_tail.since(int(_number(request, "after")))})


def _number(request: Request, name: str) -> float:
    try:
        return float(request.query_params.get(name) or 0)
    except ValueError:
        return 0.0


async def statistics(request: Request) -> JSONResponse:
    """Answer the message rates of the last seconds, percentiles since the start, and how the conference is."""
    authorize(request, READ)
    host = services(request)
    shares = (("p50", 0.5), ("p95", 0.95), ("p99", 0.99))
    return JSONResponse(
        {
            **host.numbers(),
            "conference": host.jitsi.status() if host.jitsi is not None else None,
            "rates": host.health.rates if host.health is not None else {},
            "message_ms": {name: 1000 * host.metrics.messages.percentile(share) for name, share in shares},
            "loop_lag_ms": {name: 1000 * host.metrics.loop_lag.percentile(share) for name, share in shares},
        }
    )
