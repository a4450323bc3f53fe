"""The listening socket: authentication, and the hand-over to a ConnectionHandler or to the HTTP side."""

import asyncio
import http
import json
from collections.abc import Sequence

from starlette.routing import BaseRoute
from websockets.http11 import Request

from posewire.errors import ConfigError, WireError
from posewire.log import EventLog, LogThrottle
from posewire.loopback import is_loopback
from posewire.server.connection.handler import ConnectionHandler
from posewire.server.http.app import HttpSide
from posewire.server.http.errors import status_of
from posewire.server.services import Services
from posewire.server.transport.certificate import Certificate
from posewire.server.transport.protocol_detect import OPENING_TIMEOUT, Doorway
from posewire.server.transport.websocket import Receiver, Refusal, WebSocket
from posewire.wire.messages import error_message

_BACKLOG = 2048
"""Connections that the kernel completes before they are accepted: a whole fleet comes back at once after a restart."""


class Listener:
    """Accepts connections for one host."""

    def __init__(self, services: Services, routes: Sequence[BaseRoute]) -> None:
        self._services = services
        self._http = HttpSide(services, routes, services.settings.http)
        self._server: asyncio.Server | None = None
        self.certificate: Certificate | None = None
        """What TLS peers are shown; None where there is no TLS."""

        self._throttle = LogThrottle()
        self._waiting: dict[Doorway, None] = {}
        self._log = EventLog()

    async def start(self) -> tuple[str, int]:
        """Start listening; returns the address and the real port.

        Raises:
            ConfigError: the address is taken or not ours, or the certificate cannot be read.
        """
        settings = self._services.settings.server
        if settings.certificate:
            self.certificate = await asyncio.to_thread(Certificate, settings.certificate, settings.key)
        try:
            self._server = await asyncio.get_running_loop().create_server(
                lambda: Doorway(self._websocket, self._http.protocol, self._waiting),
                settings.host,
                settings.port,
                ssl=self.certificate.context if self.certificate is not None else None,
                # A doorway, with its own limit, is made when the handshake is done.
                ssl_handshake_timeout=OPENING_TIMEOUT if self.certificate is not None else None,
                backlog=_BACKLOG,
            )
        except OSError as exc:
            raise ConfigError(f"cannot listen on {settings.host}:{settings.port}: {exc.strerror or exc}") from None
        return settings.host, self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Stop accepting; what is open stays."""
        if self._server is not None:
            self._server.close()

    async def stop_http(self, within: float) -> None:
        """End the plain HTTP connections; running requests get ``within`` seconds."""
        await self._http.stop(within)

    def _websocket(self) -> WebSocket:
        return WebSocket(self._admit, self._services.settings.server.max_message)

    def _admit(self, websocket: WebSocket, request: Request) -> Receiver | Refusal:
        registry = self._services.registry
        limit = self._services.settings.server.max_connections
        if registry.open >= limit:
            return self._refuse(
                http.HTTPStatus.SERVICE_UNAVAILABLE,
                WireError(f"this host takes at most {limit} connections", "too_many"),
                websocket,
            )
        address = websocket.address
        most = self._services.settings.server.max_per_address
        if most and registry.at(address) >= most and not is_loopback(address):
            return self._refuse(
                http.HTTPStatus.TOO_MANY_REQUESTS,
                WireError(f"this host takes at most {most} connections from one address", "too_many"),
                websocket,
            )
        if self._services.memory_full:
            return self._refuse(
                http.HTTPStatus.SERVICE_UNAVAILABLE,
                WireError("this host uses as much memory as it may", "too_many"),
                websocket,
            )
        try:
            identity = self._services.failures.attempt(
                address, lambda: self._services.authenticator.authenticate(request.path, request.headers)
            )
        except WireError as error:
            status = http.HTTPStatus(status_of(error))
            self._services.audit.refused(error.code, "", peer=websocket.peer, path=request.path.partition("?")[0][:100])
            return self._refuse(status, error, websocket)
        registry.opened(address)
        return ConnectionHandler(websocket, identity, self._services)

    def _refuse(self, status: http.HTTPStatus, error: WireError, websocket: WebSocket) -> Refusal:
        self._services.counters[f"refused_{error.code}"] += 1
        suppressed = self._throttle.admit((websocket.address, error.code))
        if suppressed is not None:
            self._log.warning("refused", peer=websocket.peer, code=error.code, suppressed=suppressed or None)
        return Refusal(status, json.dumps(error_message(error)) + "\n", "application/json")
