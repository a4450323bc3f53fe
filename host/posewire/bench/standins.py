"""Stand-ins for the servers that a user brings: real sockets, answers of our own. For tests and benchmarks.

They are not models: the chat says what it is told to say, the recogniser "hears" a given text, the synthesizer hums.
"""

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from posewire.voice.protocols.wyoming import Event, encode_event, read_event

_MAX_HEAD = 64 * 1024
_MAX_BODY = 64 * 1024 * 1024
SPEECH_RATE = 24_000
"""Rate of the synthesizer's samples, in Hz: what such servers send."""


@dataclass
class Request:
    """An HTTP request as it came."""

    path: str
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """Return the body as JSON."""
        return json.loads(self.body)


Answer = AsyncIterator[bytes]
Handler = Callable[[Request], "tuple[int, str, Answer]"]


class HttpStandIn:
    """A small HTTP/1.1 server on the loopback interface: one handler for all paths, answers streamed in chunks.

    Attributes:
        requests: all requests, in order.
        open: answers that are being sent now. A client that goes away ends its answer.
        broken: answers that the client did not wait for.
    """

    def __init__(self, handler: Handler) -> None:
        self.requests: list[Request] = []
        self.open = 0
        self.broken = 0
        self._handler = handler
        self._server: asyncio.Server | None = None
        self._port = 0
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> "HttpStandIn":
        """Listen on a free port."""
        self._server = await asyncio.start_server(self._connection, "127.0.0.1", 0, limit=_MAX_HEAD)
        self._port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close all connections."""
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def base_url(self) -> str:
        """The address that a user would put into ``base_url``."""
        return f"http://127.0.0.1:{self._port}/v1"

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            while await self._serve(reader, writer):
                pass
        writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Answer one request; False when the connection is over."""
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        except asyncio.IncompleteReadError:
            return False
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
        body = await reader.readexactly(min(_MAX_BODY, int(headers.get("content-length", "0"))))
        request = Request(head[0].split()[1], headers, body)
        self.requests.append(request)
        status, kind, parts = self._handler(request)
        start = f"HTTP/1.1 {status} stand-in\r\nContent-Type: {kind}\r\nTransfer-Encoding: chunked\r\n\r\n"
        writer.write(start.encode())
        sending = asyncio.create_task(self._send(parts, writer))
        gone = asyncio.create_task(reader.read(1))
        self.open += 1
        try:
            await asyncio.wait({sending, gone}, return_when=asyncio.FIRST_COMPLETED)
            if not sending.done():
                self.broken += 1
                return False
            sending.result()
            gone.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await gone
            return True
        finally:
            self.open -= 1
            for task in (sending, gone):
                task.cancel()
            await asyncio.gather(sending, gone, return_exceptions=True)

    @staticmethod
    async def _send(parts: Answer, writer: asyncio.StreamWriter) -> None:
        async with contextlib.aclosing(parts):  # type: ignore[type-var]
            async for part in parts:
                writer.write(b"%x\r\n%s\r\n" % (len(part), part))
                await writer.drain()
        writer.write(b"0\r\n\r\n")
        await writer.drain()


@dataclass(frozen=True)
class Call:
    """A tool call that the chat stand-in makes."""

    name: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    id: str = "call_a"


Script = Callable[[Sequence[Mapping[str, Any]]], "str | Call | Sequence[Call]"]
"""From the messages of a request to what the model says."""


