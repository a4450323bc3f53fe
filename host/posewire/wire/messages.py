"""Text messages: JSON in, typed and validated values out (``docs/wire.md`` section 2)."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from posewire.errors import WireError
from posewire.wire.json_text import parse_json

ListenMode = Literal["auto", "manual", "realtime"]

Message = dict[str, Any]
_T = TypeVar("_T")


def parse_text(text: str | bytes) -> Message:
    """Parse a text message into a JSON object with a string ``type``.

    Raises:
        WireError: not JSON, not an object (``bad_json``), or without a ``type`` (``bad_message``).
    """
    try:
        message = parse_json(text)
    except ValueError as exc:
        raise WireError(f"the text message is not JSON: {exc}", "bad_json") from None
    if not isinstance(message, dict):
        raise WireError("a text message must be a JSON object", "bad_json")
    if not isinstance(message.get("type"), str):
        raise WireError('a text message needs a "type" of kind string')
    return message


def dump_text(message: Mapping[str, Any]) -> str:
    """Serialise a message in the compact form that small devices like to parse."""
    return json.dumps(message, ensure_ascii=False, separators=(",", ":"))


def get_field(message: Mapping[str, Any], name: str, kind: type[_T], default: _T | None = None) -> _T:
    """Return a field of the wanted type; a missing (or null) field gives ``default`` if there is one.

    Raises:
        WireError: the field is missing without default, or of another type.
    """
    value = message.get(name)
    if value is None:
        if default is not None:
            return default
        raise WireError(f'"{message.get("type", "message")}" needs the field "{name}"')
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise WireError(f'the field "{name}" must be {_NAMES[kind]}; got {json.dumps(value)[:40]}')
    return value


_NAMES: dict[type, str] = {str: "a string", int: "an integer", dict: "an object", list: "a list", bool: "true or false"}


@dataclass(frozen=True)
class AudioParams:
    """One direction's audio: format, rate in Hz, channels, frame duration in ms."""

    format: str = "pcm"
    sample_rate: int = 16000
    channels: int = 1
    frame_duration: int = 60

    @property
    def frame_samples(self) -> int:
        """Samples in one frame of one channel."""
        return self.sample_rate * self.frame_duration // 1000

    def as_dict(self) -> Message:
        """Return the JSON form."""
        return {
            "format": self.format,
            "sample_rate": self.sample_rate,
            "channels": self.channels,
            "frame_duration": self.frame_duration,
        }


@dataclass(frozen=True)
class Hello:
    """A device's hello."""

    version: int | None
    audio: AudioParams | None
    codecs: tuple[str, ...]
    mcp: bool
    pose: bool
    resume: str | None
    board: str
    firmware: str
    update: bool = False
    telemetry: bool = False
    deflate: bool = False
    """Whether it takes compressed text messages, and sends such."""

    audio_time: bool = False
    """Whether it stamps its audio with times, and takes such."""

    webrtc: bool = False
    """Whether it may open a data channel."""

    max_message: int = 0
    """Bytes of the longest message that the device takes; 0: it has not said."""

    uplink: tuple[str, ...] = ()
    """Formats that the device can send, best first; empty: what it takes, it sends."""


def parse_audio(params: Message) -> AudioParams:
    """Read ``audio_params``; what is missing is as stock devices have it.

    Raises:
        WireError: a field is there but makes no sense.
    """
    return AudioParams(
        get_field(params, "format", str, "opus"),
        in_range(get_field(params, "sample_rate", int, 16000), 8000, 48000, "sample_rate"),
        in_range(get_field(params, "channels", int, 1), 1, 2, "channels"),
        in_range(get_field(params, "frame_duration", int, 60), 5, 120, "frame_duration"),
    )


def parse_hello(message: Message) -> Hello:
    """Read a device's hello; everything but ``type`` may be missing (stock web clients send very little).

    Raises:
        WireError: a field is there but makes no sense.
    """
    features = get_field(message, "features", dict, {})
    device = get_field(message, "device", dict, {})
    audio = None
    if message.get("audio_params") is not None:
        params = get_field(message, "audio_params", dict)
        audio = parse_audio(params)
    codecs = tuple(name for name in get_field(features, "codecs", list, []) if isinstance(name, str))
    if not codecs and audio is not None:
        codecs = (audio.format,)
    version = message.get("version")
    return Hello(
        version=version if isinstance(version, int) and version in (1, 2, 3) else None,
        audio=audio,
        codecs=codecs,
        mcp=bool(features.get("mcp")),
        pose=bool(features.get("pose")),
        resume=get_field(message, "resume", str, "") or None,
        board=get_field(device, "board", str, "")[:64],
        firmware=get_field(device, "firmware", str, "")[:64],
        update=bool(features.get("update")),
        telemetry=bool(features.get("telemetry")),
        audio_time=bool(features.get("audio_time")),
        deflate=bool(features.get("deflate")),
        webrtc=bool(features.get("webrtc")),
        max_message=max(0, get_field(device, "max_message", int, 0)),
        uplink=tuple(name for name in get_field(features, "uplink", list, []) if isinstance(name, str)),
    )


@dataclass(frozen=True)
class Listen:
    """``listen``: start with a mode, stop, or detect with a text."""

    state: Literal["start", "stop", "detect"]
    mode: ListenMode = "auto"
    text: str = ""


def parse_listen(message: Message) -> Listen:
    """Read a ``listen`` message.

    Raises:
        WireError: ``state`` is none of start, stop, detect.
    """
    state = get_field(message, "state", str)
    match state:
        case "start":
            mode = get_field(message, "mode", str, "auto")
            return Listen("start", "manual" if mode == "manual" else "realtime" if mode == "realtime" else "auto")
        case "stop":
            return Listen("stop")
        case "detect":
            text = get_field(message, "text", str).strip()
            if not text:
                raise WireError('"listen" detect needs a "text"')
            return Listen("detect", text=text[:2000])
        case _:
            raise WireError(f'"listen" state must be start, stop or detect; got "{state[:40]}"')


def in_range(value: int, low: int, high: int, name: str) -> int:
    """Return the value of the field ``name``.

    Raises:
        WireError: it is not between ``low`` and ``high``.
    """
    if not low <= value <= high:
        raise WireError(f'"{name}" must be {low} to {high}; got {value}')
    return value


def error_message(error: WireError, of_frame: bool = False) -> Message:
    """Return the ``error`` message that tells a peer what was refused; ``of_frame``: a frame, and no message."""
    message: Message = {"type": "error", "code": error.code, "message": str(error)}
    if of_frame:
        message["of"] = "frame"
    return message
