"""One connection and everything that belongs to it."""

import asyncio
import uuid
from collections.abc import Coroutine, Mapping
from dataclasses import replace
from typing import Any

from posewire.address_group import limited_group
from posewire.errors import WireError
from posewire.log import EventLog, LineLimit
from posewire.server.authenticator import Identity
from posewire.server.connection.context import ConnectionContext
from posewire.server.connection.datagrams import Datagrams
from posewire.server.connection.deadlines import Deadlines
from posewire.server.connection.hello import hello_answer, log_hello, replace_older
from posewire.server.connection.limits import PeerLimits
from posewire.server.connection.resumable_state import ResumableState
from posewire.server.connection.room_link import RoomLink
from posewire.server.connection.socket_side import SocketSide
from posewire.server.connection.tools.device_tools import DeviceToolClient
from posewire.server.connection.upstream import UpstreamSwitch
from posewire.server.connection.voice.device_voice import DeviceVoice
from posewire.server.state.shared_states import device_state
from posewire.server.transport.framing import binary_frame
from posewire.server.transport.peer_socket import PeerSocket
from posewire.task_scope import TaskScope
from posewire.voice.tools.base import ToolContext
from posewire.voice.tools.device import DeviceExecutor
from posewire.voice.tools.handler import UnifiedToolHandler
from posewire.wire.audio import negotiate_uplink
from posewire.wire.close_codes import GOING_AWAY, NORMAL, POLICY_VIOLATION, REPLACED, UNSUPPORTED_DATA
from posewire.wire.deflated import deflate
from posewire.wire.frames import FrameType, build_frame, frame_header
from posewire.wire.messages import AudioParams, Hello, dump_text, error_message


