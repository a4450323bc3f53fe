"""The HTTP interface of a running host (docs/http-api.md), for commands and the MCP server."""

import asyncio
from collections.abc import Mapping
from typing import Any, NamedTuple, Self
from urllib.parse import quote

from posewire.errors import ToolError, WireError
from posewire.host_address import http_url
from posewire.host_problems import TLS, cannot_be_reached, not_tls, refused, silent, untrusted
from posewire.http_client import HttpClient, HttpError, NotTlsError, UntrustedError
from posewire.wire.json_text import parse_json

_TIMEOUT = 60.0
_READ_TIMEOUT = 10.0


class Found(NamedTuple):
    """A device that was looked for: its id, whether the host knows it, and whether it is connected."""

    device: str
    known: bool
    connected: bool


class HostClient:
    """Sends requests to one host. Use as an async context manager."""

    def __init__(self, url: str, token: str = "") -> None:
        """Prepare for a host by its address, ws://… or http://….

        Raises:
            ConfigError: it is not an address of a host.
        """
        self._address = http_url(url)
        self._client = HttpClient(_TIMEOUT, token)
        self._with_token = bool(token)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.close()

    async def devices(self) -> list[dict[str, Any]]:
        """Return the connected devices, each with its ``session``.

        Raises:
            HostUnreachableError: the host does not answer, or does not let this program in.
            WireError: it refuses.
        """
        return [device for device in await self._known() if device["session"]]

    async def overview(self) -> dict[str, Any]:
        """Return the ``devices``, the ``rooms`` and the ``statistics`` of the host.

        Raises:
            HostUnreachableError: the host does not answer, or does not let this program in.
            WireError: it refuses.
        """
        return {
            "devices": await self._known(),
            "rooms": (await self._send("GET", "rooms"))["rooms"],
            "statistics": await self._send("GET", "statistics"),
        }

    async def find(self, name: str) -> Found:
        """Find a device by its id or its name, in any case.

        Raises:
            HostUnreachableError: the host does not answer, or does not let this program in.
            WireError: several devices have that name, or the host refuses.
        """
        wanted = name.lower()
        try:
            known = await self._known()
        except WireError as error:
            if error.code != "forbidden":
                raise
            # A token that may act, but not look around: the id must do.
            return Found(wanted, known=True, connected=True)
        of_that_name = [device for device in known if device["device"] == wanted]
        of_that_name = of_that_name or [device for device in known if device["name"].casefold() == name.casefold()]
        if len(of_that_name) > 1:
            ids = ", ".join(device["device"] for device in of_that_name)
            raise WireError(f"several devices are called {name}: use an id ({ids})", "ambiguous")
        if not of_that_name:
            return Found(wanted, known=False, connected=False)
        return Found(of_that_name[0]["device"], known=True, connected=of_that_name[0]["session"] is not None)

    async def tools(self, device: str, everything: bool = False) -> list[dict[str, Any]]:
        """Return a device's tools; ``everything``: also what the host offers its session.

        Raises:
            HostUnreachableError: the host does not answer, or does not let this program in.
            WireError: the device is not connected, or the host refuses.
        """
        path = _device_path(device, "tools")
        found: list[dict[str, Any]] = (await self._send("GET", path + ("?all=1" if everything else "")))["tools"]
        return found

    async def call(self, device: str, tool: str, arguments: Mapping[str, Any]) -> str:
        """Call a tool and return its text.

        Raises:
            ToolError: the tool failed.
            HostUnreachableError: the host does not answer, or does not let this program in.
            WireError: the device is not connected, or the host refuses.
        """
        path = _device_path(device, "tools", tool)
        answer = await self._send("POST", path, {"arguments": dict(arguments)})
        if answer["failed"]:
            raise ToolError(answer["text"])
        return str(answer["text"])

    async def say(self, device: str, text: str, **options: Any) -> dict[str, str]:
        """Say something on a device (``all``: on each); return the outcomes by device.

        Raises:
            HostUnreachableError: the host does not answer, or does not let this program in.
            WireError: too many announcements wait already, or the host refuses.
        """
        path = _device_path(device, "say")
        outcomes: dict[str, str] = (await self._send("POST", path, {"text": text, **options}))["devices"]
        return outcomes

    async def ask(self, device: str, text: str) -> None:
        """Let a device answer a text as if it had been typed there.

        Raises:
            HostUnreachableError: the host does not answer, or does not let this program in.
            WireError: the device is busy or not connected, or the host refuses.
        """
        await self._send("POST", _device_path(device, "ask"), {"text": text})

    async def start_update(self, device: str, image: str = "") -> None:
        """Begin to update a device: its application, or with the name of an ``image`` all of its firmware.

        Raises:
            HostUnreachableError: the host does not answer, or does not let this program in.
            WireError: the device is not connected or cannot be updated, or the host refuses.
        """
        await self._send("POST", _device_path(device, "update"), {"kind": "image", "image": image} if image else {})

    async def update(self, device: str) -> dict[str, Any]:
        """Return the progress of a device's latest update.

        Raises:
            HostUnreachableError: the host does not answer, or does not let this program in.
            WireError: there is none, or the host refuses.
        """
        return await self._send("GET", _device_path(device, "update"))

    async def _known(self) -> list[dict[str, Any]]:
        known: list[dict[str, Any]] = (await self._send("GET", "devices"))["devices"]
        return known

    async def _send(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        url = self._address
        try:
            # What changes nothing is answered at once; an announcement may be waited for until it was said.
            async with asyncio.timeout(_READ_TIMEOUT if method == "GET" else None):
                async with self._client.request(method, f"{url}/api/{path}", json=body) as response:
                    said = await response.read()
        except UntrustedError:
            raise untrusted(url) from None
        except NotTlsError:
            raise not_tls(url) from None
        except TimeoutError as error:
            raise cannot_be_reached(url, error) from None
        except HttpError as error:
            raise silent(url, str(error)) from None
        try:
            data = parse_json(said)
        except ValueError:
            data = None
        if response.ok and isinstance(data, dict):
            return data
        if not isinstance(data, dict) or "code" not in data or response.status == 401 or data["code"] == TLS:
            raise refused(url, response.status, said, self._with_token)
        raise WireError(str(data.get("message") or f"{url} answers {response.status}"), str(data["code"]))


def _device_path(device: str, *parts: str) -> str:
    return "/".join(["devices", *(quote(part, safe="") for part in (device, *parts))])
