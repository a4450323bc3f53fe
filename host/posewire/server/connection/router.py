"""Layer 1: what kind of frame is it. Layer 2, by ``type`` of a text message, is ``messages``."""

from typing import TYPE_CHECKING

from posewire.errors import FrameError, WireError
from posewire.server.bridge.bridge import PASSED
from posewire.wire.frames import Frame, FrameType, parse_frame
from posewire.wire.messages import parse_text

if TYPE_CHECKING:
    from posewire.server.connection.handler import ConnectionHandler


def route_text(conn: "ConnectionHandler", text: str | bytes) -> None:
    """Parse a text message and pass it to the handler of its type.

    Raises:
        WireError: not a message, of an unknown type, not granted, or before hello.
    """
    if not conn.text_bucket.take():
        conn.flooded("text", conn.text_bucket)
        return
    conn.services.counters["text_in"] += 1
    message = parse_text(text)
    kind = message["type"]
    text_type = conn.services.text_types.get(kind)
    if text_type is None:
        raise WireError(f'unknown message type "{kind[:40]}"', "unknown_type")
    if conn.hello is None and not text_type.first:
        raise WireError(f'say hello before "{kind}"', "hello_required")
    if text_type.scope:
        conn.identity.principal.require(text_type.scope)
    if conn.bridge is not None and kind in PASSED:
        conn.bridge.pass_up(message)
        return
    parsed = text_type.parse(message) if text_type.parse is not None else message
    tracing = conn.services.tracing
    if tracing is None:
        work = text_type.handle(conn, parsed)
    else:
        with tracing.message(kind, conn.device_id, conn.session_id):
            work = text_type.handle(conn, parsed)
    if work is not None:
        conn.spawn_guarded(work)


def route_binary(conn: "ConnectionHandler", data: bytes) -> None:
    """Parse a binary message by the frame protocol and pass it on by its type.

    Raises:
        WireError: before hello, not a frame, or of a type that this session did not agree on.
    """
    if conn.hello is None:
        raise WireError("say hello before sending audio", "hello_required")
    if not data:
        if not conn.audio_bucket.take():
            conn.flooded("audio", conn.audio_bucket)
        return
    frame = _parse(conn, data)
    if frame.type == FrameType.AUDIO:
        if not conn.audio_bucket.take():
            conn.flooded("audio", conn.audio_bucket)
            return
        conn.services.counters["audio_in"] += 1
        conn.take_audio(frame.payload)
    elif frame.type == FrameType.POSE:
        if not conn.pose_bucket.take():
            conn.flooded("pose", conn.pose_bucket)
            return
        conn.services.counters["pose_in"] += 1
        conn.take_pose(frame.payload, frame.slot)
    elif frame.type == FrameType.JSON:
        route_text(conn, frame.payload)
    else:
        raise FrameError(f"unknown frame type {frame.type}")


def _parse(conn: "ConnectionHandler", data: bytes) -> Frame:
    try:
        return parse_frame(data, conn.protocol)
    except FrameError:
        # One client in the field says "version":3 in its hello, "Protocol-Version: 1" in its headers, and sends bare
        # audio; without the header nobody can tell, so a message that is no frame is taken as bare audio.
        if conn.identity.protocol is None and conn.audio.format == "opus":
            return parse_frame(data, 1)
        raise
