"""One connection and everything that belongs to it."""

import asyncio
import time
import uuid
from collections.abc import Coroutine, Mapping
from dataclasses import replace
from time import monotonic
from typing import Any

from posewire.errors import PosewireError, ToolError, WireError
from posewire.log import EventLog, LogThrottle
from posewire.server.authenticator import Identity
from posewire.server.bridge.bridge import UpstreamBridge
from posewire.server.connection import router
from posewire.server.connection.device_tools import DeviceTools
from posewire.server.connection.downlink import AudioDownlink
from posewire.server.connection.resume import Kept, forget_states, hold
from posewire.server.connection.room_link import RoomSeat, come_back
from posewire.server.connection.token_bucket import Bucket
from posewire.server.connection.uplink import AudioUplink
from posewire.server.connection.voice_output import ConnectionVoiceOut
from posewire.server.services import Services
from posewire.server.transport.websocket import WebSocket
from posewire.voice.llm.history import BYTES_PER_TOKEN
from posewire.voice.output import TurnReport
from posewire.voice.session import VoiceMemory, VoiceSession, VoiceState
from posewire.voice.tools.base import ToolContext
from posewire.voice.tools.device import DeviceExecutor
from posewire.voice.tools.handler import UnifiedToolHandler
from posewire.wire.frames import FrameType, build_frame
from posewire.wire.messages import AudioParams, Hello, Message, dump_text, error_message

REPLACED = 4000
"""Close code for a connection whose device has connected again."""

_POLICY = 1008
"""Close code for a peer that goes on doing what it was told not to (RFC 6455 section 7.4.1)."""

_SAMPLED = 15
"""Mask of a connection's message count: the time of every 16th message is measured."""

_ERROR_RATE, _ERROR_BURST = 10.0, 50
"""Error messages that one peer gets a second for long, and at once. What is refused beyond that is only counted."""


