"""One Socket.IO client: its events as messages of the wire, and the other way round."""

import base64
import binascii
import json
import time
from collections.abc import Callable, Mapping
from typing import Any

from posewire.client.room.member import RoomMember, follow_members
from posewire.client.room.pose_streams import PoseStreams
from posewire.errors import PoseError, WireError
from posewire.server.gateway.pose_values import PoseEncoders
from posewire.server.gateway.shared_poses import EventText, SharedPoses
from posewire.server.gateway.stand_in import SocketStandIn
from posewire.server.transport.peer_socket import Receiver
from posewire.wire.frames import Frame, FrameType, build_frame
from posewire.wire.messages import AudioParams, Message
from posewire.wire.pose import parse_header

_PROTOCOL = 3
_ANSWERS = frozenset({"sent", "refused", "rooms", "info", "subscribed"})
"""Room events that are answers to a request: they go into its acknowledgement only."""

_ACTIONS = ("leave", "lock", "unlock")


class GatewaySession:
    """Translates for one client. The host's side is ``receiver``, which has admitted the stand-in.

    ``poses``: what all clients share. ``failed`` is called with what goes wrong in here: it must be nobody else's
    problem.
    """

    def __init__(
        self,
        socket: SocketStandIn,
        receiver: Receiver,
        poses: SharedPoses,
        failed: Callable[[Exception], None] = lambda error: None,
    ) -> None:
        self._failed = failed
        self._socket = socket
        self._receiver = receiver
        self._members: dict[int, RoomMember] = {}
        self._poses = poses
        self._streams = PoseStreams(self._ask, cache=poses.frames)
        self._encoders = PoseEncoders()
        self._decodes = True
        self._answers: list[Message] | None = None
        self._number = 0
        socket.on_text, socket.on_frame = self._host_says, self._host_sends
        socket.on_congested = receiver.on_congested

    def greet(self, resume: Any) -> None:
        """Say hello for the client."""
        hello: Message = {
            "type": "hello", "version": _PROTOCOL, "transport": "websocket", "features": {"pose": True},
            "audio_params": AudioParams().as_dict(),
        }  # fmt: skip
        if isinstance(resume, str) and resume:
            hello["resume"] = resume
        self._receiver.on_text(json.dumps(hello))

    # --- the client's events; each returns its acknowledgement

    def handle(self, event: str, arguments: tuple[Any, ...]) -> dict[str, Any]:
        """Handle an event of the client."""
        self._socket.ping()
        try:
            return {"ok": True, **self._handle(event, arguments)}
        except WireError as error:
            return {"ok": False, "error": {"code": error.code, "message": str(error)}}
        except Exception as error:
            self._failed(error)
            return {"ok": False, "error": {"code": "internal", "message": "the host failed on this event"}}

    def _handle(self, event: str, arguments: tuple[Any, ...]) -> dict[str, Any]:
        first = arguments[0] if arguments else None
        options = arguments[1] if len(arguments) > 1 and isinstance(arguments[1], dict) else {}
        match event:
            case "join":
                return self._join(first, options)
            case "pose":
                return self._pose(first, options)
            case "audio":
                return self._frame(FrameType.AUDIO, _bytes(first))
            case "message":
                return self._message(first, options.get("to"))
            case "rooms":
                return self._answer({"action": "list"}, "rooms", "rooms")
            case "info":
                return _event(self._room({"action": "info"}, "info")["info"])
            case "subscribe":
                return self._answer({"action": "subscribe", "subscribe": first}, "subscribed")
            case "kick" | "role":
                member = _named(first, "member_id")
                return self._room({"action": event, **({"role": "owner"} if event == "role" else {}), **member})
            case "state":
                self._request({"type": "state", **_named(first, "action")})
                return {}
            case "wire":
                self._request(_named(first, "type"))
                return {}
        if event in _ACTIONS:
            return self._room({"action": event})
        raise WireError(f"there is no event {event[:40]!r}: docs/socketio.md lists them", "unknown_type")

    def _join(self, room: Any, options: Mapping[str, Any]) -> dict[str, Any]:
        if isinstance(room, dict):
            room, options = room.get("room"), room
        self._decodes = options.get("decode") is not False
        wanted = {key: options[key] for key in ("publish", "subscribe", "echo") if key in options}
        request = {
            "action": "create" if options.get("create") is True else "join",
            "room": room, "publish": [], "subscribe": ["pose"], "create": options.get("create") is not False,
            "messages": True, **wanted,
        }  # fmt: skip
        (welcome,) = self._room(request, "welcome").values()
        return {key: welcome[key] for key in ("room", "member_id", "role", "locked", "members")}

    def _pose(self, pose: Any, options: Mapping[str, Any]) -> dict[str, Any]:
        if isinstance(pose, bytes | bytearray):
            return self._frame(FrameType.POSE, bytes(pose))
        if not isinstance(pose, dict):
            raise PoseError(
                'a pose must be an object from landmark sets to values, like {"body33": [[x, y, z, visibility], …]}'
            )
        stream, at = options.get("stream", 0), options.get("time_ms")
        if not _is_number(stream) or not (at is None or _is_number(at)):
            raise PoseError("stream and time_ms must be numbers")
        return self._frame(FrameType.POSE, self._encoders.encode(pose, int(stream), at))

    def _message(self, data: Any, to: Any) -> dict[str, Any]:
        if isinstance(to, str):
            found = next((number for number, member in self._members.items() if member.device == to), None)
            if found is None:
                raise WireError(f"nobody in the room has the device id {to[:64]!r}", "not_found")
            to = found
        self._number = max(self._number + 1, round(1000 * time.time()))
        said = isinstance(data, bytes | bytearray)
        content = {"bytes": base64.b64encode(data).decode()} if said else {"data": data}
        message = {"action": "send", "number": self._number, **content, **({} if to is None else {"to": to})}
        for answer in self._request({"type": "room", **message}):
            if answer.get("event") == "refused":
                raise WireError(answer["message"], answer["code"])
            if answer.get("event") == "sent":
                return {"delivered": answer["delivered"]}
        raise WireError("the host did not confirm the message", "not_delivered")

    def _room(self, action: Message, event: str = "") -> dict[str, Any]:
        """Do something in rooms; ``event``: the answer that is wanted."""
        answers = self._request({"type": "room", **action})
        if not event:
            return {}
        found = next((answer for answer in answers if answer.get("event") == event), None)
        if found is None:
            raise WireError("the host did not answer: perhaps there were too many messages", "too_many")
        return {event: found}

    def _answer(self, action: Message, event: str, field: str = "") -> dict[str, Any]:
        (answer,) = self._room(action, event).values()
        return {field: answer[field]} if field else {}

    def _request(self, message: Message) -> list[Message]:
        """Give the host a message; returns what it said at once.

        Raises:
            WireError: it refuses.
        """
        return self._collect(lambda: self._receiver.on_text(json.dumps(message)))

    def _frame(self, kind: FrameType, payload: bytes) -> dict[str, Any]:
        self._collect(lambda: self._receiver.on_binary(build_frame(kind, payload, _PROTOCOL)))
        return {}

    def _collect(self, say: Any) -> list[Message]:
        answers = self._answers = []
        try:
            say()
        finally:
            self._answers = None
        for answer in answers:
            if answer.get("type") == "error":
                raise WireError(str(answer.get("message")), str(answer.get("code")))
        return answers

    # --- what the host says

    def _host_says(self, text: str) -> None:
        message = json.loads(text)
        kind, event = message.get("type"), str(message.get("event"))
        if self._answers is not None:
            self._answers.append(message)
            if kind == "error" or (kind == "room" and event in _ANSWERS):
                return
        if kind == "hello":
            # The client needs the session's id for its return.
            message = {"session_id": message["session_id"], "resumed": bool(message.get("resumed"))}
            self._socket.emit("hello", message, len(text))
        elif kind == "room":
            self._follow(message, event)
            self._socket.emit(event, _event(message), len(text))
        elif kind in ("error", "state", "goodbye"):
            self._socket.emit(kind, message, len(text))
        else:
            self._socket.emit("wire", message, len(text))

    def _follow(self, message: Message, event: str) -> None:
        before = dict(self._members)
        follow_members(self._members, message)
        for number, member in before.items():
            if number not in self._members or self._members[number].device != member.device:
                self._streams.forget(number)

    def _host_sends(self, frame: Frame) -> None:
        # A room calls this for one member after the other.
        try:
            self._pass_on(frame)
        except PoseError:
            return
        except Exception as error:
            self._failed(error)

    def _pass_on(self, frame: Frame) -> None:
        member = self._members.get(frame.member_id)
        device = member.device if member is not None else ""
        if frame.type == FrameType.POSE and not frame.member_id:
            header = parse_header(frame.payload)
            if header is not None:
                self._encoders.control(frame.payload, header.stream)
        elif frame.type == FrameType.POSE and not self._decodes:
            data = {"member_id": frame.member_id, "device": device, "data": frame.payload}
            self._socket.emit("packet", data, len(frame.payload))
        elif frame.type == FrameType.POSE:
            self._send_pose(frame, device)
        elif frame.type == FrameType.AUDIO:
            data = {"member_id": frame.member_id, "device": device, "data": frame.payload}
            self._socket.emit("audio", data, len(frame.payload))

    def _send_pose(self, frame: Frame, device: str) -> None:
        received = self._streams.decode(frame.member_id, device, frame.payload)
        if received is None:
            return
        pose = received.pose
        about = {
            "member_id": frame.member_id, "device": device, "stream": pose.stream, "time_ms": pose.time_ms,
            "delay_ms": round(received.delay_ms, 1),
        }  # fmt: skip
        text = f'{json.dumps(about)[:-1]}, "values": {self._poses.values(pose)}}}'
        self._socket.emit("pose", EventText(text), len(text))

    def _ask(self, member_id: int, packet: bytes) -> None:
        self._receiver.on_binary(build_frame(FrameType.POSE, packet, _PROTOCOL, member_id))


def _event(message: Message) -> Message:
    """A room's event as the client gets it: bytes as bytes."""
    shown = {key: value for key, value in message.items() if key not in ("type", "event", "session_id")}
    if "bytes" in shown:
        try:
            shown["data"] = base64.b64decode(shown.pop("bytes"), validate=True)
        except (binascii.Error, TypeError):
            shown["data"] = None
    return shown


def _bytes(value: Any) -> bytes:
    if not isinstance(value, bytes | bytearray):
        raise WireError("audio must be binary: a frame in the format of the connection")
    return bytes(value)


def _named(value: Any, key: str) -> dict[str, Any]:
    """An object that has a key; a value alone stands for an object with only that."""
    if isinstance(value, dict):
        if key not in value:
            raise WireError(f"{key} is missing")
        return value
    return {key: value}


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1 << 62