@dataclass
class OpenAiScript:
    """The answers of an OpenAI-compatible server.

    Attributes:
        reply: the chat's answer: a text, or a function of the messages, that may also return tool calls.
        token_s: time between two tokens (a token is a word and its space).
        first_s: time before the first.
        heard: what ``/audio/transcriptions`` returns, after ``asr_s``.
        tts_s: time before ``/audio/speech`` sends its first samples.
        status: HTTP status of every answer.
        sent: the chat's tokens, each with the time (``time.monotonic``) at which it was handed to the network.
    """

    reply: "str | Script" = "Fine. Thank you for asking."
    token_s: float = 0.0
    first_s: float = 0.0
    heard: str = "turn on the light"
    asr_s: float = 0.0
    tts_s: float = 0.0
    status: int = 200
    sent: list[tuple[float, str]] = field(default_factory=list)

    def __call__(self, request: Request) -> tuple[int, str, Answer]:
        """Answer a request."""
        if self.status != 200:
            return self.status, "application/json", _once(b'{"error": {"message": "told to fail"}}')
        if request.path.endswith("/chat/completions"):
            return 200, "text/event-stream", self._chat(request.json()["messages"])
        if request.path.endswith("/audio/transcriptions"):
            return 200, "application/json", _once(json.dumps({"text": self.heard}).encode(), self.asr_s)
        if request.path.endswith("/audio/speech"):
            return 200, "audio/pcm", self._speech(request.json()["input"])
        return 404, "application/json", _once(b'{"error": {"message": "no such path"}}')

    async def _chat(self, messages: Sequence[Mapping[str, Any]]) -> Answer:
        said = self.reply if isinstance(self.reply, str) else self.reply(messages)
        await asyncio.sleep(self.first_s)
        if isinstance(said, str):
            for token in said.replace(" ", " \0").split("\0"):
                self.sent.append((time.monotonic(), token))
                yield _event({"content": token})
                await asyncio.sleep(self.token_s)
            yield _event({}, "stop")
        else:
            for index, call in enumerate([said] if isinstance(said, Call) else said):
                arguments = json.dumps(call.arguments)
                function = {"name": call.name, "arguments": ""}
                head = {"index": index, "id": f"{call.id}{index}", "type": "function", "function": function}
                yield _event({"tool_calls": [head]})
                for start in range(0, len(arguments), 7):
                    piece = {"index": index, "function": {"arguments": arguments[start : start + 7]}}
                    yield _event({"tool_calls": [piece]})
                    await asyncio.sleep(self.token_s)
            yield _event({}, "tool_calls")
        yield b"data: [DONE]\n\n"

    async def _speech(self, text: str) -> Answer:
        await asyncio.sleep(self.tts_s)
        samples = hum(text, SPEECH_RATE).tobytes()
        for start in range(0, len(samples), 4801):
            # An odd length: a network cuts samples anywhere.
            yield samples[start : start + 4801]


def hum(text: str, rate: int) -> "np.ndarray[Any, np.dtype[np.int16]]":
    """Return a tone of 60 ms a character: what the synthesizer stand-ins say."""
    moments = np.arange(max(1, len(text)) * 6 * rate // 100) / rate
    return np.round(8000 * np.sin(2 * np.pi * 220 * moments)).astype(np.int16)


def _event(delta: Mapping[str, Any], finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return b"data: " + json.dumps({"object": "chat.completion.chunk", "choices": [choice]}).encode() + b"\n\n"


async def _once(body: bytes, after: float = 0.0) -> Answer:
    await asyncio.sleep(after)
    yield body


class WyomingStandIn:
    """A Wyoming server on the loopback interface: "hears" a text, hums another.

    Attributes:
        received: bytes of audio that came.
        open: connections.
    """

    def __init__(self, heard: str = "turn on the light", asr_s: float = 0.0, tts_s: float = 0.0) -> None:
        self.received = 0
        self.open = 0
        self._heard = heard
        self._asr_s = asr_s
        self._tts_s = tts_s
        self._port = 0
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> "WyomingStandIn":
        """Listen on a free port."""
        self._server = await asyncio.start_server(self._connection, "127.0.0.1", 0)
        self._port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop listening."""
        assert self._server is not None
        self._server.close()

    @property
    def uri(self) -> str:
        """The address that a user would put into ``uri``."""
        return f"tcp://127.0.0.1:{self._port}"

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.open += 1
        try:
            while True:
                event = await read_event(reader)
                if event.type == "audio-chunk":
                    self.received += len(event.payload)
                elif event.type == "audio-stop":
                    await asyncio.sleep(self._asr_s)
                    for word in self._heard.split():
                        writer.write(encode_event(Event("transcript-chunk", {"text": word + " "})))
                    writer.write(encode_event(Event("transcript", {"text": self._heard})))
                elif event.type == "synthesize":
                    await self._speak(str(event.data["text"]), writer)
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError, ValueError):
            pass
        finally:
            self.open -= 1
            writer.close()

    async def _speak(self, text: str, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(self._tts_s)
        form = {"rate": 22050, "width": 2, "channels": 1}
        writer.write(encode_event(Event("audio-start", form)))
        samples = hum(text, form["rate"]).tobytes()
        for start in range(0, len(samples), 2048):
            writer.write(encode_event(Event("audio-chunk", form, samples[start : start + 2048])))
            await writer.drain()
        writer.write(encode_event(Event("audio-stop")))
