"""The begin of a session: the host's hello, its line in the log, and the end of the device's older connection."""

from posewire.server.connection.peer import Peer
from posewire.wire.close_codes import REPLACED
from posewire.wire.messages import Hello, Message


def hello_answer(peer: Peer, resumed: bool) -> Message:
    """Return the host's answer to a peer's hello (``docs/wire.md`` section 2)."""
    features = {"pose": peer.pose}
    # Only boards of this project know these.
    if peer.hello is not None and peer.hello.update:
        features["update"] = True
    if peer.hello is not None and peer.hello.telemetry:
        features["telemetry"] = True
    if peer.audio_time:
        features["audio_time"] = True
    if peer.datagrams is not None:
        features["webrtc"] = True
    if peer.deflate:
        features["deflate"] = True
    answer: Message = {
        "type": "hello",
        "version": peer.protocol,
        "transport": "websocket",
        "features": features,
        "audio_params": peer.audio.as_dict(),
    }
    if peer.hello is not None and peer.hello.uplink:
        answer["uplink_params"] = peer.uplink.as_dict()
    if resumed:
        answer["resumed"] = True
    return answer


def log_hello(peer: Peer, hello: Hello, resumed: bool) -> None:
    """Log what was agreed on."""
    peer.log.info(
        "hello",
        board=hello.board,
        firmware=hello.firmware,
        protocol=peer.protocol,
        format=peer.uplink.format,
        rate=peer.audio.sample_rate,
        pose=peer.pose,
        resumed=resumed,
    )


def replace_older(older: Peer, newer: Peer) -> None:
    """Close the older connection of a device, and tell it whether the newer one is of the same client."""
    client = newer.identity.client_id
    same = " and client" if client and client == older.identity.client_id else ""
    older.close(REPLACED, f"replaced by a newer connection of this device{same}")
