"""The hellos of both sides, and joining a room (docs/wire.md section 2). Loaded for these, and unloaded after."""

from posewire_fw import log


def hello(config, board_name, version, pose, resume, longest, opus=None):
    """The first message. Codecs go best first: the configured one leads. resume is an earlier session's id or None,
    longest the bytes of the longest message that is taken. opus: whether it is the best to send, None for not at all.
    """
    audio = config["audio"]
    codecs = ["pcm", "ima-adpcm"] if audio["format"] == "pcm" else ["ima-adpcm", "pcm"]
    message = {
        "type": "hello",
        "version": config["protocol"],
        "transport": "websocket",
        "features": {
            "mcp": True,
            "pose": pose,
            "codecs": codecs,
            "update": True,
            "telemetry": True,
        },
        "audio_params": {
            "format": codecs[0] if opus is None else "opus",
            "sample_rate": 16000,
            "channels": 1,
            "frame_duration": audio["frame_ms"],
        },
        "device": {"board": board_name, "firmware": version, "max_message": longest},
    }
    if opus is not None:
        # The board plays no Opus, so what it sends is a matter of its own.
        message["features"]["uplink"] = ["opus"] + codecs if opus else codecs[:1] + ["opus"] + codecs[1:]
    if resume:
        message["resume"] = resume
    return message


def read_hello(message, protocol):
    """(protocol, session id, features, whether a session is resumed) of the host's hello. Raises ValueError."""
    if message.get("transport", "websocket") != "websocket":
        raise ValueError("the host chose another transport")
    version = message.get("version")
    if version in (1, 2, 3) and version < protocol:
        protocol = version
    features = message.get("features")
    if not isinstance(features, dict):
        features = {}
    return protocol, message.get("session_id"), features, bool(message.get("resumed"))


def offers_opus(mic):
    """Whether Opus is the best that the board sends, None for not at all."""
    return None if mic is None or mic.make_opus is None else mic.opus_is_best()


def agree_uplink(message, mic):
    """Let the microphone send what the host that says this hello wants; False where there is no room for it."""
    if mic is None:
        return True
    mic.opus = None
    if not wants_opus(message):
        return True
    if mic.make_opus is None:
        log.error("session", "not heard: the server takes a voice only as opus, and this board sends none")
        return True
    mic.opus = mic.make_opus()
    if mic.opus is None:
        mic.make_opus = None
        return False
    return True


def wants_opus(message):
    """Whether the host is to be sent Opus: every stock server."""
    params = message.get("uplink_params")
    if isinstance(params, dict):
        return params.get("format") == "opus"
    features = message.get("features")
    # This project's hosts say whether they know poses.
    return not (isinstance(features, dict) and "pose" in features)


def join_room(pose, publishes, follows):
    """The message that joins the room of the settings."""
    publish = ["pose"] if publishes else []
    subscribe = []
    if follows:
        subscribe.append({"kind": "pose", "device": pose["from"]} if pose["from"] else "pose")
    return {"type": "room", "action": "join", "room": pose["room"], "publish": publish, "subscribe": subscribe}
