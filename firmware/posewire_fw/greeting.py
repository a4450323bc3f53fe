"""The hellos of both sides, and joining a room (docs/wire.md section 2). Loaded for these, and unloaded after."""


def hello(config, board_name, version, pose, resume, longest):
    """The first message. Codecs go best first: the configured one leads. resume is an earlier session's id or None,
    longest the bytes of the longest message that is taken.
    """
    audio = config["audio"]
    other = "pcm" if audio["format"] == "ima-adpcm" else "ima-adpcm"
    message = {
        "type": "hello",
        "version": config["protocol"],
        "transport": "websocket",
        "features": {
            "mcp": True,
            "pose": pose,
            "codecs": [audio["format"], other],
            "update": True,
            "telemetry": True,
        },
        "audio_params": {
            "format": audio["format"],
            "sample_rate": 16000,
            "channels": 1,
            "frame_duration": audio["frame_ms"],
        },
        "device": {"board": board_name, "firmware": version, "max_message": longest},
    }
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


def join_room(pose, publishes, follows):
    """The message that joins the room of the settings."""
    publish = ["pose"] if publishes else []
    subscribe = []
    if follows:
        subscribe.append({"kind": "pose", "device": pose["from"]} if pose["from"] else "pose")
    return {"type": "room", "action": "join", "room": pose["room"], "publish": publish, "subscribe": subscribe}
