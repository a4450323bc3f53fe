"""The text messages that a device sends (docs/wire.md section 2), as dicts ready for json.dumps."""


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


def listen_start(mode):
    return {"type": "listen", "state": "start", "mode": mode}


def listen_stop():
    return {"type": "listen", "state": "stop"}


def listen_detect(text):
    return {"type": "listen", "state": "detect", "text": text}


def device_event(name, data):
    return {"type": "event", "name": name, "data": data or {}}


def abort(reason):
    return {"type": "abort", "reason": reason}


def room_join(room, publish, subscribe):
    return {"type": "room", "action": "join", "room": room, "publish": publish, "subscribe": subscribe}


def mcp(payload):
    return {"type": "mcp", "payload": payload}


def iot_descriptors(descriptors):
    return {"type": "iot", "descriptors": descriptors}


def iot_states(states):
    return {"type": "iot", "states": states}


def goodbye():
    return {"type": "goodbye"}


def error(code, text):
    return {"type": "error", "code": code, "message": text}
