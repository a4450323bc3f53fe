"""A Socket.IO server beside the HTTP side of the host (extra ``socketio``: python-socketio)."""

import asyncio
import json
import logging
from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs

from starlette.routing import BaseRoute, Mount
from websockets.datastructures import Headers
from websockets.http11 import Request

from posewire.errors import ConfigError, WireError
from posewire.log import EventLog, LineLimit
from posewire.server.gateway.door import Door
from posewire.server.gateway.session import GatewaySession
from posewire.server.gateway.shared_poses import SharedPoses, dump_event
from posewire.server.gateway.stand_in import SocketStandIn
from posewire.server.page_access import refuse_other_pages
from posewire.server.services import Services
from posewire.server.transport.peer_socket import PeerSocket, Receiver, Refusal
from posewire.task_scope import TaskScope
from posewire.wire.json_text import parse_json

PATH = "/socket.io/"
MAX_PACKET = 256 * 1024
"""Bytes of one packet of a client: a pose as JSON is several times as long as its packet on the wire."""

_ATTACHMENTS = 8
_AHEAD = 4
"""Packets that may wait for a client's network before more are made."""

_PING_EVERY, _PING_ANSWER = 10, 10
"""Seconds: a client that is gone without a word is noticed within both."""

_SHARE = 4
"""One address may have one of so many places, this machine all."""

_SWEEP_EVERY = 1.0
_EVENTS = (
    "join", "leave", "pose", "audio", "message", "rooms", "info", "subscribe", "lock", "unlock", "kick", "role",
    "state", "wire",
)  # fmt: skip

Admit = Callable[[PeerSocket, Request], Receiver | Refusal]


