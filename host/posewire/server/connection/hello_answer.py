"""The host's hello."""

from posewire.server.connection.peer import Peer
from posewire.wire.messages import Message


def hello_answer(peer: Peer, resumed: bool) -> Message:
    """Return the host's answer to a peer's hello (``docs/wire.md`` section 2)."""
    features = {"pose": peer.pose}
    # Only boards of this project know these.
    if peer.hello is not None and peer.hello.update:
        features["update"] = True
    if peer.hello is not None and peer.hello.telemetry:
        features["telemetry"] = True
    answer: Message = {
        "type": "hello",
        "version": peer.protocol,
        "transport": "websocket",
        "features": features,
        "audio_params": peer.audio.as_dict(),
    }
    if resumed:
        answer["resumed"] = True
    return answer
