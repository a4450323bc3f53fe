"""Layer 1: the kind of each frame. Layer 2, the ``type`` of a text message, is the table in ``server/messages``."""

from collections import Counter
from collections.abc import Callable, Coroutine, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from time import monotonic
from typing import Any

from posewire.errors import FrameError, PosewireError, WireError
from posewire.server.bridge.bridge import FORWARDED_TYPES
from posewire.server.connection.handler import ConnectionHandler
from posewire.server.connection.message_type import TextType
from posewire.wire.close_codes import UNSUPPORTED_DATA
from posewire.wire.deflated import inflate
from posewire.wire.frames import Frame, FrameType, parse_frame, split_timed
from posewire.wire.messages import Message, parse_text

_LONGEST_INFLATED = 64 * 1024
"""Bytes that a compressed message may unpack to."""

_SAMPLED = 15
"""Mask of a connection's message count: the time of every 16th message is measured."""


@dataclass(frozen=True)
class Routing:
    """The parts of the host that all routers share."""

    text_types: Mapping[str, TextType]
    """Layer 2: the type of a text message by its name."""

    counters: Counter[str]
    observe: Callable[[float], None]
    """Records the seconds that a message took."""

    trace: Callable[[str, str, str], AbstractContextManager[Any]] | None = None
    """Returns the span around a message of a type, device and session; None: no tracing."""


