"""The decision on opening requests of WebSockets: the limits of the host, then the peer's token."""

import json
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus

from websockets.http11 import Request

from posewire.address_group import address_group
from posewire.errors import WireError
from posewire.identity.audit import Audit
from posewire.log import EventLog, LogThrottle
from posewire.loopback import is_loopback
from posewire.server.authenticator import Identity
from posewire.server.connection.registry import ConnectionRegistry
from posewire.server.http.errors import status_of
from posewire.server.transport.peer_socket import PeerSocket, Receiver, Refusal
from posewire.wire.messages import error_message


@dataclass(frozen=True)
class AdmissionLimits:
    """Limits as they are now. ``memory_full``: whether the process uses as much memory as it may."""

    max_connections: int
    max_per_address: int
    memory_full: bool


class Admission:
    """Decides on opening requests: ``admit`` is a ``websocket.Admit``.

    ``authenticate`` returns the identity behind a path and headers from an address; ``connect`` makes the receiver of
    an admitted peer's messages.
    """

    def __init__(
        self,
        registry: ConnectionRegistry,
        limits: Callable[[], AdmissionLimits],
        authenticate: Callable[[str, str, Mapping[str, str]], Identity],
        connect: Callable[[PeerSocket, Identity], Receiver],
        audit: Audit,
        counters: Counter[str],
    ) -> None:
        self._registry = registry
        self._limits = limits
        self._authenticate = authenticate
        self._connect = connect
        self._audit = audit
        self._counters = counters
        self._throttle = LogThrottle()
        self._log = EventLog()

    def admit(self, websocket: PeerSocket, request: Request) -> Receiver | Refusal:
        """Return the receiver of a peer's messages, or the HTTP answer that refuses it."""
        address, limits = websocket.address, self._limits()
        if self._registry.open >= limits.max_connections:
            error = WireError(f"this host takes at most {limits.max_connections} connections", "too_many")
            return self._refuse(HTTPStatus.SERVICE_UNAVAILABLE, error, websocket)
        most = limits.max_per_address
        if most and self._registry.at(address) >= most and not is_loopback(address):
            error = WireError(f"this host takes at most {most} connections from one address", "too_many")
            return self._refuse(HTTPStatus.TOO_MANY_REQUESTS, error, websocket)
        if limits.memory_full:
            error = WireError("this host uses as much memory as it may", "too_many")
            return self._refuse(HTTPStatus.SERVICE_UNAVAILABLE, error, websocket)
        try:
            identity = self._authenticate(address, request.path, request.headers)
        except WireError as error:
            self._audit.refused(error.code, "", peer=websocket.peer, path=request.path.partition("?")[0][:100])
            return self._refuse(HTTPStatus(status_of(error)), error, websocket)
        self._registry.opened(address)
        return self._connect(websocket, identity)

    def _refuse(self, status: HTTPStatus, error: WireError, websocket: PeerSocket) -> Refusal:
        self._counters[f"refused_{error.code}"] += 1
        suppressed = self._throttle.admit((address_group(websocket.address), error.code))
        if suppressed is not None:
            self._log.warning("refused", peer=websocket.peer, code=error.code, suppressed=suppressed or None)
        return Refusal(status, json.dumps(error_message(error)) + "\n", "application/json")