class ConnectionHandler:
    """Owns one connection from authentication to close: identity, hello, voice session, tools, room, tasks.

    The state lives and dies here. Other connections see it only through the registry (to replace it) and through its
    room (as a link).
    """

    def __init__(self, websocket: WebSocket, identity: Identity, services: Services) -> None:
        self.services = services
        self.identity = identity
        self.websocket = websocket
        self.device_id = identity.device_id
        self.session_id = str(uuid.uuid4())
        self.protocol = identity.protocol or 1
        self.hello: Hello | None = None
        self.audio = AudioParams()
        self.pose = False
        self.speaks = False
        """Whether this host is the device's voice assistant."""
        self._voice: VoiceSession | None = None
        self.bridge: UpstreamBridge | None = None
        """The way to the upstream server, where there is one: it is the assistant then, not this host."""
        self._bridging: asyncio.Task[None] | None = None
        self.log = EventLog(device=self.device_id, session=self.session_id[:8])
        self.tools = DeviceTools(self.send, self.log)
        """What the device itself can do."""
        self.all_tools = self._session_tools()
        """That, and what the host offers."""
        self.events: dict[str, float] = {}
        """When the device reported which event last."""
        self._uplink = AudioUplink(self.audio)
        self.seat: RoomSeat | None = None
        """Its place in a room, while it has one."""
        self._tasks: set[asyncio.Task[None]] = set()
        self._throttle = LogThrottle(most=32)
        self._memory: VoiceMemory | None = None
        self._leaving = False
        self.messages = 0
        """How many messages have come."""
        flood = services.settings.flood
        self.text_bucket = Bucket(flood.text_rate, flood.text_burst)
        self.audio_bucket = Bucket(flood.audio_rate, flood.audio_burst)
        self.pose_bucket = Bucket(flood.pose_rate, flood.pose_burst)
        self._error_bucket = Bucket(_ERROR_RATE, _ERROR_BURST)
        self._hello_timer = asyncio.get_running_loop().call_later(
            services.settings.server.hello_timeout, self._hello_missing
        )
        services.registry.expect(self)
        self._expiry: asyncio.TimerHandle | None = None
        if identity.principal.expires is not None:
            left = max(0.0, identity.principal.expires - time.time())
            self._expiry = asyncio.get_running_loop().call_later(left, self._expired)
        self.log.info("connected", peer=websocket.peer, client=identity.client_id)

    # --- what arrives (websocket.Receiver)

    def on_text(self, text: str) -> None:
        """Take a text message."""
        self._guard(router.route_text, text)

    def on_binary(self, data: bytes) -> None:
        """Take a binary message."""
        self._guard(router.route_binary, data)

    def on_control(self) -> None:
        """Count a ping or pong as a text message: their floods are no cheaper."""
        if not self.text_bucket.take():
            self.flooded("control", self.text_bucket)

    def on_congested(self, congested: bool) -> None:
        """Log the start of a congestion, which rooms look at themselves; tell the room of its end."""
        if congested:
            self.services.counters["congested"] += 1
            suppressed = self._throttle.admit("congested")
            if suppressed is not None:
                self.log.warning("congested", suppressed=suppressed or None)
        elif self.seat is not None:
            self.seat.room.fan_out.drained(self.seat.member)

    def on_closed(self, code: int, reason: str) -> None:
        """Undo everything. A connection that broke off leaves its room membership for its return."""
        if self.websocket.cut:
            self.services.counters["too_slow"] += 1
        self._hello_timer.cancel()
        if self._expiry is not None:
            self._expiry.cancel()
        self.services.registry.closed(self.address)
        self.services.registry.remove(self)
        self.tools.close()
        for task in self._tasks:
            task.cancel()
        self.speaks = False
        if self._voice is not None:
            self.services.counters["voice_samples_dropped"] += self._voice.dropped
            self.spawn(self._voice.close())
            self._voice = None
        self.bridge = self._bridging = None
        self._part(code)
        self.seat = None
        self.log.info("closed", code=code, reason=reason)

    # --- what is sent

    def send(self, message: Mapping[str, Any]) -> None:
        """Send a text message with this session's id."""
        self.websocket.send_text(dump_text({**message, "session_id": self.session_id}))

    def send_audio(self, frame: bytes) -> None:
        """Send one encoded audio frame of the host's own voice."""
        self.websocket.send_binary(build_frame(FrameType.AUDIO, frame, self.protocol))

    def refuse(self, error: WireError) -> None:
        """Tell the peer what was refused; the session goes on."""
        self.services.counters[f"refused_{error.code}"] += 1
        suppressed = self._throttle.admit(error.code)
        if suppressed is not None:
            self.log.warning("refused", code=error.code, why=str(error), suppressed=suppressed or None)
        if error.code in ("forbidden", "unauthorized"):
            self.services.audit.refused(
                error.code, self.identity.principal.name, device=self.device_id, peer=self.peer, why=str(error)
            )
        if self._error_bucket.take():
            self.send(error_message(error))
        elif self._error_bucket.hopeless:
            self.close(_POLICY, "nothing that was sent makes sense here")

    def flooded(self, kind: str, bucket: Bucket) -> None:
        """Count a message that was one too many; tell the peer once a flood, and give up on one that goes on."""
        self.services.counters[f"flood_{kind}"] += 1
        if bucket.dropped == 1:
            self.refuse(WireError(f"too many {kind} messages a second: the rest is dropped", "too_many"))
        elif bucket.hopeless:
            self.close(_POLICY, f"a flood of {kind} messages")

    def check_access(self) -> bool:
        """Tell whether ``[auth]`` as it is now still lets this peer in; it gets its scopes, or is shut out.

        Who may no longer speak is not listened to any more, here or upstream.
        """
        principal = self.services.authenticator.again(self.identity.principal)
        if principal is None:
            self.leave_for_good()
            self.close(_POLICY, "the host's settings no longer let this peer in")
            return False
        spoke = self.identity.principal.allows("voice")
        self.identity = replace(self.identity, principal=principal)
        if self.hello is not None:
            self._set_bridge()
            if spoke and not principal.allows("voice"):
                if self._voice is not None:
                    self._voice.abort()
                self.send(error_message(WireError("the host's settings no longer let this device speak", "forbidden")))
        return True

    # --- hub.Connection

    @property
    def congested(self) -> bool:
        """Whether the send buffer is over its limit."""
        return self.websocket.congested

    @property
    def queued_bytes(self) -> int:
        """Bytes that wait to be sent to this peer."""
        return self.websocket.queued_bytes

    @property
    def held_bytes(self) -> int:
        """Bytes that this connection can be charged with: unsent ones, its frames in a room, its dialogue (estimated).

        Counted when somebody asks; what a connection costs by being there at all is not in it.
        """
        held = self.queued_bytes + (self.seat.member.held_bytes if self.seat is not None else 0)
        history = self._memory.history if self._memory is not None else None
        return held + (BYTES_PER_TOKEN * history.tokens if history is not None else 0)

    @property
    def peer(self) -> str:
        """The peer's address and port."""
        return self.websocket.peer

    @property
    def address(self) -> str:
        """The peer's address, without its port."""
        return self.websocket.address

    @property
    def last_received(self) -> float:
        """When something last came, on ``time.monotonic``'s clock."""
        return self.websocket.last_received

    def send_text(self, text: str) -> None:
        """Send a text message as it is."""
        self.websocket.send_text(text)

    def send_binary(self, data: bytes) -> None:
        """Send a binary message as it is."""
        self.websocket.send_binary(data)

    def ping(self) -> None:
        """Make the peer send a sign of life."""
        self.websocket.ping()

    def close(self, code: int, reason: str) -> None:
        """Close the connection with a code and a reason."""
        self.websocket.close(code, reason)

    def say_goodbye(self, reason: str) -> None:
        """Tell the device that the host goes away, and close."""
        self.send({"type": "goodbye", "reason": reason})
        self.close(1001, reason)

    # --- hello

    def greet(self, hello: Hello, audio: AudioParams) -> None:
        """Take the device's first hello: replace or resume an older session, then bring up audio, voice and tools.

        Raises:
            WireError: ``unauthorized``: the device is connected, by a token that is good for it alone.
        """
        older = self.services.registry.device(self.device_id)
        if older is not None and older.identity.principal.device_id and not self.identity.may_be(self.device_id):
            raise WireError(f"{self.device_id} is connected with a token of its own", "unauthorized")
        self._hello_timer.cancel()
        if not self.check_access():  # settings may have changed since the opening request
            return
        self.hello = hello
        self.protocol = self.identity.protocol or hello.version or 1
        self.audio = audio
        self._uplink = AudioUplink(audio)
        self.pose = hello.pose and self.protocol == 3
        resumed = self._resume(hello.resume)
        self.log = self.tools.log = self.log.bind(session=self.session_id[:8])
        older = self.services.registry.add(self)
        if older is not None:
            older.close(REPLACED, "replaced by a newer connection of this device")
        if not self.services.settings.upstream.wanted and self.services.assistant is not None:
            self.speaks = True
            self.services.assistant.prepare()
        self.log.info(
            "hello",
            board=hello.board,
            firmware=hello.firmware,
            protocol=self.protocol,
            format=audio.format,
            rate=audio.sample_rate,
            pose=self.pose,
            resumed=resumed,
        )
        self.answer_hello(resumed)
        if self.seat is not None:
            self.seat.enter_group()
            self.seat.room.welcome(self.seat.member)
        if hello.update:
            self.services.updates.greeted(self.device_id, self.send, hello.firmware)
        self._set_bridge()
        if self.bridge is None and hello.mcp:
            self.spawn(self._discover_tools())

    def answer_hello(self, resumed: bool = False) -> None:
        """Send the host's hello."""
        features = {"pose": self.pose}
        # Only boards of this project hear of these.
        if self.hello is not None and self.hello.update:
            features["update"] = True
        if self.hello is not None and self.hello.telemetry:
            features["telemetry"] = True
        answer: Message = {
            "type": "hello",
            "version": self.protocol,
            "transport": "websocket",
            "features": features,
            "audio_params": self.audio.as_dict(),
        }
        if resumed:
            answer["resumed"] = True
        self.send(answer)

    # --- voice

    @property
    def voice(self) -> VoiceSession | None:
        """The device's voice session, made when it is first asked for; None where it has none (``speaks``).

        Most devices are quiet most of the time, and a session takes as much memory as all the rest of a connection.
        """
        assistant = self.services.assistant
        if self._voice is None and self.speaks and assistant is not None:
            downlink = AudioDownlink(self.audio, self.send_audio)
            self._voice = assistant.session(
                ConnectionVoiceOut(self.send, downlink, self.log, self._end_conversation, self._note_turn),
                self.all_tools,
                device_name=self.device_id,
                identifier=self.services.voiceprints,
                memory=self._memory,
                memorable=not self.identity.anonymous,
            )
            self._memory = self._voice.memory
        return self._voice

    @property
    def voice_state(self) -> str:
        """What the voice session is doing; empty where the device has none."""
        if self._voice is not None:
            return self._voice.state.value
        return VoiceState.IDLE.value if self.speaks else ""

    @property
    def samples_dropped(self) -> int:
        """Samples that the voice session had no time for."""
        return self._voice.dropped if self._voice is not None else 0

    # --- audio and pose in

    def take_audio(self, payload: bytes) -> None:
        """Relay one uplink frame as it is to the room, and decode it where somebody listens here.

        Raises:
            FrameError: the frame does not decode.
        """
        if not payload:
            return
        if self.seat is not None:
            self.seat.room.fan_out.publish_audio(self.seat.member, payload)
        if self.bridge is not None:
            self.bridge.feed(payload, self._uplink.decode)
        elif self._voice is not None and self._voice.listens:
            self._voice.feed(self._uplink.decode(payload))

    def take_pose(self, packet: bytes, slot: int) -> None:
        """Publish a pose packet into the room, or pass a control packet (``slot`` not 0) to its publisher.

        Raises:
            WireError: pose was not agreed on, or the peer is in no room.
            PoseError: the packet's header does not parse.
        """
        if not self.pose:
            raise WireError('pose frames need frame protocol 3 and "features":{"pose":true} in the hello')
        if self.seat is None:
            raise WireError("join a room before sending pose packets", "not_in_room")
        self.seat.take_pose(packet, slot)

    # --- tasks

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run a coroutine as a task of this connection: cancelled with it, its failure logged here."""
        task = asyncio.create_task(self._run(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def spawn_guarded(self, work: Coroutine[Any, Any, None]) -> None:
        """Run a message handler as a task of this connection: the peer is told of its failure as of any other."""
        self.spawn(self._guarded(work))

    def hand_over(self) -> Kept:
        """Give what would be kept of this session to the device's newer connection; nothing stays here."""
        kept = self._kept()
        self.seat = None
        self.leave_for_good()
        return kept

    def leave_for_good(self) -> None:
        """Note that the device said goodbye: nothing is kept for its return."""
        self._leaving = True

    # --- inside

    def _guard(self, route: Any, data: str | bytes) -> None:
        self.messages += 1
        sampled = not self.messages & _SAMPLED
        started = monotonic() if sampled else 0.0
        try:
            route(self, data)
        except Exception as error:
            self._failed(error)
        if sampled:
            self.services.metrics.messages.observe(monotonic() - started)

    async def _guarded(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except Exception as error:
            self._failed(error)

    def _failed(self, error: Exception) -> None:
        if isinstance(error, WireError):
            self.refuse(error)
            if error.code == "unsupported_audio":
                self.close(1003, str(error))
            return
        if isinstance(error, PosewireError) and error.code != "internal":
            self.refuse(WireError(str(error), error.code))
            return
        # A defect of ours must not take the connection down, let alone the host.
        self.services.counters["internal_errors"] += 1
        self.log.exception("internal_error")
        self.refuse(WireError("the host failed on this message; its log says why", "internal"))

    async def _run(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except Exception:
            self.services.counters["internal_errors"] += 1
            self.log.exception("task_failed")

    def _note_turn(self, report: TurnReport) -> None:
        self.services.metrics.record_turn(report.stages)
        if self.services.tracing is not None:
            self.services.tracing.turn(report, self.device_id, self.session_id)

    def _end_conversation(self) -> None:
        """Let a device rest that would listen again after each reply: such a device ends with its connection.

        A board with this project's firmware rests by itself, and stays for its room.
        """
        if self.hello is not None and not self.hello.board:
            self.close(1000, "the conversation is over")

    def _session_tools(self) -> UnifiedToolHandler:
        context = ToolContext(device=self.device_id, session=self.session_id)
        return UnifiedToolHandler(self.services.tools.manager.joined(DeviceExecutor(self.tools)), context)

    async def _discover_tools(self) -> None:
        try:
            await self.tools.discover()
        except ToolError as error:
            self.log.warning("no_tools", why=str(error))
        else:
            self.log.info("tools", count=len(self.tools.available()))

    def _set_bridge(self) -> None:
        """Go upstream, or leave it: it is the assistant of those only who may speak."""
        wanted = self.services.settings.upstream.wanted and self.identity.principal.allows("voice")
        if wanted and self.bridge is None and self.hello is not None:
            counters = self.services.counters

            def count(name: str) -> None:
                counters[name] += 1

            identity = (self.device_id, self.identity.client_id)
            upstream = self.services.settings.upstream
            self.bridge = UpstreamBridge(upstream, self, self.hello, self.audio, identity, self.log, count)
            self._bridging = self.spawn(self.bridge.run())
        elif not wanted and self.bridge is not None and self._bridging is not None:
            self.bridge.end_reply()
            self._bridging.cancel()
            self.bridge = self._bridging = None

    def _resume(self, session_id: str | None) -> bool:
        if session_id is None:
            return False
        registry = self.services.registry
        held = registry.take_held(session_id, self.device_id)
        if held is not None:
            kept = held.kept
        else:
            older = registry.session(session_id)
            if older is None or older.device_id != self.device_id:
                return False
            kept = older.hand_over()
        self.session_id = session_id
        self._memory = kept.voice
        come_back(self, kept.room, kept.member)
        return True

    def _part(self, code: int) -> None:
        gone_for_good = self._leaving or code in (1000, 1003, REPLACED) or self.hello is None
        if gone_for_good or self.identity.anonymous:
            if self.seat is not None:
                self.seat.leave()
            forget_states(self.services, self.device_id, None)
            return
        if self.seat is not None:
            self.seat.room.away(self.seat.member)
        window = self.services.settings.server.resume_window
        hold(self.services, self.session_id, self.device_id, self._kept(), window)

    def _kept(self) -> Kept:
        seat = self.seat
        return Kept(self._memory, None, None) if seat is None else Kept(self._memory, seat.room, seat.member)

    def _expired(self) -> None:
        self.close(_POLICY, "the token has expired: connect with a new one")

    def _hello_missing(self) -> None:
        seconds = self.services.settings.server.hello_timeout
        self.refuse(WireError(f"no hello within {seconds:.0f} s", "hello_timeout"))
        self.close(1002, "no hello")
