"""A server that speaks the stock xiaozhi protocol and nothing more: frame protocol 1, Opus both ways, quirks too.

What devices say it decodes with libopus, as stock servers do.
"""

import asyncio
import json
import threading
import uuid
from collections.abc import Coroutine
from http import HTTPStatus
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.frames import Frame, Opcode
from websockets.http11 import Request, Response

from posewire.wire.audio import FrameEncoder, PcmCodec
from posewire.wire.opus import OpusDecoder, OpusEncoder

TONE_HZ = 440
REPLY_RATE = 24000
REPLY_FRAMES = 12


class StockServer:
    """``async with StockServer() as upstream``; then look at what its devices did."""

    def __init__(self, token: str = "") -> None:
        self.token = token
        self.refuse_with: HTTPStatus | None = None
        self.port = 0
        self.headers: list[dict[str, str]] = []
        self.messages: list[dict[str, Any]] = []
        self.packets: list[bytes] = []
        self.heard: list[NDArray[np.int16]] = []
        self.bad_packets = 0
        self.tools: list[str] = []
        self.attempts = 0
        self.answers_pings = True
        self.pongs = 0
        """Pings that were answered."""

        self.reply_frames = REPLY_FRAMES
        self.connections: list[ServerConnection] = []
        self.closes: list[int | None] = []
        """The codes with which devices have closed, in order."""

        self.speaks_pcm = False
        """Its hello names PCM as what it sends, and so it is; a device's voice is Opus all the same."""

        self.text_reply: tuple[str, str] | None = None
        """The text that is shown as heard, and the reply, where a text is to be answered with a whole turn."""

        self.answers_aborts = False
        self.aborted = 0
        """Aborts that were answered."""

        self._server: Server | None = None

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/xiaozhi/v1/"

    async def __aenter__(self) -> "StockServer":
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self) -> None:
        self._server = await serve(
            self._talk, "127.0.0.1", self.port, compression=None, process_request=self._admit, max_size=None
        )
        self.port = next(iter(self._server.sockets)).getsockname()[1]

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    def texts(self, kind: str, **fields: Any) -> list[dict[str, Any]]:
        return [
            message
            for message in self.messages
            if message.get("type") == kind and all(message.get(key) == value for key, value in fields.items())
        ]

    def sound(self) -> NDArray[np.int16]:
        return np.concatenate(self.heard) if self.heard else np.empty(0, np.int16)

    async def until(self, ready: Any, seconds: float = 10.0) -> None:
        async with asyncio.timeout(seconds):
            while not ready():
                await asyncio.sleep(0.01)

    async def send(self, **message: Any) -> None:
        await self.connections[-1].send(json.dumps(message, ensure_ascii=False))

    async def call_tool(self, name: str, arguments: dict[str, Any]) -> Any:
        # The ids start again after the listing, as they do there.
        await self.send(type="mcp", payload=_rpc(1, "tools/call", {"name": name, "arguments": arguments}))
        await self.until(lambda: any("content" in m["payload"].get("result", {}) for m in self.texts("mcp")))
        return next(m for m in self.texts("mcp") if "content" in m["payload"].get("result", {}))["payload"]["result"]

    async def reply(self, text: str = "it works", heard: str = "hello") -> None:
        """One whole answer, in the order and at the pace of the real one."""
        socket = self.connections[-1]
        encoder: FrameEncoder = PcmCodec() if self.speaks_pcm else OpusEncoder(REPLY_RATE)
        size = REPLY_RATE * 60 // 1000
        tone = (12000 * np.sin(2 * np.pi * TONE_HZ / REPLY_RATE * np.arange(size * self.reply_frames))).astype(np.int16)
        await self.send(type="stt", text=heard, session_id="s")
        await self.send(type="tts", state="start", session_id="s")
        await self.send(type="llm", text="🙂", emotion="happy", session_id="s")
        await self.send(type="tts", state="sentence_start", text=text, session_id="s")
        for number in range(self.reply_frames):
            await socket.send(encoder.encode(tone[number * size : (number + 1) * size]))
            if number >= 5:
                await asyncio.sleep(0.06)
        await self.send(type="tts", state="stop", session_id="s")

    async def _admit(self, connection: ServerConnection, request: Request) -> Response | None:
        self.attempts += 1
        if self.refuse_with is not None:
            return connection.respond(self.refuse_with, "no\n")
        return None

    async def _talk(self, socket: ServerConnection) -> None:
        assert socket.request is not None
        headers = {name.lower(): value for name, value in socket.request.headers.raw_items()}
        self.headers.append(headers)
        if "device-id" not in headers:
            await socket.send("端口正常，如需测试连接，请启动digital-human测试")
            return
        if self.token and headers.get("authorization") != f"Bearer {self.token}":
            # After the upgrade, in plain words.
            await socket.send("认证失败")
            return
        self.connections.append(socket)
        send_frame = socket.protocol.send_frame

        def send_and_count(frame: Frame) -> None:
            if frame.opcode is Opcode.PONG:
                if not self.answers_pings:
                    return
                self.pongs += 1
            send_frame(frame)

        socket.protocol.send_frame = send_and_count  # type: ignore[method-assign]
        decoder = OpusDecoder(16000)
        try:
            async for message in socket:
                if isinstance(message, bytes):
                    await self._audio(decoder, message)
                else:
                    await self._text(socket, json.loads(message))
        except ConnectionClosed:
            pass
        self.closes.append(socket.close_code)

    async def _audio(self, decoder: OpusDecoder, packet: bytes) -> None:
        self.packets.append(packet)
        try:
            self.heard.append(decoder.decode(packet))
        except Exception:
            self.bad_packets += 1

    async def _text(self, socket: ServerConnection, message: dict[str, Any]) -> None:
        self.messages.append(message)
        if message["type"] == "hello":
            session = str(uuid.uuid4())
            # The client's own parameters come back, whatever the true rate is.
            answer = {"type": "hello", "version": 1, "transport": "websocket", "session_id": session}
            params = {"format": "pcm", "sample_rate": REPLY_RATE, "channels": 1, "frame_duration": 60}
            audio = params if self.speaks_pcm else message["audio_params"]
            await socket.send(json.dumps({**answer, "audio_params": audio}))
            if message["features"].get("mcp"):
                await self.send(type="mcp", payload=_rpc(1, "initialize", {"protocolVersion": "2024-11-05"}))
        elif message["type"] == "mcp" and "serverInfo" in message["payload"].get("result", {}):
            await self.send(type="mcp", payload=_rpc(2, "tools/list", {}))
        elif message["type"] == "mcp" and "tools" in message["payload"].get("result", {}):
            result = message["payload"]["result"]
            self.tools += [tool["name"] for tool in result["tools"]]
            if result.get("nextCursor"):
                await self.send(type="mcp", payload=_rpc(2, "tools/list", {"cursor": result["nextCursor"]}))
        elif message["type"] == "listen" and message["state"] == "detect" and self.text_reply is not None:
            heard, text = self.text_reply
            await self.reply(text, heard)
        elif message["type"] == "abort" and self.answers_aborts:
            # They say it twice.
            await self.send(type="tts", state="stop", session_id="s")
            await asyncio.sleep(0.42)
            await self.send(type="tts", state="stop", session_id="s")
            self.aborted += 1


class BackgroundStockServer(StockServer):
    """The same in a thread, for tests without an event loop: ``with BackgroundStockServer() as server``."""

    def __init__(self, token: str = "") -> None:
        super().__init__(token)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)

    def __enter__(self) -> Self:
        self._thread.start()
        self.run(self.start())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.run(self.stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def do(self, *messages: object) -> None:
        """Send messages to the device that came last: strings as they are, anything else as JSON."""
        for message in messages:
            text = message if isinstance(message, str) else json.dumps(message)
            self.run(self.connections[-1].send(text))

    def run(self, work: Coroutine[Any, Any, object]) -> None:
        """Do something in the server's event loop, and wait for it."""
        asyncio.run_coroutine_threadsafe(work, self._loop).result(30)


def _rpc(number: int, method: str, params: dict[str, Any]) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": number, "method": method, "params": params}