class SocketIoGateway:
    """The gateway of one host. ``admit`` decides on clients as on any other connection."""

    def __init__(self, services: Services, admit: Admit) -> None:
        """Prepare the server.

        Raises:
            ConfigError: python-socketio is not installed.
        """
        try:
            import socketio
            from socketio.exceptions import ConnectionRefusedError as Refused
        except ImportError:
            raise ConfigError("[socketio] needs python-socketio: pip install 'posewire[socketio]'") from None

        class BoundedPacket(socketio.packet.Packet):  # type: ignore[misc]
            """A packet with at most so many binary parts: they are kept until all have come."""

            def decode(self, encoded_packet: str) -> int:
                count: int = super().decode(encoded_packet)
                if count > _ATTACHMENTS:
                    raise ValueError(f"a packet has at most {_ATTACHMENTS} binary parts")
                return count

        self._services = services
        self._admit = admit
        self._refused = Refused
        self._poses = SharedPoses()
        self._tasks = TaskScope()
        self._log = EventLog(LineLimit())
        self._sessions: dict[str, tuple[GatewaySession, SocketStandIn, Receiver]] = {}
        self._writers: dict[str, asyncio.Task[None]] = {}
        # What a client sends wrong is its own affair: it must not fill the host's log.
        quiet = logging.getLogger("posewire.socketio")
        quiet.setLevel(logging.CRITICAL)
        self._server = socketio.AsyncServer(
            async_mode="asgi",
            serializer=BoundedPacket,
            json=SimpleNamespace(loads=parse_json, dumps=dump_event, JSONDecodeError=ValueError),
            cors_allowed_origins=self._allows,
            cors_credentials=False,
            max_http_buffer_size=MAX_PACKET,
            http_compression=False,
            async_handlers=False,
            ping_interval=_PING_EVERY,
            ping_timeout=_PING_ANSWER,
            logger=quiet,
            engineio_logger=quiet,
        )
        self._server.on("connect", self._connect)
        self._server.on("disconnect", self._disconnect)
        for event in _EVENTS:
            self._server.on(event, self._handler(event))
        self._door = Door(socketio.ASGIApp(self._server), self._server.environ, self._limits, MAX_PACKET)

    @property
    def route(self) -> BaseRoute:
        """The route of the HTTP side under which the gateway is reached."""
        return Mount(PATH.rstrip("/"), app=self._door)

    def start(self) -> None:
        """Begin to look for clients that do not say who they are."""
        self._tasks.spawn(self._sweep(), "socketio sweep")

    async def stop(self) -> None:
        """End all connections."""
        await self._tasks.close()
        await self._server.shutdown()

    # --- clients

    async def _connect(self, sid: str, environ: Mapping[str, Any], auth: Any = None) -> None:
        scope, auth = environ["asgi.scope"], auth if isinstance(auth, dict) else {}
        client = scope.get("client") or ("", 0)

        async def emit(event: str, data: Any) -> None:
            await self._server.emit(event, data, to=sid)
            socket = self._server.eio.sockets.get(self._server.manager.eio_sid_from_sid(sid, "/"))
            if socket is not None and socket.queue.qsize() > _AHEAD:
                await socket.queue.join()

        async def disconnect() -> None:
            await self._server.disconnect(sid)

        stand_in = SocketStandIn(f"{client[0]}:{client[1]}", emit, disconnect)
        verdict = self._admit(stand_in, _request(scope, auth))
        if isinstance(verdict, Refusal):
            answer = json.loads(verdict.body)
            raise self._refused(answer["message"], {"code": answer["code"]})
        session = GatewaySession(stand_in, verdict, self._poses, self._failed)
        self._sessions[sid] = session, stand_in, verdict
        session.greet(auth.get("resume"))
        self._writers[sid] = self._tasks.spawn(stand_in.run(), f"socketio {sid}")

    async def _disconnect(self, sid: str, reason: str = "") -> None:
        found = self._sessions.pop(sid, None)
        if found is None:
            return
        _, stand_in, receiver = found
        writer = self._writers.pop(sid, None)
        if writer is not None and writer is not asyncio.current_task():
            writer.cancel()
        receiver.on_closed(*stand_in.ended(by_client=reason == self._server.reason.CLIENT_DISCONNECT))

    def _handler(self, event: str) -> Any:
        async def handle(sid: str, *arguments: Any) -> dict[str, Any] | None:
            found = self._sessions.get(sid)
            return found[0].handle(event, arguments) if found is not None else None

        return handle

    def _failed(self, error: Exception) -> None:
        self._services.counters["internal_errors"] += 1
        self._log.exception("socketio_failed", error=repr(error))

    # --- limits

    def _limits(self) -> tuple[int, int]:
        settings = self._services.settings
        most = settings.socketio.max_clients
        # One address must not be able to take all places.
        return most, min(settings.server.max_per_address or most, max(1, most // _SHARE))

    def _allows(self, origin: str | None, environ: Mapping[str, Any]) -> bool:
        """Whether a page of another site may try: with authentication any, for without a token it gets nothing."""
        settings = self._services.settings.auth
        if settings.required or origin is None:
            return True
        host = {"Host": environ.get("HTTP_HOST", ""), "Origin": origin}
        try:
            refuse_other_pages(host, settings.allowed_origins)
        except WireError:
            return False
        return True

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(_SWEEP_EVERY)
            greeted = {self._server.manager.eio_sid_from_sid(sid, "/") for sid in self._sessions}
            patience = self._services.settings.server.hello_timeout
            for sid in self._door.silent(greeted.__contains__, patience):
                await self._server.eio.disconnect(sid)


def _request(scope: Mapping[str, Any], auth: Mapping[str, Any]) -> Request:
    """The opening request as another client's would be: what ``auth`` says is in its headers."""
    query = scope.get("query_string", b"").decode("latin-1")
    asked = {key: values[0] for key, values in parse_qs(query).items()}
    headers = Headers((name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"])
    for header, said in (
        ("Authorization", _bearer(auth) or _bearer(asked)),
        ("Device-Id", auth.get("device")),
        ("Client-Id", auth.get("client")),
    ):
        if isinstance(said, str) and said:
            if header in headers:
                del headers[header]
            headers[header] = said
    if "Protocol-Version" in headers:
        del headers["Protocol-Version"]
    headers["Protocol-Version"] = "3"
    return Request(f"{scope['path']}?{query}", headers)


def _bearer(auth: Mapping[str, Any]) -> str:
    token = auth.get("token")
    return f"Bearer {token}" if isinstance(token, str) and token else ""
