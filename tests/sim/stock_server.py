"""A server that behaves as stock xiaozhi servers do, quirks and all: Opus only, frame protocol 1, an echoing hello."""

import asyncio
import json
import threading
import uuid
from types import TracebackType
from typing import Any, Self

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed

# What an Opus encoder makes of 60 ms of speech: bytes of no fixed number that begin with a table-of-contents byte.
OPUS = [bytes([0x58]) + bytes((n * 37 + i) & 255 for i in range(70 + n * 13 % 90)) for n in range(10)]


class StockServer:
    """``texts`` and ``binary`` grow as the device sends. Text input is answered with a whole turn."""

    def __init__(self) -> None:
        self.texts: list[dict[str, Any]] = []
        self.binary: list[bytes] = []
        self.tools: list[str] = []
        self.results: list[dict[str, Any]] = []
        self.closes: list[int | None] = []
        self.port = 0
        self._ready = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run)
        self._server: Server | None = None
        self._connection: ServerConnection | None = None

    def __enter__(self) -> Self:
        self._thread.start()
        self._ready.wait(10)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/xiaozhi/v1/"

    def of_type(self, kind: str) -> list[dict[str, Any]]:
        return [text for text in self.texts if text.get("type") == kind]

    def do(self, *messages: object) -> None:
        """Send messages, dicts as JSON, from the test's thread."""
        asyncio.run_coroutine_threadsafe(self._send(*messages), self._loop).result(5)

    def _run(self) -> None:
        async def start() -> None:
            self._server = await serve(self._serve, "127.0.0.1", 0)
            self.port = next(iter(self._server.sockets)).getsockname()[1]
            self._ready.set()

        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(start())
        self._loop.run_forever()
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        self._loop.run_until_complete(asyncio.sleep(0.05))
        self._loop.close()

    async def _send(self, *messages: object) -> None:
        assert self._connection is not None
        for message in messages:
            await self._connection.send(message if isinstance(message, str | bytes) else json.dumps(message))

    async def _serve(self, connection: ServerConnection) -> None:
        self._connection = connection
        session = str(uuid.uuid4())
        try:
            async for message in connection:
                if isinstance(message, bytes):
                    self.binary.append(message)
                    continue
                text = json.loads(message)
                self.texts.append(text)
                await self._answer(text, session)
        except ConnectionClosed:
            pass
        self.closes.append(connection.close_code)

    async def _answer(self, text: dict[str, Any], session: str) -> None:
        match text.get("type"):
            case "hello":
                # The client's audio parameters come back as they were; what is sent is Opus at 24 kHz all the same.
                hello = {"type": "hello", "version": 1, "transport": "websocket", "session_id": session}
                await self._send({**hello, "audio_params": text["audio_params"]})
                await self._rpc(1, "initialize", {"protocolVersion": "2024-11-05", "capabilities": {}})
            case "mcp":
                await self._mcp(text["payload"])
            case "listen" if text["state"] == "detect":
                await self._turn(session)
            case "abort":
                stop = {"type": "tts", "state": "stop", "session_id": session}
                await self._send(stop)
                await asyncio.sleep(0.42)
                await self._send(stop)  # they say it twice

    async def _rpc(self, number: int, method: str, params: dict[str, Any] | None = None) -> None:
        # Without a session id, as they do.
        payload: dict[str, Any] = {"jsonrpc": "2.0", "id": number, "method": method}
        if params is not None:
            payload["params"] = params
        await self._send({"type": "mcp", "payload": payload})

    async def _mcp(self, payload: dict[str, Any]) -> None:
        result = payload.get("result", {})
        if "serverInfo" in result:
            await self._rpc(2, "tools/list")
        elif "tools" in result:
            self.tools += [tool["name"] for tool in result["tools"]]
            if result.get("nextCursor"):
                await self._rpc(2, "tools/list", {"cursor": result["nextCursor"]})
        else:
            self.results.append(payload)

    async def _turn(self, session: str) -> None:
        def message(**fields: str) -> dict[str, str]:
            return {**fields, "session_id": session}

        await self._send(
            message(type="stt", text="% get_weather"),  # a tool call, shown as if it had been heard
            message(type="tts", state="start"),
            message(type="llm", text="🙂", emotion="happy"),
            message(type="tts", state="sentence_start", text="你好"),
        )
        for packet in OPUS:
            await self._send(packet)
            await asyncio.sleep(0.03)
        await self._send(message(type="tts", state="stop"))
