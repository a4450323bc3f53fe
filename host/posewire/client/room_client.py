"""A program in a room: receives other members' poses, and may publish its own."""

import asyncio
import json
import secrets
import uuid
from collections import deque
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus, InvalidURI

from posewire.errors import ConfigError, PoseError, PosewireError, WireError
from posewire.wire.frames import FrameType, build_frame, parse_frame
from posewire.wire.messages import AudioParams, RoomKind, dump_text
from posewire.wire.pose import Kind, PoseDecoder, PoseFrame, parse_header

_PROTOCOL = 3
_ANSWER_TIMEOUT = 10.0
_RESTART_JUMP = 256
_EVENTS = 1000
_KINDS: dict[int, RoomKind] = {FrameType.AUDIO: "audio", FrameType.POSE: "pose"}

Wanted = str | dict[str, str | int]
"""A kind from everybody, or ``{"kind": …, "slot": …}`` or ``{"kind": …, "device": …}``."""


class HostUnreachableError(PosewireError):
    """The host is not there, or does not let this program in; the message says why."""

    code = "not_available"


@dataclass
class StreamCount:
    """What was received of one stream: packets, bytes, packets missing in the sequence, packets that did not decode.

    ``sets``: the names of the landmark sets in it, once a packet decoded.
    """

    sets: tuple[str, ...] = ()
    packets: int = 0
    bytes: int = 0
    missing: int = 0
    undecodable: int = 0
    last_sequence: int | None = None


@dataclass(frozen=True)
class ReceivedFrame:
    """A frame of another member, undecoded."""

    slot: int
    kind: RoomKind
    payload: bytes


@dataclass(frozen=True)
class ReceivedPose:
    """A pose of another member. ``packet_bytes`` is its size on the wire without framing."""

    slot: int
    device: str
    pose: PoseFrame
    packet_bytes: int


@dataclass
class _Stream:
    decoder: PoseDecoder
    count: StreamCount = field(default_factory=StreamCount)
    key_wanted: bool = False


