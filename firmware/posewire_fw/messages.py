"""The board's hello (docs/wire.md section 2). Loaded to say it, and unloaded after."""


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
