"""A host in a few lines: it answers the hello and keeps all that a board sends; what else it does, the test says."""

import json
import ssl
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from websockets.exceptions import ConnectionClosed
from websockets.sync.server import Server, ServerConnection, serve

from posewire.wire.audio import frame_decoder, frame_encoder
from posewire.wire.frames import FrameType, build_frame, parse_frame
from posewire.wire.messages import AudioParams

FRAME_SAMPLES = 960


class SmallHost:
    """Listens on a free port of this machine. ``texts`` and ``frames`` grow as the board sends."""

    def __init__(self, audio_format: str = "ima-adpcm", protocol: int = 3, tls: ssl.SSLContext | None = None) -> None:
        self.texts: list[dict[str, Any]] = []
        self.audio: list[bytes] = []
        self.pose: list[bytes] = []
        self.sockets: list[ServerConnection] = []
        self.params = AudioParams(audio_format)
        self.protocol = protocol
        self._server: Server = serve(self._serve, "127.0.0.1", 0, ssl=tls, compression=None)
        self._thread = threading.Thread(target=self._server.serve_forever)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._server.shutdown()
        for socket in self.sockets:
            socket.close_socket()
        self._thread.join()

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self._server.socket.getsockname()[1]}/posewire/v1/"

    def of_type(self, kind: str, **fields: Any) -> list[dict[str, Any]]:
        """The text messages of a type with these fields."""
        matching = (text for text in list(self.texts) if text["type"] == kind)
        return [text for text in matching if all(text.get(name) == value for name, value in fields.items())]

    def send(self, **message: Any) -> None:
        """Send a text message to the board that came last."""
        self.sockets[-1].send(json.dumps(message))

    def call(self, tool: str, **arguments: Any) -> None:
        """Call a tool of the board."""
        params = {"name": tool, "arguments": arguments}
        self.send(type="mcp", payload={"jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": params})

    def speak(self, samples: NDArray[np.int16], stop: Callable[[], bool] = lambda: False) -> None:
        """Say something: a burst of five frames, then one each 60 ms. Returns when all is sent."""
        encoder = frame_encoder(self.params)
        self.send(type="tts", state="start")
        start = time.monotonic()
        for index in range(len(samples) // FRAME_SAMPLES):
            while time.monotonic() < start + 0.06 * (index - 5) and not stop():
                time.sleep(0.002)
            if stop():
                break
            frame = encoder.encode(samples[index * FRAME_SAMPLES : (index + 1) * FRAME_SAMPLES])
            self.sockets[-1].send(build_frame(FrameType.AUDIO, frame, self.protocol))
        self.send(type="tts", state="stop")

    def heard(self) -> NDArray[np.int16]:
        """The board's audio, decoded."""
        decoder = frame_decoder(self.params)
        parts = [decoder.decode(frame) for frame in list(self.audio)]
        return np.concatenate(parts) if parts else np.zeros(0, np.int16)

    def _serve(self, socket: ServerConnection) -> None:
        self.sockets.append(socket)
        try:
            for message in socket:
                self._take(socket, message)
        except (ConnectionClosed, OSError):
            pass

    def _take(self, socket: ServerConnection, message: str | bytes) -> None:
        if isinstance(message, bytes):
            frame = parse_frame(message, self.protocol)
            (self.pose if frame.type == FrameType.POSE else self.audio).append(frame.payload)
            return
        text = json.loads(message)
        self.texts.append(text)
        if text["type"] == "room":
            socket.send(
                json.dumps({"type": "room", "event": "welcome", "room": text["room"], "member_id": 1, "role": "host"})
            )
        if text["type"] == "hello":
            audio = {"format": self.params.format, "sample_rate": 16000, "channels": 1, "frame_duration": 60}
            features = {"pose": bool(text.get("features", {}).get("pose"))}
            answer = {"type": "hello", "version": self.protocol, "transport": "websocket", "audio_params": audio}
            socket.send(json.dumps({**answer, "features": features, "session_id": f"session-{len(self.sockets)}"}))