class RoomClient:
    """Joins a room of a host. Use as an async context manager; iterate ``poses()``.

    ``publish`` and ``subscribe`` list kinds, ``"pose"`` and ``"audio"``; a subscription may also name one member, as
    ``{"kind": "pose", "slot": 3}`` or by ``"device"``. ``create``: True wants the room to be new, False wants it there.
    ``name``: its device id, one that nobody else has unless given (a host closes a device's older connection).
    ``audio``: how the audio that it publishes is encoded, 16 kHz PCM of 60 ms unless given.
    ``compiled``: decode poses with numba (extra ``fast``), ten times faster. The codec is loaded before the client
    enters: a second, the first time on a machine ten.
    A packet that does not decode is a gap: the client asks the publisher for a key packet and goes on from there.

    Entering raises ``HostUnreachableError`` (no host there, or it does not let this program in), ``WireError`` (it
    refuses the room) and ``ConfigError`` (``compiled`` without numba).
    """

    def __init__(
        self,
        url: str,
        room: str,
        *,
        token: str = "",
        name: str = "",
        publish: Sequence[str] = (),
        subscribe: Sequence[Wanted] = ("pose",),
        create: bool | None = None,
        audio: AudioParams | None = None,
        compiled: bool = False,
    ) -> None:
        self._url = url
        self._room = room
        self._token = token
        self._name = name or unique_name("desktop")
        self._audio = audio
        self._compiled = compiled
        self._publish = list(publish)
        self._subscribe = list(subscribe)
        self._create = create
        self._socket: ClientConnection | None = None
        self._streams: dict[tuple[int, int], _Stream] = {}
        self.slot = 0
        self.members: dict[int, dict[str, Any]] = {}
        self.events: deque[dict[str, Any]] = deque(maxlen=_EVENTS)
        """The last room events and errors, in order of arrival."""

    async def __aenter__(self) -> "RoomClient":
        if self._compiled:
            await _load_compiled_codec()
        headers = {"Device-Id": self._name, "Client-Id": str(uuid.uuid4()), "Protocol-Version": str(_PROTOCOL)}
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        self._socket = await self._open(headers)
        try:
            await self._enter()
        except (TimeoutError, ConnectionClosed) as error:
            await self._socket.close()
            raise HostUnreachableError(f"{self._url} does not answer as a host does: {error or 'silence'}") from None
        except BaseException:
            await self._socket.close()
            raise
        return self

    async def _open(self, headers: dict[str, str]) -> ClientConnection:
        try:
            return await connect(self._url, additional_headers=headers, compression=None, open_timeout=_ANSWER_TIMEOUT)
        except InvalidURI:
            raise HostUnreachableError(f"the host's URL begins with ws:// or wss://, not as {self._url!r}") from None
        except InvalidStatus as error:
            raise HostUnreachableError(f"{self._url} refuses: {_reason(error)}") from None
        except (OSError, TimeoutError, InvalidHandshake) as error:
            raise HostUnreachableError(f"no host answers at {self._url}: {error or 'silence'}") from None

    async def _enter(self) -> None:
        async with asyncio.timeout(_ANSWER_TIMEOUT):
            hello = {"type": "hello", "version": _PROTOCOL, "transport": "websocket", "features": {"pose": True}}
            await self._send(hello if self._audio is None else {**hello, "audio_params": self._audio.as_dict()})
            await self._until("hello")
            await self._send(
                {
                    "type": "room",
                    "action": "create" if self._create else "join",
                    "room": self._room,
                    "subscribe": self._subscribe,
                    "publish": self._publish,
                    "create": self._create is not False,
                }
            )
            await self._until("room")

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._socket is not None:
            await self._socket.close()

    def counts(self) -> dict[tuple[int, int], StreamCount]:
        """Return the counts by (slot, stream number)."""
        return {key: stream.count for key, stream in self._streams.items()}

    async def publish(self, packet: bytes) -> None:
        """Send one pose packet of this client's own stream."""
        await self._sock.send(build_frame(FrameType.POSE, packet, _PROTOCOL))

    async def poses(self) -> AsyncIterator[ReceivedPose]:
        """Yield decoded poses until the connection closes."""
        try:
            async for message in self._sock:
                if isinstance(message, str):
                    self._note(json.loads(message))
                    continue
                received = await self._take(message)
                if received is not None:
                    yield received
        except ConnectionClosed:
            return

    async def publish_audio(self, payload: bytes) -> None:
        """Send one audio frame to the room, encoded as ``audio`` says."""
        await self._sock.send(build_frame(FrameType.AUDIO, payload, _PROTOCOL))

    async def subscribe(self, wanted: Sequence[Wanted]) -> None:
        """Change what this client gets."""
        await self._act("subscribe", subscribe=list(wanted))

    async def lock(self, locked: bool = True) -> None:
        """Close the room to newcomers, or open it again; only its host may."""
        await self._act("lock" if locked else "unlock")

    async def kick(self, slot: int, reason: str = "") -> None:
        """Remove a member; only the host may."""
        await self._act("kick", slot=slot, reason=reason)

    async def pass_on(self, slot: int) -> None:
        """Make another member the host; only the host may."""
        await self._act("role", slot=slot, role="owner")

    async def ask_replay(self, slot: int, frames: int = 100) -> None:
        """Ask for a member's last frames; they come as ``replay`` events (``docs/rooms.md``)."""
        await self._act("replay", slot=slot, frames=frames)

    async def arrivals(self) -> AsyncIterator[ReceivedFrame | dict[str, Any]]:
        """Yield room frames, undecoded, and room events and errors, as dicts, until the connection closes."""
        for event in list(self.events):
            yield event
        try:
            async for message in self._sock:
                if isinstance(message, str):
                    event = json.loads(message)
                    if self._note(event):
                        yield event
                    continue
                frame = parse_frame(message, _PROTOCOL)
                if frame.slot and frame.type in _KINDS:
                    yield ReceivedFrame(frame.slot, _KINDS[frame.type], frame.payload)
        except ConnectionClosed:
            return

    # --- inside

    async def _act(self, action: str, **fields: Any) -> None:
        await self._send({"type": "room", "action": action, **fields})

    @property
    def _sock(self) -> ClientConnection:
        assert self._socket is not None, "use the client as an async context manager"
        return self._socket

    async def _send(self, message: dict[str, Any]) -> None:
        await self._sock.send(dump_text(message))

    async def _until(self, kind: str) -> None:
        while True:
            message = await self._sock.recv()
            if isinstance(message, bytes):
                # The catch-up of running streams follows the welcome; nothing binary comes before it.
                continue
            parsed = json.loads(message)
            self._note(parsed)
            if parsed.get("type") == kind:
                return
            if parsed.get("type") == "error":
                raise WireError(parsed.get("message", "refused"), parsed.get("code"))

    def _note(self, message: dict[str, Any]) -> bool:
        if message.get("type") not in ("room", "error"):
            return False
        self.events.append(message)
        if message.get("event") == "welcome":
            self.slot = message["slot"]
        follow_members(self.members, message)
        return True

    async def _take(self, message: bytes) -> ReceivedPose | None:
        frame = parse_frame(message, _PROTOCOL)
        if frame.type != FrameType.POSE:
            return None
        header = parse_header(frame.payload)
        if header is None:
            return None
        stream = self._streams.get((frame.slot, header.stream))
        if stream is None:
            stream = self._streams[frame.slot, header.stream] = _Stream(
                PoseDecoder(stream=header.stream, compiled=self._compiled)
            )
        count = stream.count
        if count.last_sequence is not None:
            gap = (header.sequence - count.last_sequence - 1) & 0xFFFF
            # A publisher that starts again jumps (docs/pose-packet.md section 8): nothing was lost there.
            if header.kind is not Kind.KEY or gap < _RESTART_JUMP:
                count.missing += gap
        count.last_sequence = header.sequence
        count.packets += 1
        count.bytes += len(frame.payload)
        try:
            pose = stream.decoder.decode(frame.payload)
        except PoseError:
            count.undecodable += 1
            if stream.decoder.needs_key and not stream.key_wanted:
                stream.key_wanted = True
                packet = stream.decoder.key_request()
                await self._sock.send(build_frame(FrameType.POSE, packet, _PROTOCOL, frame.slot))
            return None
        if pose is None:
            return None
        stream.key_wanted = False
        count.sets = tuple(pose.values)
        device = str(self.members.get(frame.slot, {}).get("device", ""))
        return ReceivedPose(frame.slot, device, pose, len(frame.payload))


