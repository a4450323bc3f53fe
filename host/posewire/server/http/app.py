"""HTTP on the WebSocket's port: Starlette routes, served by uvicorn's protocol class on the same transports.

An endpoint is an ordinary Starlette endpoint, with the helpers of ``server/http/request.py``; a new one is a line in
``server/http/routes.py``. A failure here ends in an HTTP answer; no WebSocket notices it.
"""

import asyncio
import http
from collections.abc import Sequence
from contextlib import suppress

import h11
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState
from websockets.exceptions import InvalidState

from posewire.errors import PosewireError
from posewire.log import EventLog
from posewire.server.http.errors import error_response, status_of
from posewire.server.http.limits import RequestLimits
from posewire.server.http.pool import HttpPool
from posewire.server.http.request import client_peer, services
from posewire.server.http.settings import HttpSettings
from posewire.server.http.shared_answers import SharedAnswers
from posewire.server.services import Services
from posewire.server.transport.plain_answer import send_and_close

_HEAD_TIMEOUT = 10.0
_KEEP_ALIVE = 28
_STALLED = 30.0
_GRACE = 2.0
HTTP_CODES = {404: "not_found", 405: "bad_method"}
"""Codes of what no endpoint answers; another status is a code by itself."""

_HEALTH = ("/healthz", "/readyz")
"""Answered also where all places are taken: a supervisor must not end a host that is only busy."""

_FOR_BROWSERS = ((b"x-content-type-options", b"nosniff"), (b"cross-origin-resource-policy", b"same-origin"))
"""Headers of every answer: no page of another site can take it for a script or a picture."""


class HttpSide:
    """The HTTP part of one host: makes the protocol for a connection, and ends them all."""

    def __init__(
        self, host_services: Services, routes: Sequence[BaseRoute], settings: HttpSettings, websockets: int = 0
    ) -> None:
        """``websockets``: bytes of a message where some of the routes are WebSockets; 0: none is."""
        self._state = ServerState()
        self._pool = HttpPool(settings.max_connections)
        self._body_timeout = settings.body_timeout
        app = Starlette(
            routes=list(routes),
            middleware=[Middleware(_Guard, services=host_services, settings=settings, pool=self._pool)],
            exception_handlers={HTTPException: _http_error, PosewireError: _refused},
        )
        app.state.services = host_services
        app.state.limits = RequestLimits()
        app.state.shared_answers = SharedAnswers()
        self._config = Config(
            app,
            log_config=None,
            access_log=False,
            lifespan="off",
            ws="websockets-sansio" if websockets else "none",
            ws_max_size=websockets,
            ws_per_message_deflate=False,
            proxy_headers=False,
            server_header=False,
            date_header=False,
            timeout_keep_alive=_KEEP_ALIVE,
            h11_max_incomplete_event_size=settings.max_head,
        )
        self._config.load()

    def protocol(self) -> asyncio.Protocol:
        """Return a protocol for one connection."""
        return _HttpConnection(self._config, self._state, self._pool, self._body_timeout)

    async def stop(self, within: float) -> None:
        """Close idle connections, wait for running requests, then cut what is left."""
        for connection in list(self._state.connections):
            with suppress(InvalidState):  # of a WebSocket that is closing already
                connection.shutdown()
        if self._state.tasks:
            await asyncio.wait(self._state.tasks, timeout=within)
        for task in list(self._state.tasks):
            task.cancel()
        for connection in list(self._state.connections):
            connection.transport.abort()


class _HttpConnection(H11Protocol):
    """uvicorn's protocol, with a place in the pool, a time limit on each step, and an error in JSON.

    The limits do not depend on who reads the body or the answer: an endpoint may read no body, a peer no answer.
    """

    _timer: asyncio.TimerHandle | None = None

    def __init__(self, config: Config, state: ServerState, pool: HttpPool, body_timeout: float) -> None:
        super().__init__(config, state, {})
        self._pool = pool
        self._body_timeout = body_timeout
        self._step = ""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if not self._pool.add(self, self.client[0] if self.client is not None else ""):
            message = "this host takes no more HTTP connections from this address"
            send_and_close(transport, http.HTTPStatus.TOO_MANY_REQUESTS, "too_many", message)

    def data_received(self, data: bytes) -> None:
        if self.transport.is_closing():
            return
        super().data_received(data)
        if not self.transport.is_closing() and self._step != "upgraded":
            self._enter_step("head", _HEAD_TIMEOUT)

    def handle_websocket_upgrade(self, event: h11.Request) -> None:
        super().handle_websocket_upgrade(event)
        # From now on another protocol has the transport, and counts are its own.
        self._stop_timer()
        self._step = "upgraded"
        self._pool.remove(self)

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.transport.is_closing():
            self._enter("idle", _STALLED)
        else:
            self._enter_step("idle", _STALLED)

    def send_400_response(self, msg: str) -> None:
        body = bytes(error_response(400, "bad_http", msg).body)
        headers = [("Content-Type", "application/json"), ("Content-Length", str(len(body))), ("Connection", "close")]
        for event in (h11.Response(status_code=400, headers=headers), h11.Data(data=body), h11.EndOfMessage()):
            self.transport.write(self.conn.send(event) or b"")
        self.transport.close()
        self._enter("idle", _STALLED)

    def abort(self) -> None:
        self.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_timer()
        self._pool.remove(self)
        super().connection_lost(exc)

    def _enter_step(self, between: str, seconds: float) -> None:
        """Enter the step that the request is in; ``between``: the one when no request is complete or under way."""
        if self.conn.their_state is h11.IDLE:
            self._enter(between, seconds)
        elif self.conn.their_state is h11.SEND_BODY:
            # Somewhat longer than the endpoint's own limit, which is told to the peer.
            self._enter("body", self._body_timeout + _GRACE)
        else:
            self._enter("answer", None)

    def _enter(self, step: str, seconds: float | None) -> None:
        """Begin a step, which ends within so many seconds or with the connection; going on with it changes nothing."""
        if step == self._step:
            return
        self._step = step
        self._stop_timer()
        match step:
            case "idle":
                self._pool.idle(self)
            case "answer":
                self._pool.waiting(self)
            case _:
                self._pool.sending(self)
        if seconds is not None:
            self._timer = self.loop.call_later(seconds, self.abort)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


