"""The way in for Socket.IO: how many may come, from where, and how long they may take to say who they are."""

from collections.abc import Callable, Mapping
from time import monotonic
from typing import Any
from urllib.parse import parse_qs

from starlette.types import ASGIApp, Receive, Scope, Send

from posewire.address_group import address_group
from posewire.loopback import is_loopback
from posewire.server.http.errors import error_response


class Door:
    """An ASGI application before that of Socket.IO. ``environ``: the open ones, each with its request.

    ``limits``: how many there may be, and how many of one address (0: no limit; this machine has none). ``longest``:
    bytes of what is posted.
    """

    def __init__(
        self,
        app: ASGIApp,
        environ: Mapping[str, Mapping[str, Any]],
        limits: Callable[[], tuple[int, int]],
        longest: int,
    ) -> None:
        self._longest = longest
        self._app = app
        self._environ = environ
        self._limits = limits
        self._since: dict[str, float] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request in, or refuse it."""
        if _length(scope) > self._longest:
            await _refuse(scope, receive, send, 413, "too_large", f"a packet has at most {self._longest} bytes")
            return
        if scope["type"] == "lifespan" or "sid" in parse_qs(scope.get("query_string", b"").decode("latin-1")):
            await self._app(scope, receive, send)
            return
        most, per_address = self._limits()
        address = address_of(scope)
        same = sum(
            address_group(address_of(found["asgi.scope"])) == address_group(address) for found in self._environ.values()
        )
        if len(self._environ) >= most:
            await _refuse(scope, receive, send, 503, "too_many", f"this host takes at most {most} clients by Socket.IO")
        elif per_address and same >= per_address and not is_loopback(address):
            message = f"this host takes at most {per_address} connections from one address"
            await _refuse(scope, receive, send, 429, "too_many", message)
        else:
            await self._app(scope, receive, send)

    def silent(self, greeted: Callable[[str], bool], patience: float) -> list[str]:
        """Return those that have been open for longer than ``patience`` seconds and have not said who they are."""
        now = monotonic()
        self._since = {sid: self._since.get(sid, now) for sid in self._environ if not greeted(sid)}
        return [sid for sid, since in self._since.items() if now - since > patience]


def address_of(scope: Mapping[str, Any]) -> str:
    """Return the address that a request comes from; empty where there is none."""
    client = scope.get("client")
    return client[0] if client else ""


async def _refuse(scope: Scope, receive: Receive, send: Send, status: int, code: str, message: str) -> None:
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.close", "code": 1013, "reason": message})
    else:
        response = error_response(status, code, message)
        response.headers["Connection"] = "close"  # its body is not read
        await response(scope, receive, send)


def _length(scope: Scope) -> int:
    """The announced length of a request's body."""
    found = dict(scope.get("headers", ())).get(b"content-length", b"0")
    return int(found) if found.isdigit() else 0