class ConnectionHandler(SocketSide):
    """Owns one connection from authentication to close: identity, hello, and the parts that do the work.

    The state lives and dies here. Others see it as a ``Peer``, its room as a link. Its router hands it what arrives.
    """

    def __init__(self, websocket: PeerSocket, identity: Identity, context: ConnectionContext) -> None:
        super().__init__(websocket)
        self.identity = identity
        self.device_id = identity.device_id
        self.session_id = str(uuid.uuid4())
        self.protocol = identity.protocol or 1
        self.hello: Hello | None = None
        self.audio = AudioParams()
        self.uplink = AudioParams()
        self.pose = False
        self.audio_time = False
        self.deflate = False
        self.datagrams: Datagrams | None = None
        self.messages = 0
        """How many messages have come; the router counts them."""

        self.events: dict[str, float] = {}
        self._context = context
        self._leaving = False
        self.log = EventLog(LineLimit(), device=self.device_id, session=self.session_id[:8])
        settings = context.settings()
        self.limits = PeerLimits(settings.flood, context.counters, context.audit)
        self.room = RoomLink(self, websocket, context.rooms)
        self.voice = DeviceVoice()
        self.upstream = UpstreamSwitch(context.upstream, context.encoding, context.counters)
        self.tools = DeviceToolClient(self.send, self.log)
        tool_context = ToolContext(device=self.device_id, session=self.session_id)
        self.all_tools = UnifiedToolHandler(context.tools.joined(DeviceExecutor(self.tools)), tool_context, self.tools)
        self._tasks = TaskScope()
        self._deadlines = Deadlines(self, settings.hello_timeout)
        context.registry.add_pending(self)
        self.log.info("connected", peer=websocket.peer, client=identity.client_id)

    # --- Peer

    @property
    def room_name(self) -> str:
        """The name of the room that the peer is in; empty when it is in none."""
        return self.room.name

    @property
    def held_bytes(self) -> int:
        """Bytes that the host keeps for this peer: unsent messages, its frames in a room, its dialogue (estimated), its
        list of tools and its shared state (both as JSON).

        Counted on demand; the fixed cost of a connection is not in it.
        """
        state = self._context.rooms.states.held_bytes_of(device_state(self.device_id))
        return self.queued_bytes + self.room.held_bytes + self.voice.held_bytes + self.tools.held_bytes + state

    def send(self, message: Mapping[str, Any]) -> None:
        """Send a text message with this session's id."""
        text = dump_text({**message, "session_id": self.session_id})
        # What agrees on compression is not compressed itself, nor what a network in between may have to read.
        packed = deflate(text) if self.deflate and message.get("type") not in ("hello", "webrtc") else None
        if packed is None:
            self.websocket.send_text(text)
        else:
            self.websocket.send_binary(build_frame(FrameType.DEFLATED, packed, 3))

    def send_audio(self, frame: bytes) -> None:
        """Send one encoded audio frame of the host's voice."""
        self.websocket.send_framed(binary_frame(frame, frame_header(FrameType.AUDIO, len(frame), self.protocol)))

    def refuse(self, error: WireError, of_frame: bool = False) -> None:
        """Tell the peer that a message, or a frame, was refused; the session goes on."""
        self.limits.refuse(self, error, of_frame)

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run a coroutine as a task that ends with the connection; its failure is logged."""
        task = self._tasks.spawn(self._logged(work))
        # A task that is cancelled before its first step would leave the coroutine open.
        task.add_done_callback(lambda _: work.close())
        return task

    def say_goodbye(self, reason: str) -> None:
        """Tell the device that the host goes away, and close."""
        self.send({"type": "goodbye", "reason": reason})
        self.close(GOING_AWAY, reason)

    def leave_for_good(self) -> None:
        """Keep nothing for the device's return when the connection closes."""
        self._leaving = True

    def hand_over(self) -> ResumableState:
        """Give the state of the session to a newer connection of the device; this one keeps none of it."""
        state = self._state()
        self.room.hand_over()
        self.leave_for_good()
        return state

    def check_access(self) -> bool:
        """Apply the settings as they are now: the peer gets its scopes, or is disconnected (then False).

        A peer that may no longer speak is not listened to any more, neither here nor upstream.
        """
        principal = self._context.check_principal(self.identity.principal)
        if principal is None:
            self.leave_for_good()
            self.close(POLICY_VIOLATION, "the host's settings no longer let this peer in")
            return False
        spoke = self.identity.principal.allows("voice")
        self.identity = replace(self.identity, principal=principal)
        if self.hello is not None:
            self.upstream.update(self)
            if spoke and not principal.allows("voice"):
                self.voice.abort()
                self.send(error_message(WireError("the host's settings no longer let this device speak", "forbidden")))
        return True

    # --- hello

    def greet(self, hello: Hello, audio: AudioParams) -> None:
        """Begin the session with the first hello and the audio format that was negotiated.

        An older connection of the device is replaced; its session, or a lost one, is resumed if the hello names it.

        Raises:
            WireError: ``unauthorized``: the device is connected with a token that is valid for it alone.
        """
        context = self._context
        older = context.registry.device(self.device_id)
        if older is not None and older.identity.principal.device_id and not self.identity.may_be(self.device_id):
            raise WireError(f"{self.device_id} is connected with a token of its own", "unauthorized")
        self._deadlines.hello_came()
        if not self.check_access():  # settings may have changed since the opening request
            return
        self.hello, self.audio = hello, audio
        # Upstream takes Opus: a board that has it saves the host the coding.
        self.uplink = negotiate_uplink(hello, audio, "opus" if context.upstream.wanted else "")
        self.protocol = self.identity.protocol or hello.version or 1
        self.pose = hello.pose and self.protocol == 3
        self.audio_time = hello.audio_time and self.protocol == 3
        self.deflate = hello.deflate and self.protocol == 3
        if hello.webrtc and self.pose and context.webrtc:
            self.datagrams = Datagrams(self, self.limits, context.counters)
        self.tools.longest = hello.max_message
        self.voice.set_format(self.uplink)
        resumed = hello.resume is not None and self._resume(hello.resume)
        self.log = self.tools.log = self.log.bind(session=self.session_id[:8])
        older = context.registry.add(self)
        if older is not None:
            if not resumed and not older.identity.anonymous:
                # The device has restarted: its place in a room is its own until it has joined again.
                context.resumption.take_over(older, context.settings().resume_window)
            replace_older(older, self)
        voices = context.voices
        if voices is not None:
            self.voice.enable(lambda memory: voices.make(self, memory))
            voices.prepare()
        if context.satellites is not None:
            context.satellites.greeted(self)
        log_hello(self, hello, resumed)
        self.answer_hello(resumed)
        self.room.welcome()
        if hello.update:
            context.updates.greeted(self.device_id, self.send, hello.firmware)
        self.upstream.update(self)
        if self.upstream.bridge is None and hello.mcp:
            self.tools.preload(context.known_tools.get(self.device_id))
            self.spawn(self._discover_tools())

    def answer_hello(self, resumed: bool = False) -> None:
        """Send the host's hello."""
        self.send(hello_answer(self, resumed))

    # --- for the router

    def congestion_changed(self, congested: bool) -> None:
        """Log the start of a congestion, which rooms see by themselves; tell the room of its end."""
        if not congested:
            self.room.drained()
            return
        self._context.counters["congested"] += 1
        suppressed = self.limits.throttle.admit("congested")
        if suppressed is not None:
            self.log.warning("congested", suppressed=suppressed or None)

    def closed(self, code: int, reason: str) -> None:
        """Release everything. The session can be resumed if the connection broke off."""
        context = self._context
        if self.websocket.cut:
            context.counters["too_slow"] += 1
        self._deadlines.cancel()
        context.registry.closed(self.address)
        context.registry.remove(self)
        self.tools.close()
        self._tasks.cancel()
        if self.datagrams is not None:
            self.datagrams.close()
        self.upstream.close()
        if context.satellites is not None:
            context.satellites.closed(self)
        context.counters["voice_samples_dropped"] += self.voice.samples_dropped
        for turns in self.voice.close():
            self.spawn(turns.close())
        self._part(code)
        self.log.info("closed", code=code, reason=reason)

    # --- inside

    def _part(self, code: int) -> None:
        over = self._leaving or code in (NORMAL, UNSUPPORTED_DATA, REPLACED) or self.hello is None
        if over or self.identity.anonymous:
            self.room.close(leave=True)
            self._context.rooms.states.drop_if_gone(device_state(self.device_id))
            return
        self._context.registry.note_loss(self)
        state = self._state()
        self.room.close(leave=False)
        self._context.resumption.keep(self.session_id, state, self._context.settings().resume_window)

    def _state(self) -> ResumableState:
        address = limited_group(self.address)
        return ResumableState(self.device_id, self.voice.memory, self.room.room, self.room.member, address)

    def _resume(self, session_id: str) -> bool:
        state = self._context.resumption.restore(session_id, self.device_id)
        if state is None:
            return False
        self.session_id = session_id
        self.voice.memory = state.voice
        self.room.resume(state)
        return True

    async def _discover_tools(self) -> None:
        if await self.tools.try_discover() and not self.identity.anonymous:
            self._context.known_tools.put(self.device_id, self.tools.listed)

    async def _logged(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except Exception:
            self._context.counters["internal_errors"] += 1
            self.log.exception("task_failed")
