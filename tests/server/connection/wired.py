"""The parts of a host without its sockets: real connections, each on a transport in memory with a real client."""

import asyncio
import json
from collections import Counter
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

from websockets.client import ClientProtocol
from websockets.frames import Frame, Opcode
from websockets.http11 import Response
from websockets.uri import parse_uri

from posewire.hub import ConnectionHub, Limits
from posewire.identity.audit import Audit
from posewire.identity.principal import Principal
from posewire.rooms.directory import RoomDirectory
from posewire.server.authenticator import Identity
from posewire.server.bridge.settings import UpstreamSettings
from posewire.server.connection.context import ConnectionContext, ConnectionSettings
from posewire.server.connection.handler import ConnectionHandler
from posewire.server.connection.message_type import TextType
from posewire.server.connection.peer import Peer
from posewire.server.connection.registry import ConnectionRegistry
from posewire.server.connection.resumption import SessionResumption
from posewire.server.connection.room_link import RoomAccess
from posewire.server.connection.router import Router, Routing
from posewire.server.connection.settings import FloodSettings
from posewire.server.connection.voice_sessions import VoiceSessions
from posewire.server.control import HostControl
from posewire.server.messages.catalog import HostParts, text_types
from posewire.server.push.announcer import Announcer
from posewire.server.push.events import DeviceEvents
from posewire.server.push.settings import PushSettings
from posewire.server.state.board_reports import BoardReports
from posewire.server.state.happenings import Happenings
from posewire.server.state.shared_states import StateDirectory
from posewire.server.store_domains import DOMAINS
from posewire.server.transport.websocket import HIGH_WATER, WebSocket
from posewire.server.webrtc.service import WebRtcService
from posewire.server.webrtc.settings import WebRtcSettings
from posewire.store import MEMORY, Store
from posewire.update.service import UpdateService
from posewire.update.settings import UpdateSettings
from posewire.voice.tools.manager import ToolManager
from posewire.wire.frames import FrameType, build_frame
from posewire.wire.room_actions import RoomAction, parse_room

LOCAL = Principal("local", "local")


class MemoryTransport(asyncio.Transport):
    """Keeps what is written until the client reads it; while ``stuck``, the client reads nothing."""

    def __init__(self, protocol: WebSocket) -> None:
        super().__init__()
        self._protocol = protocol
        self.written = bytearray()
        self.stuck = False
        self.ended = False

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return ("192.0.2.1", 1) if name == "peername" else default

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        assert high == HIGH_WATER

    def get_write_buffer_size(self) -> int:
        return len(self.written) if self.stuck else 0

    def write(self, data: Any) -> None:
        assert not self.ended, "as a socket's transport has it"
        self.written += data
        if self.stuck and len(self.written) > HIGH_WATER and not self._protocol.congested:
            self._protocol.pause_writing()

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        self.ended = True

    def abort(self) -> None:
        self.ended = True

    def read(self) -> bytes:
        """Read all that was written."""
        data = bytes(self.written)
        self.written.clear()
        if self._protocol.congested:
            self._protocol.resume_writing()
        return data


class Wire:
    """One connection: the host's end is ``handler``, the client's end is this object."""

    def __init__(self, parts: "Parts", identity: Identity) -> None:
        self._parts = parts
        self._identity = identity
        self.websocket = WebSocket(self._admit, 64 * 1024)
        self.transport = MemoryTransport(self.websocket)
        self._client = ClientProtocol(parse_uri("ws://test/"))
        self.websocket.connection_made(self.transport)
        self.websocket.data_received(self._client.connect().serialize())
        self._client.receive_data(self.transport.read())
        assert isinstance(next(iter(self._client.events_received())), Response)

    def _admit(self, websocket: WebSocket, request: object) -> Router:
        self._parts.registry.opened(websocket.address)
        self.handler = ConnectionHandler(websocket, self._identity, self._parts.context)
        return Router(self.handler, self._parts.routing)

    # --- the client's end

    def send(self, **message: Any) -> None:
        """Send a JSON message."""
        self.send_text(json.dumps(message))

    def send_text(self, text: str) -> None:
        self.websocket.data_received(Frame(Opcode.TEXT, text.encode()).serialize(mask=True))

    def send_binary(self, data: bytes) -> None:
        self.websocket.data_received(Frame(Opcode.BINARY, data).serialize(mask=True))

    def send_frame(self, kind: int, payload: bytes, protocol: int = 3, member_id: int = 0) -> None:
        """Send a binary frame."""
        self.send_binary(build_frame(kind, payload, protocol, member_id))

    def received(self) -> list[dict[str, Any] | bytes]:
        """Return what has come since the last call: JSON objects and binary messages."""
        self._client.receive_data(self.transport.read())
        return [
            json.loads(frame.data) if frame.opcode is Opcode.TEXT else bytes(frame.data)
            for frame in self._client.events_received()
            if isinstance(frame, Frame) and frame.opcode in (Opcode.TEXT, Opcode.BINARY)
        ]

    def messages(self, kind: str | None = None) -> list[dict[str, Any]]:
        """Return the JSON objects (of a type) that have come since the last call."""
        found = [message for message in self.received() if isinstance(message, dict)]
        return [message for message in found if kind is None or message["type"] == kind]

    def codes(self) -> list[str]:
        """Return the codes of the errors that have come since the last call."""
        return [message["code"] for message in self.messages("error")]

    @property
    def close_code(self) -> int | None:
        """The code with which the host has closed; None: it has not."""
        self._client.receive_data(self.transport.read())
        self._client.events_received()
        return self._client.close_rcvd.code if self._client.close_rcvd is not None else None

    @property
    def close_reason(self) -> str:
        """The reason that the host has given with the code; empty: it has not closed."""
        return self._client.close_rcvd.reason if self.close_code is not None and self._client.close_rcvd else ""

    def hello(self, **fields: Any) -> dict[str, Any]:
        """Say hello and return the host's answer."""
        self.send(
            type="hello",
            **{"version": 3, "transport": "websocket", "features": {"pose": True}, **fields},
        )
        return self.messages("hello")[-1]

    def lose(self) -> None:
        """Break the connection off."""
        self.websocket.connection_lost(None)

    def leave(self, code: int = 1000) -> None:
        """Close as a client does."""
        self.websocket.data_received(Frame(Opcode.CLOSE, code.to_bytes(2, "big")).serialize(mask=True))
        self.websocket.connection_lost(None)


