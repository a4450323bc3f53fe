"""The other end of a soak: a host that lets a board into its room, listens to it, and speaks to it without end."""

import json
import threading
import time
from types import TracebackType
from typing import Any, Self

import numpy as np
from websockets.exceptions import ConnectionClosed
from websockets.sync.server import Server, ServerConnection, serve

from posewire.wire.audio import frame_encoder
from posewire.wire.frames import FrameType, build_frame
from posewire.wire.messages import AudioParams

_FRAME_SECONDS = 0.06
_FRAME_SAMPLES = 960
_AHEAD = 5


class SoakHost:
    """Listens on a free port of this machine while it is entered. ``frames``: binary messages received so far."""

    def __init__(self) -> None:
        self.frames = 0
        self._ending = threading.Event()
        self._server: Server = serve(self._serve, "127.0.0.1", 0, compression=None)
        self._thread = threading.Thread(target=self._server.serve_forever, name="posewire-soak-host")
        encoder = frame_encoder(AudioParams("ima-adpcm"))
        noise = np.random.default_rng(1).integers(-3000, 3000, (50, _FRAME_SAMPLES)).astype(np.int16)
        self._speech = [build_frame(FrameType.AUDIO, encoder.encode(samples), 3) for samples in noise]

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._ending.set()
        self._server.shutdown()
        self._thread.join()

    @property
    def url(self) -> str:
        """Where the board finds it."""
        return f"ws://127.0.0.1:{self._server.socket.getsockname()[1]}/posewire/v1/"

    def _serve(self, socket: ServerConnection) -> None:
        try:
            for message in socket:
                if isinstance(message, bytes):
                    self.frames += 1
                else:
                    self._answer(socket, json.loads(message))
        except (ConnectionClosed, OSError):
            pass

    def _answer(self, socket: ServerConnection, message: dict[str, Any]) -> None:
        match message["type"]:
            case "hello":
                audio = {"format": "ima-adpcm", "sample_rate": 16000, "channels": 1, "frame_duration": 60}
                hello = {"type": "hello", "version": 3, "transport": "websocket", "session_id": "soak"}
                socket.send(json.dumps({**hello, "features": {"pose": True}, "audio_params": audio}))
                # Whoever has spoken MCP is not asked for the older kind of tools.
                ping = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
                socket.send(json.dumps({"type": "mcp", "payload": ping}))
            case "room":
                room = {"type": "room", "event": "welcome", "room": message["room"], "member_id": 1, "role": "owner"}
                socket.send(json.dumps(room))
            case "listen" if message["state"] == "start":
                threading.Thread(target=self._speak, args=(socket,), daemon=True).start()

    def _speak(self, socket: ServerConnection) -> None:
        start = time.monotonic()
        try:
            socket.send(json.dumps({"type": "tts", "state": "start"}))
            number = 0
            while not self._ending.is_set():
                ahead = start + _FRAME_SECONDS * (number - _AHEAD) - time.monotonic()
                if ahead > 0 and self._ending.wait(ahead):
                    return
                socket.send(self._speech[number % len(self._speech)])
                number += 1
        except (ConnectionClosed, OSError):
            pass
