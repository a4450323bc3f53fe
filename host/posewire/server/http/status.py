"""HTTP: how the host is doing, for Prometheus, load balancers and dashboards."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from posewire.server.http.app import authorize, services

_STALLED = 1.0
"""Seconds of lag of the event loop with which the host is not ready."""


async def metrics(request: Request) -> Response:
    """Everything that is counted, in Prometheus' text format."""
    authorize(request, "operator.read")
    return Response(services(request).metrics.exposition(), media_type="text/plain; version=0.0.4; charset=utf-8")


async def ready(request: Request) -> JSONResponse:
    """Whether new connections should come here: 200, or 503 with the reasons."""
    host = services(request)
    reasons = []
    if host.draining:
        reasons.append("the host is shutting down")
    if host.registry.open >= host.settings.server.max_connections:
        reasons.append("as many connections as are allowed")
    if host.memory_full:
        reasons.append("as much memory as is allowed")
    if host.watch is not None and host.watch.recent_lag > _STALLED:
        reasons.append(f"the event loop was {host.watch.recent_lag:.1f} s late")
    return JSONResponse({"ready": not reasons, "reasons": reasons}, 503 if reasons else 200)


async def alerts(request: Request) -> JSONResponse:
    """The alerts that are on, and the last changes."""
    authorize(request, "operator.read")
    watch = services(request).watch
    if watch is None:
        return JSONResponse({"active": [], "history": []})
    return JSONResponse({"active": watch.alerts.active(), "history": list(watch.alerts.history)})


async def statistics(request: Request) -> JSONResponse:
    """Message rates of the last seconds and percentiles since the start."""
    authorize(request, "operator.read")
    host = services(request)
    shares = (("p50", 0.5), ("p95", 0.95), ("p99", 0.99))
    return JSONResponse(
        {
            **host.numbers(),
            "rates": host.watch.rates if host.watch is not None else {},
            "message_ms": {name: 1000 * host.metrics.messages.percentile(share) for name, share in shares},
            "loop_lag_ms": {name: 1000 * host.metrics.loop_lag.percentile(share) for name, share in shares},
        }
    )


ROUTES: tuple[BaseRoute, ...] = (
    Route("/metrics", metrics),
    Route("/readyz", ready),
    Route("/alerts", alerts),
    Route("/api/statistics", statistics),
)
