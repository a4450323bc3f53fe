"""HTTP on the WebSocket's port: Starlette routes, served by uvicorn's protocol class on the same transports.

An endpoint is an ordinary Starlette endpoint. ``services(request)`` gives it the host's services, and
``authorize(request, "operator.read")`` refuses whoever lacks the scope. A new one is a line in
``server/http/routes.py``. Whatever fails here ends in an HTTP answer; no WebSocket notices.
"""

import asyncio
import http
from collections.abc import Sequence

import h11
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from posewire.errors import PosewireError, WireError
from posewire.identity.principal import Principal
from posewire.log import EventLog
from posewire.loopback import is_loopback
from posewire.server.http.settings import HttpSettings
from posewire.server.services import Services

STATUS = {
    "unauthorized": http.HTTPStatus.UNAUTHORIZED,
    "forbidden": http.HTTPStatus.FORBIDDEN,
    "not_found": http.HTTPStatus.NOT_FOUND,
    "not_available": http.HTTPStatus.NOT_IMPLEMENTED,
    "busy": http.HTTPStatus.CONFLICT,
    "too_many": http.HTTPStatus.TOO_MANY_REQUESTS,
}
"""How an error's code is said in HTTP, also to an opening request."""

_HEAD_TIMEOUT = 10.0
_KEEP_ALIVE = 30
_STALLED = 30.0


def services(request: Request) -> Services:
    """Return the services of the host that got the request."""
    found: Services = request.app.state.services
    return found


def client_address(request: Request) -> str:
    """Return the address that a request comes from, empty where there is none."""
    return request.client.host if request.client is not None else ""


def authorize(request: Request, need: str) -> Principal:
    """Return who sends the request; operator endpoints call this first with the scope that they need.

    Raises:
        WireError: ``unauthorized``, ``forbidden`` or ``too_many``; all become HTTP answers.
    """
    here = services(request)
    principal = here.failures.attempt(
        client_address(request), lambda: here.authenticator.principal(str(request.url), request.headers)
    )
    if principal.kind == "local" and not is_loopback(request.url.hostname or ""):
        # A page whose name was bound to 127.0.0.1 would come with that name.
        raise WireError(
            f"this host runs without authentication: use it as 127.0.0.1, not {request.url.hostname}", "forbidden"
        )
    principal.require(need)
    return principal


def record_order(request: Request, who: Principal, event: str, device: str = "", **detail: str) -> None:
    """Write an operator's order to the audit log. Nothing that privacy wants erased one day: no words, no speakers."""
    services(request).audit.record(event, who.name, device=device[:64], peer=_peer(request), **detail)


class HttpSide:
    """The HTTP part of one host: makes the protocol for a connection, and ends them all."""

    def __init__(self, host_services: Services, routes: Sequence[BaseRoute], settings: HttpSettings) -> None:
        app = Starlette(
            routes=list(routes),
            middleware=[Middleware(_Guard, services=host_services, settings=settings)],
            exception_handlers={HTTPException: _http_error, PosewireError: _refused},
        )
        app.state.services = host_services
        self._config = Config(
            app,
            log_config=None,
            access_log=False,
            lifespan="off",
            ws="none",
            proxy_headers=False,
            server_header=False,
            date_header=False,
            limit_concurrency=settings.max_connections,
            timeout_keep_alive=_KEEP_ALIVE,
            h11_max_incomplete_event_size=settings.max_head,
        )
        self._config.load()
        self._state = ServerState()

    def protocol(self) -> asyncio.Protocol:
        """Return a protocol for one connection."""
        return _HttpConnection(self._config, self._state, {})

    async def stop(self, within: float) -> None:
        """Close idle connections, wait for running requests, then cut what is left."""
        for connection in list(self._state.connections):
            connection.shutdown()
        if self._state.tasks:
            await asyncio.wait(self._state.tasks, timeout=within)
        for task in list(self._state.tasks):
            task.cancel()
        for connection in list(self._state.connections):
            connection.transport.abort()


class _HttpConnection(H11Protocol):
    """uvicorn's protocol, which waits for a request's head for ever, with a time limit on it."""

    _head_timer: asyncio.TimerHandle | None = None

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        waits = self.conn.their_state is h11.IDLE
        if waits and self._head_timer is None:
            self._head_timer = self.loop.call_later(_HEAD_TIMEOUT, self.transport.abort)
        elif not waits:
            self._stop_timer()

    def on_response_complete(self) -> None:
        self._stop_timer()
        super().on_response_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_timer()
        super().connection_lost(exc)

    def _stop_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None


class _Guard:
    """Limits on a request's body and on a reader that stalls; an endpoint's defect becomes a 500 and a log line."""

    def __init__(self, app: ASGIApp, services: Services, settings: HttpSettings) -> None:
        self._app = app
        self._services = services
        self._settings = settings
        self._log = EventLog()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        self._services.counters["http_requests"] += 1
        started = False

        async def send_in_time(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            async with asyncio.timeout(_STALLED):
                await send(message)

        try:
            await self._app(scope, _limited(receive, self._settings), send_in_time)
        except _Refused as refused:
            self._count(refused.status)
            if not started:
                response = _answer(refused.status, refused.code, str(refused))
                response.headers["Connection"] = "close"
                await response(scope, receive, send_in_time)
        except ClientDisconnect:
            self._services.counters["http_disconnected"] += 1
        except Exception:
            self._count(http.HTTPStatus.INTERNAL_SERVER_ERROR)
            self._log.exception("http_failed", method=scope["method"], path=scope["path"][:200])
            if started:
                raise
            response = _answer(500, "internal", "the host failed on this request; its log says why")
            await response(scope, receive, send_in_time)

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
            raise _Refused(408, "timeout", f"the body took more than {settings.body_timeout:.0f} s") from None
        received += len(message.get("body", b""))
        complete = not message.get("more_body", False)
        if received > settings.max_body:
            raise _Refused(413, "too_large", f"a body has at most {settings.max_body} bytes here")
        return message

    return limited


def _answer(status: int, code: str, message: str) -> JSONResponse:
    return JSONResponse({"type": "error", "code": code, "message": message}, status)


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    code = {404: "not_found", 405: "bad_method"}.get(error.status_code, f"http_{error.status_code}")
    response = _answer(error.status_code, code, f"{error.detail}: {request.method} {request.url.path}")
    response.headers.update(error.headers or {})
    return response


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, PosewireError)
    here = services(request)
    here.counters[f"refused_{error.code}"] += 1
    if error.code in ("unauthorized", "forbidden"):
        here.audit.refused(error.code, "", peer=_peer(request), path=request.url.path[:100])
    if error.code == "internal":
        raise error
    status = STATUS.get(error.code, http.HTTPStatus.BAD_REQUEST if isinstance(error, WireError) else 500)
    response = _answer(status, error.code, str(error))
    if status == http.HTTPStatus.UNAUTHORIZED:
        response.headers["WWW-Authenticate"] = "Bearer"
    return response


def _peer(request: Request) -> str:
    return f"{request.client.host}:{request.client.port}" if request.client is not None else ""
