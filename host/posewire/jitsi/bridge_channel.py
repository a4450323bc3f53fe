"""Messages between participants through the video bridge: its WebSocket, "colibri-ws"."""

import asyncio
import json
from collections.abc import Callable
from time import monotonic
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidURI
from websockets.typing import Origin

from posewire.task_scope import TaskScope
from posewire.wire.json_text import parse_json

MAX_MESSAGE = 64 * 1024
_UNSENT = 4096
_OPENING = 10.0
"""Seconds that a bridge has to open it, and then to say hello."""

_PAUSES = (0.2, 1.0, 5.0, 15.0)
_LASTING = 5.0
"""Seconds after which a channel that is lost has been a good one."""

Receive = Callable[[str, dict[str, Any]], None]


class BridgeChannel:
    """Keeps the channel of one invitation open. ``receive`` gets who says what, ``changed`` whether it is open."""

    def __init__(self, url: str, origin: str, receive: Receive, changed: Callable[[bool], None]) -> None:
        self._url = url
        self._origin = origin
        self._receive = receive
        self._changed = changed
        self._websocket: ClientConnection | None = None
        self._tasks = TaskScope()

    @property
    def is_open(self) -> bool:
        """Whether messages go by it at this moment."""
        return self._websocket is not None

    def begin(self) -> None:
        """Open it, and again whenever it is lost."""
        self._tasks.spawn(self._run(), "bridge channel")

    async def send(self, endpoint: str, payload: dict[str, Any]) -> None:
        """Send a message to one participant; returns when the network takes more.

        Raises:
            ConnectionError: it is not open.
        """
        websocket = self._websocket
        if websocket is None:
            raise ConnectionError("the bridge channel is not open")
        message = {"colibriClass": "EndpointMessage", "to": endpoint, "msgPayload": payload}
        try:
            await websocket.send(json.dumps(message, separators=(",", ":")))
        except ConnectionClosed as error:
            raise ConnectionError(str(error)) from None

    async def close(self) -> None:
        """Close it for good."""
        await self._tasks.close()

    async def _run(self) -> None:
        failures = 0
        while True:
            began = monotonic()
            if await self._once() and monotonic() - began > _LASTING:
                failures = 0
            await asyncio.sleep(_PAUSES[min(failures, len(_PAUSES) - 1)])
            failures += 1

    async def _once(self) -> bool:
        """Open it and use it until it is lost; returns whether it was open."""
        try:
            websocket = await connect(
                self._url,
                origin=Origin(self._origin),
                compression=None,
                open_timeout=_OPENING,
                close_timeout=1.0,
                max_size=2 * MAX_MESSAGE,
                write_limit=_UNSENT,
            )
        except (OSError, TimeoutError, InvalidHandshake, InvalidURI, ValueError):  # the last: no address at all
            return False
        was_open = False
        try:
            async with asyncio.timeout(_OPENING) as patience:
                async for data in websocket:
                    kind, message = _read(data)
                    if kind == "ServerHello" and not was_open:
                        patience.reschedule(None)
                        was_open, self._websocket = True, websocket
                        self._changed(True)
                    elif kind == "EndpointMessage":
                        sender, payload = message.get("from"), message.get("msgPayload")
                        if isinstance(sender, str) and isinstance(payload, dict):
                            self._receive(sender, payload)
        except (ConnectionClosed, TimeoutError):
            pass
        finally:
            websocket.transport.abort()
            if self._websocket is not None:
                self._websocket = None
                self._changed(False)
        return was_open


def _read(data: str | bytes) -> tuple[str, dict[str, Any]]:
    """Return the kind of a message and the message; what is none is left aside, for bridges say a lot."""
    if len(data) > MAX_MESSAGE:
        return "", {}
    try:
        message = parse_json(data)
    except ValueError:
        return "", {}
    return (str(message.get("colibriClass", "")), message) if isinstance(message, dict) else ("", {})
