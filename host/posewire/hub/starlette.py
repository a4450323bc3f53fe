"""A hub's connection on a Starlette (or FastAPI) WebSocket.

```python
@app.websocket("/ws/{name}")
async def talk(websocket: WebSocket, name: str) -> None:
    async with accepted(websocket, hub, device=name, groups=[Group("room", "hall")]) as connection:
        async for message in connection:
            hub.send_group("room", "hall", message, but=[connection.id])
```
"""

import asyncio
import time
import uuid
from collections import deque
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from types import TracebackType

from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from posewire.hub.hub import ConnectionHub
from posewire.hub.pool import Group
from posewire.wire.close_codes import NORMAL, TRY_AGAIN_LATER

MAX_TEXT = 256
"""Text messages that may wait for a slow peer; one more closes it, as a peer that misses control is out of step."""

MAX_BINARY = 32
"""Binary messages that may wait; one more replaces the oldest."""

_CONGESTED = 8
_PING = '{"type":"ping"}'
_CLOSING_TIMEOUT = 5.0


class StarletteConnection:
    """One WebSocket. Iterate it for what arrives, ``str`` or ``bytes``; what is sent waits in a bounded queue."""

    def __init__(self, websocket: WebSocket, connection_id: str = "") -> None:
        self.id = connection_id or str(uuid.uuid4())
        self.last_received = time.monotonic()
        self.messages = 0
        self.dropped = 0
        """Binary messages that were replaced by newer ones."""
        self.delivered = 0
        """Messages that the server has passed on, which it does while the peer reads; pings do not count."""
        self._websocket = websocket
        self._queue: deque[str | bytes] = deque()
        self._binary = 0
        self._something = asyncio.Event()
        self._closing: tuple[int, str] | None = None
        self._writer = asyncio.create_task(self._write())

    @property
    def congested(self) -> bool:
        """Whether the peer takes less than it is sent."""
        return len(self._queue) > _CONGESTED

    def send_text(self, text: str) -> None:
        """Queue a text message; a peer with too many of them waiting is closed with code 1013."""
        if len(self._queue) - self._binary >= MAX_TEXT:
            self.close(TRY_AGAIN_LATER, "too slow: too many messages wait")
        else:
            self._put(text)

    def send_binary(self, data: bytes) -> None:
        """Queue a binary message; the oldest of too many is dropped."""
        if self._binary >= MAX_BINARY:
            oldest = next(index for index, waiting in enumerate(self._queue) if isinstance(waiting, bytes))
            del self._queue[oldest]
            self._binary -= 1
            self.dropped += 1
        self._binary += 1
        self._put(data)

    def ping(self) -> None:
        """Ask for a sign of life by ``{"type":"ping"}``: an application cannot send the protocol's own ping here.

        Any message is an answer. The server under Starlette pings too; ``Limits(ping_after=0)`` leaves it to that.
        """
        self.send_text(_PING)

    def close(self, code: int, reason: str) -> None:
        """Drop what waits and close; a peer that takes nothing is cut off after a while."""
        if self._closing is None:
            self._closing = (code, reason)
            self._queue.clear()
            self._binary = 0
            self._something.set()
            asyncio.get_running_loop().call_later(_CLOSING_TIMEOUT, self._writer.cancel)

    def __aiter__(self) -> AsyncIterator[str | bytes]:
        return self._messages()

    async def __aenter__(self) -> "StarletteConnection":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close(NORMAL, "")
        else:
            self._writer.cancel()
        with suppress(asyncio.CancelledError):
            await self._writer

    async def _messages(self) -> AsyncIterator[str | bytes]:
        while True:
            receiving = asyncio.ensure_future(self._websocket.receive())
            try:
                # A writer that ends before the peer has answered its close was cut off.
                await asyncio.wait((receiving, self._writer), return_when=asyncio.FIRST_COMPLETED)
                if not receiving.done():
                    return
                message = receiving.result()
            except (WebSocketDisconnect, RuntimeError):
                return
            finally:
                receiving.cancel()
            if message["type"] == "websocket.disconnect":
                return
            self.last_received = time.monotonic()
            self.messages += 1
            text = message.get("text")
            yield text if text is not None else message["bytes"]

    def _put(self, message: str | bytes) -> None:
        if self._closing is None:
            self._queue.append(message)
            self._something.set()

    async def _write(self) -> None:
        websocket = self._websocket
        # What goes wrong here is the end of the connection, which the receiving side reports.
        with suppress(WebSocketDisconnect, RuntimeError, OSError):
            while self._closing is None:
                while self._queue:
                    message = self._queue.popleft()
                    if isinstance(message, str):
                        await websocket.send_text(message)
                        self.delivered += message is not _PING
                    else:
                        self._binary -= 1
                        await websocket.send_bytes(message)
                        self.delivered += 1
                self._something.clear()
                if self._closing is None:
                    await self._something.wait()
            if websocket.application_state is WebSocketState.CONNECTED:
                await websocket.close(*self._closing)


@asynccontextmanager
async def accepted(
    websocket: WebSocket, hub: ConnectionHub[StarletteConnection], *, device: str = "", groups: Iterable[Group] = ()
) -> AsyncIterator[StarletteConnection]:
    """Accept a WebSocket, keep it in the hub while the block runs, and close it afterwards."""
    await websocket.accept()
    async with StarletteConnection(websocket) as connection:
        hub.add(connection.id, connection, device, groups)
        try:
            yield connection
        finally:
            hub.remove(connection.id, connection)
