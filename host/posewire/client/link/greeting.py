"""The begin of a session: what this program says in its hello, and what was agreed on."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from posewire.client.link.dialer import PROTOCOL
from posewire.errors import HostUnreachableError
from posewire.wire.messages import AudioParams, Message


@dataclass(frozen=True)
class Agreement:
    """What both sides take part in, by the host's hello."""

    session_id: str = ""
    audio: AudioParams = field(default_factory=AudioParams)
    audio_time: bool = False
    deflate: bool = False
    webrtc: bool = False
    resumed: bool = False


def hello(audio: AudioParams | None, resume: str, webrtc: bool = False) -> Message:
    """Return this program's hello; ``resume``: the session of before, empty for none.

    ``webrtc``: it can open data channels.
    """
    features = {"pose": True, "audio_time": True, "deflate": True}
    message: Message = {
        "type": "hello",
        "version": PROTOCOL,
        "transport": "websocket",
        "features": {**features, "webrtc": True} if webrtc else features,
        # Always named: a peer that says nothing of audio is taken for a stock client, which means Opus.
        "audio_params": (audio or AudioParams()).as_dict(),
    }
    if resume:
        message["resume"] = resume
    return message


def read_answer(answer: Mapping[str, Any]) -> Agreement:
    """Return what the host's answer to a hello says.

    Raises:
        HostUnreachableError: it refuses.
    """
    if answer["type"] != "hello":
        told = str(answer.get("message") or answer.get("reason") or "the host refuses")
        raise HostUnreachableError(told, answer.get("code"))
    features = answer.get("features", {})
    return Agreement(
        session_id=answer["session_id"],
        audio=AudioParams(**answer["audio_params"]),
        audio_time=bool(features.get("audio_time")),
        deflate=bool(features.get("deflate")),
        webrtc=bool(features.get("webrtc")),
        resumed=bool(answer.get("resumed")),
    )