class _Guard:
    """Bounds connections, request bodies and readers that stall; an endpoint's defect becomes a 500 and a log line."""

    def __init__(self, app: ASGIApp, services: Services, settings: HttpSettings, pool: HttpPool) -> None:
        self._app = app
        self._services = services
        self._settings = settings
        self._pool = pool
        self._log = EventLog()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        self._services.counters["http_requests"] += 1
        started = False
        full = self._pool.full

        async def send_in_time(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                # Whoever was answered although all places are taken keeps none.
                more = [*_FOR_BROWSERS, *([(b"connection", b"close")] if full else [])]
                message = {**message, "headers": [*message.get("headers", ()), *more]}
            async with asyncio.timeout(_STALLED):
                await send(message)

        try:
            if full:
                self._refuse_all_but_health(scope["path"])
            await self._app(scope, _limited(receive, self._settings), send_in_time)
        except _Refused as refused:
            self._count(refused.status)
            if not started:
                response = error_response(refused.status, refused.code, str(refused))
                if not full:
                    response.headers["Connection"] = "close"
                await response(scope, receive, send_in_time)
        except ClientDisconnect:
            self._services.counters["http_disconnected"] += 1
        except Exception:
            self._count(http.HTTPStatus.INTERNAL_SERVER_ERROR)
            self._log.exception("http_failed", method=scope["method"], path=scope["path"][:200])
            if started:
                raise
            response = error_response(500, "internal", "the host failed on this request: see its log")
            await response(scope, receive, send_in_time)

    def _refuse_all_but_health(self, path: str) -> None:
        if path not in _HEALTH:
            most = self._settings.max_connections
            raise _Refused(503, "too_many", f"this host takes at most {most} HTTP connections")

    def _count(self, status: int) -> None:
        self._services.counters[f"http_{int(status)}"] += 1


class _Refused(Exception):  # noqa: N818 - it is an answer, not a failure
    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


def _limited(receive: Receive, settings: HttpSettings) -> Receive:
    loop = asyncio.get_running_loop()
    deadline = loop.time() + settings.body_timeout
    received = 0
    complete = False

    async def limited() -> Message:
        nonlocal received, complete
        if complete:
            # The body is there; what can still come is the end of the connection, and that may take its time.
            return await receive()
        try:
            async with asyncio.timeout_at(deadline):
                message = await receive()
        except TimeoutError:
            raise _Refused(408, "timeout", f"the body took more than {settings.body_timeout:.0f} seconds") from None
        received += len(message.get("body", b""))
        complete = not message.get("more_body", False)
        if received > settings.max_body:
            raise _Refused(413, "too_large", f"the body must have at most {settings.max_body} bytes")
        return message

    return limited


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    code = HTTP_CODES.get(error.status_code, f"http_{error.status_code}")
    response = error_response(error.status_code, code, f"{error.detail}: {request.method} {request.url.path}")
    response.headers.update(error.headers or {})
    return response


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, PosewireError)
    here = services(request)
    here.counters[f"refused_{error.code}"] += 1
    if error.code in ("unauthorized", "forbidden"):
        here.audit.refused(error.code, "", peer=client_peer(request), path=request.url.path[:100])
    if error.code == "internal":
        raise error
    response = error_response(status_of(error), error.code, str(error))
    response.headers.update(getattr(request.state, "headers", {}))
    if response.status_code == http.HTTPStatus.UNAUTHORIZED:
        response.headers["WWW-Authenticate"] = "Bearer"
    return response