class Parts:
    """The parts of one host that connections use, and its connections. Change ``settings`` at any time."""

    def __init__(self, **given: Any) -> None:
        self.settings = ConnectionSettings(FloodSettings(), hello_timeout=60.0, resume_window=60.0)
        self.counters: Counter[str] = Counter()
        self.store = Store(MEMORY, DOMAINS)
        self.audit = Audit(self.store)
        self.hub: ConnectionHub[Peer] = ConnectionHub(Limits())
        self.registry = ConnectionRegistry(self.hub.pool)
        self.rooms = RoomDirectory(counters=self.counters)
        self.states = StateDirectory(self.hub.dispatcher, dict, self._is_here)
        self.resumption = SessionResumption(self.registry, self.rooms, self.states)
        self.control = HostControl()
        self.happenings = Happenings()
        self.principals: dict[str, Principal | None] = {}
        """By name of a principal: who it is by settings that have changed."""

        self.observed: list[float] = []
        self.spans: list[tuple[str, str, str]] = []
        voices: VoiceSessions | None = given.get("voices")
        self.context = ConnectionContext(
            settings=lambda: self.settings,
            check_principal=lambda principal: self.principals.get(principal.name, principal),
            registry=self.registry,
            resumption=self.resumption,
            rooms=RoomAccess(self.rooms, self.hub, self.states, self.resumption, self.counters),
            counters=self.counters,
            audit=self.audit,
            updates=UpdateService(UpdateSettings(), Path),
            tools=ToolManager([]),
            upstream=given.get("upstream", UpstreamSettings()),
            voices=voices,
        )
        parts = HostParts(
            rooms=self.rooms,
            states=self.states,
            events=DeviceEvents(
                PushSettings(), self.registry, Announcer(self.registry, self.counters), self.counters, self.happenings
            ),
            reports=BoardReports(),
            updates=self.context.updates,
            control=self.control,
            audit=self.audit,
            log_in=lambda token, address: LOCAL,
            counters=self.counters,
            happenings=self.happenings,
            webrtc=WebRtcService(WebRtcSettings, self.counters),
        )
        types: Mapping[str, TextType] = {**text_types(parts), **given.get("text_types", {})}
        trace = self._span if given.get("traced") else None
        self.routing = Routing(types, self.counters, self.observed.append, trace)
        self._wires: list[Wire] = []

    def connect(
        self,
        device: str = "board",
        principal: Principal = LOCAL,
        *,
        protocol: int | None = 3,
        anonymous: bool = False,
    ) -> Wire:
        """Open a connection."""
        wire = Wire(self, Identity(device, "client", protocol, anonymous, principal))
        self._wires.append(wire)
        return wire

    def greeted(self, name: str = "board", principal: Principal = LOCAL, **fields: Any) -> Wire:
        """Open the connection of a device of this name, and say hello with these fields."""
        wire = self.connect(name, principal)
        wire.hello(**fields)
        return wire

    async def close(self) -> None:
        """Lose all connections, and stop."""
        for wire in self._wires:
            wire.lose()
        await asyncio.sleep(0)
        await self.rooms.close()
        self.store.close()

    def _is_here(self, name: str) -> bool:
        kind, _, rest = name.partition(":")
        if kind == "room":
            return rest in self.rooms.rooms
        return self.registry.device(rest) is not None or self.resumption.is_kept(rest)

    def _span(self, kind: str, device: str, session: str) -> AbstractContextManager[Any]:
        self.spans.append((kind, device, session))
        return nullcontext()


def audio(payload: bytes, member_id: int = 0, protocol: int = 3) -> bytes:
    """Return an audio frame as a binary message."""
    return build_frame(FrameType.AUDIO, payload, protocol, member_id)


def room_action(action: str, room: str = "studio", **fields: Any) -> RoomAction:
    """Return a parsed ``room`` message."""
    return parse_room({"type": "room", "action": action, "room": room, **fields})