async def _load_compiled_codec() -> None:
    from posewire.wire.pose.warm import warm

    try:
        await asyncio.to_thread(warm)
    except ImportError:
        raise ConfigError("compiled poses need numba: pip install 'posewire[fast]'") from None


def follow_members(members: dict[int, dict[str, Any]], event: dict[str, Any]) -> None:
    """Bring the members of a room, by slot, up to date with an event of the room."""
    match event.get("event"):
        case "welcome":
            members.clear()
            members.update({member["slot"]: member for member in event["members"]})
        case "joined":
            members[event["member"]["slot"]] = event["member"]
        case "left":
            members.pop(event["slot"], None)
        case "role":
            for slot, member in members.items():
                member["role"] = "owner" if slot == event["slot"] else "member"
        case "away":
            members.get(event["slot"], {})["away"] = True
        case "back":
            member = members.get(event["slot"], {})
            member["away"] = False
            if "audio" in event:
                member["audio"] = event["audio"]
        case "kicked" | "closed":
            members.clear()


def unique_name(kind: str) -> str:
    """Return a device id for a program of that kind: no two have the same."""
    return f"{kind}-{secrets.token_hex(4)}"


def _reason(refusal: InvalidStatus) -> str:
    """What the host says about it, else the HTTP status."""
    try:
        return str(json.loads(refusal.response.body or b"")["message"])
    except (ValueError, LookupError, TypeError):
        return f"HTTP {refusal.response.status_code}"