class Router:
    """Receives the messages of one WebSocket, for its connection: a ``websocket.Receiver``."""

    __slots__ = ("_connection", "_counters", "_limits", "_routing")

    def __init__(self, connection: ConnectionHandler, routing: Routing) -> None:
        self._connection = connection
        self._routing = routing
        self._limits = connection.limits
        self._counters = routing.counters

    # --- websocket.Receiver

    def on_text(self, text: str) -> None:
        """Route a text message."""
        self._receive(self._route_text, text)

    def on_binary(self, data: bytes) -> None:
        """Route a binary message."""
        self._receive(self._route_binary, data)

    def on_other_frame(self) -> None:
        """Count a ping, a pong or a piece of a message."""
        if not self._limits.frames.try_acquire():
            self._limits.flooded_by_frames(self._connection)

    def on_congested(self, congested: bool) -> None:
        """Tell the connection."""
        self._connection.congestion_changed(congested)

    def on_closed(self, code: int, reason: str) -> None:
        """Tell the connection."""
        self._connection.closed(code, reason)

    # --- layer 1

    def _receive(self, route: Callable[[Any], None], data: str | bytes) -> None:
        connection = self._connection
        connection.messages += 1
        sampled = not connection.messages & _SAMPLED
        started = monotonic() if sampled else 0.0
        try:
            route(data)
        except Exception as error:
            self._failed(error, of_frame=isinstance(data, bytes))
        if sampled:
            self._routing.observe(monotonic() - started)

    def _route_binary(self, data: bytes) -> None:
        """Parse a binary message by the frame protocol and route it by its type.

        Raises:
            WireError: before hello, not a frame, or of a type that the two sides did not agree on.
        """
        connection, limits = self._connection, self._limits
        if connection.hello is None:
            raise WireError("say hello before sending audio", "hello_required")
        if not data:
            if not limits.audio.try_acquire():
                limits.flooded(connection, "audio", limits.audio)
            return
        frame = self._parse(data)
        if frame.type in (FrameType.AUDIO, FrameType.TIMED_AUDIO):
            if not limits.audio.try_acquire():
                limits.flooded(connection, "audio", limits.audio)
                return
            self._counters["audio_in"] += 1
            if frame.type == FrameType.AUDIO:
                self._route_audio(frame.payload)
            elif connection.audio_time:
                time_ms, payload = split_timed(frame.payload)
                self._route_audio(payload, time_ms)
            else:
                raise FrameError('audio with times needs frame protocol 3 and "features":{"audio_time":true}')
        elif frame.type == FrameType.POSE:
            if not limits.pose.try_acquire():
                limits.flooded(connection, "pose", limits.pose)
                return
            self._counters["pose_in"] += 1
            if not connection.pose:
                raise WireError('pose frames need frame protocol 3 and "features":{"pose":true} in the hello')
            connection.room.publish_pose(frame.payload, frame.member_id)
        elif frame.type == FrameType.JSON or (frame.type == FrameType.DEFLATED and connection.deflate):
            self._route_framed_text(frame)
        else:
            raise FrameError(f"unknown frame type {frame.type}")

    def _route_framed_text(self, frame: Frame) -> None:
        """Route a text message that came in a frame: what is wrong with it is told of a message, not of a frame."""
        try:
            if frame.type == FrameType.JSON:
                self._route_text(frame.payload)
            elif self._may_route_text():
                self._handle_text(inflate(frame.payload, _LONGEST_INFLATED))
        except Exception as error:
            self._failed(error)

    def _parse(self, data: bytes) -> Frame:
        connection = self._connection
        try:
            return parse_frame(data, connection.protocol)
        except FrameError:
            # One client in the field says "version":3 in its hello, "Protocol-Version: 1" in its headers, and sends
            # bare audio. Without the header that cannot be known, so a message that is no frame counts as bare audio.
            if connection.identity.protocol is None and connection.uplink.format == "opus":
                return parse_frame(data, 1)
            raise

    def _route_audio(self, payload: bytes, time_ms: int | None = None) -> None:
        """Publish an audio frame as it is in the room, and give it to the upstream server or the voice session.

        Raises:
            FrameError: the frame does not decode.
        """
        if not payload:
            return
        connection = self._connection
        connection.room.publish_audio(payload, time_ms)
        bridge = connection.upstream.bridge
        if bridge is not None:
            bridge.feed(payload, connection.voice.decode)
        else:
            connection.voice.feed(payload)

    # --- layer 2

    def _route_text(self, text: str | bytes) -> None:
        """Parse a text message and call the handler of its type.

        Raises:
            WireError: not a message, of an unknown type, not granted, or before hello.
        """
        if self._may_route_text():
            self._handle_text(text)

    def _may_route_text(self) -> bool:
        """Count a text message; False: there are too many."""
        limits = self._limits
        if not limits.text.try_acquire():
            limits.flooded(self._connection, "text", limits.text)
            return False
        self._counters["text_in"] += 1
        return True

    def _handle_text(self, text: str | bytes) -> None:
        connection = self._connection
        message = parse_text(text)
        kind = message["type"]
        text_type = self._routing.text_types.get(kind)
        if text_type is None:
            raise WireError(f'unknown message type "{kind[:40]}"', "unknown_type")
        if connection.hello is None and not text_type.first:
            raise WireError(f'say hello before "{kind}"', "hello_required")
        bridge = connection.upstream.bridge
        try:
            if text_type.scope:
                connection.identity.principal.require(text_type.scope)
            if bridge is None or kind not in FORWARDED_TYPES:
                self._handle(text_type, kind, message)
                return
        except Exception as error:
            told = self._failed(error)
            if text_type.refused is not None:
                text_type.refused(connection, message, str(told))
            return
        bridge.forward(message)

    def _handle(self, text_type: TextType, kind: str, message: Message) -> None:
        """Parse a message of a type and handle it. Raises what parser and handler raise."""
        connection = self._connection
        parsed = text_type.parse(message) if text_type.parse is not None else message
        trace = self._routing.trace
        if trace is None:
            work = text_type.handle(connection, parsed)
        else:
            with trace(kind, connection.device_id, connection.session_id):
                work = text_type.handle(connection, parsed)
        if work is not None:
            connection.spawn(self._finish(work)).add_done_callback(lambda _: work.close())

    async def _finish(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except Exception as error:
            self._failed(error)

    def _failed(self, error: Exception, of_frame: bool = False) -> WireError:
        """Tell the peer that its message, or its frame, failed, and return what it was told.

        A defect of the host ends neither the connection nor the host.
        """
        connection = self._connection
        if isinstance(error, WireError):
            told = error
        elif isinstance(error, PosewireError) and error.code != "internal":
            told = WireError(str(error), error.code)
        else:
            self._counters["internal_errors"] += 1
            connection.log.exception("internal_error")
            told = WireError("the host failed on this message; its log says why", "internal")
        connection.refuse(told, of_frame)
        if told.code == "unsupported_audio":
            connection.close(UNSUPPORTED_DATA, str(told))
        return told
