"""A running host's operator interface (docs/push.md), for commands and the MCP server."""

import argparse
import json
import os
from collections.abc import Mapping
from typing import Any, Self
from urllib.parse import quote

from posewire.errors import PosewireError, ToolError
from posewire.http_client import HttpClient, HttpError
from posewire.identity.settings import TOKEN_VARIABLE

_TIMEOUT = 60.0
DEFAULT_HOST = "http://127.0.0.1:8000"


class HostError(PosewireError):
    """The host is not there, or refuses; the message says what to do."""

    code = "not_available"


def add_host_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare where the host is and what it is told."""
    parser.add_argument("--host", default=DEFAULT_HOST, metavar="URL", help="the host's HTTP address (%(default)s)")
    parser.add_argument("--token", default=os.environ.get(TOKEN_VARIABLE, ""), help=f"default: {TOKEN_VARIABLE}")


class HostClient:
    """Use as an async context manager."""

    def __init__(self, address: str, token: str = "") -> None:
        if not address.startswith(("http://", "https://")):
            raise HostError(f"the host's address begins with http:// or https://, not {address!r}")
        self._address = address.rstrip("/")
        self._client = HttpClient(_TIMEOUT, token)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.close()

    async def devices(self) -> list[dict[str, Any]]:
        """Return the connected devices.

        Raises:
            HostError: the host does not answer, or refuses.
        """
        found: list[dict[str, Any]] = (await self._send("GET", "sessions"))["sessions"]
        return found

    async def tools(self, device: str, everything: bool = False) -> list[dict[str, Any]]:
        """Return a device's tools; ``everything``: also what the host offers its session.

        Raises:
            HostError: the device is not connected, the host does not answer, or refuses.
        """
        path = f"devices/{quote(device, safe='')}/tools"
        found: list[dict[str, Any]] = (await self._send("GET", path + ("?all=1" if everything else "")))["tools"]
        return found

    async def call(self, device: str, tool: str, arguments: Mapping[str, Any]) -> str:
        """Call a tool and return its text.

        Raises:
            ToolError: it failed.
            HostError: the device is not connected, the host does not answer, or refuses.
        """
        path = f"devices/{quote(device, safe='')}/tools/{quote(tool, safe='')}"
        answer = await self._send("POST", path, {"arguments": dict(arguments)})
        if answer["failed"]:
            raise ToolError(answer["text"])
        return str(answer["text"])

    async def say(self, device: str, text: str, **options: Any) -> dict[str, str]:
        """Say something on a device (``all``: on each); returns what became of it, by device.

        Raises:
            HostError: too much waits already, the host does not answer, or refuses.
        """
        path = f"devices/{quote(device, safe='')}/say"
        outcomes: dict[str, str] = (await self._send("POST", path, {"text": text, **options}))["devices"]
        return outcomes

    async def ask(self, device: str, text: str) -> None:
        """Let a device answer a text as if it had been typed there.

        Raises:
            HostError: it is busy or not connected, the host does not answer, or refuses.
        """
        await self._send("POST", f"devices/{quote(device, safe='')}/ask", {"text": text})

    async def _send(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        try:
            async with self._client.request(method, f"{self._address}/api/{path}", json=body) as response:
                said = await response.read()
        except HttpError as error:
            raise HostError(
                f"the host at {self._address} {error}: start it with posewire serve, or say --host URL"
            ) from None
        try:
            data = json.loads(said)
        except ValueError:
            data = None
        if not isinstance(data, dict):
            raise HostError(f"{self._address} answers {response.status}, but not as a Posewire host does")
        if not response.ok:
            raise HostError(str(data.get("message") or f"{self._address} answers {response.status}"))
        return data
